"""Takes depots out of the places where an item is sold; used by what the review and the close load."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from services.inventory.domain.closing.day_facts import Moves
from services.inventory.domain.closing.items import ClosingItem
from services.inventory.domain.stock.shelves import DepotShelf, ItemView

DEPOT_IDS = "ARRAY(SELECT store_id FROM stores WHERE kind = 'depot' ORDER BY store_id)"
"""The depots of the chain as an expression, worked out once a statement."""


def without_depots(views: Sequence[ItemView], depot_ids: Collection[str]) -> Sequence[ItemView]:
    """The items with their depots apart; those that no store has are left out: nobody asks for them."""
    if not depot_ids:
        return views
    return [view for view in (_apart(view, frozenset(depot_ids)) for view in views) if view.store_ids]


def closing_without_depots(items: Sequence[ClosingItem], depot_ids: Collection[str]) -> Sequence[ClosingItem]:
    """The same for items whose day is closed: what a depot sends and gets is no demand."""
    if not depot_ids:
        return items
    found = (_closing_apart(item, frozenset(depot_ids)) for item in items)
    return [item for item in found if item.view.store_ids]


def _apart(view: ItemView, depot_ids: frozenset[str]) -> ItemView:
    is_store = np.array([store_id not in depot_ids for store_id in view.store_ids])
    if is_store.all():
        return view
    return replace(
        view,
        store_ids=[store_id for store_id in view.store_ids if store_id not in depot_ids],
        on_hand_milli=view.on_hand_milli[is_store],
        counted=view.counted[is_store],
        first_day=view.first_day[is_store],
        depots=[
            DepotShelf(depot_id=view.store_ids[place], on_hand_milli=int(view.on_hand_milli[place]))
            for place in np.flatnonzero(~is_store).tolist()
        ],
    )


def _closing_apart(item: ClosingItem, depot_ids: frozenset[str]) -> ClosingItem:
    is_store = np.array([store_id not in depot_ids for store_id in item.view.store_ids])
    if is_store.all():
        return item
    moved = is_store[item.moves.row]
    return replace(
        item,
        view=_apart(item.view, depot_ids),
        sold_milli=item.sold_milli[is_store],
        moves=Moves(
            row=(np.cumsum(is_store) - 1)[item.moves.row[moved]],
            at=item.moves.at[moved],
            sold_milli=item.moves.sold_milli[moved],
            moved_milli=item.moves.moved_milli[moved],
        ),
    )

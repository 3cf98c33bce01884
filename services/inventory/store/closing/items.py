"""Rows as items whose day is closed; used by the day's close."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from services.inventory.domain.catalog import ShelfFacts
from services.inventory.domain.closing.day_facts import Moves
from services.inventory.domain.closing.items import ClosingItem
from services.inventory.domain.stock.shelves import ItemView
from services.inventory.store.catalog import item_facts
from services.inventory.store.columns import flat_of

_SHELF_ARRAYS: Mapping[str, type] = {
    "on_hand_milli": np.int64,
    "counted": np.bool_,
    "first_day": np.int64,
    "sold_milli": np.int64,
}
_NOTHING = np.zeros(0, dtype=np.int64)
_NOTHING_MOVED = Moves(row=_NOTHING, at=_NOTHING, sold_milli=_NOTHING, moved_milli=_NOTHING)


def closing_items(
    rows: Sequence[Any], moved: Sequence[Any], stated: Mapping[str, Mapping[str, ShelfFacts]]
) -> Sequence[ClosingItem]:
    """The items of `rows`, with what moved of them and what the shelf plan says; all their arrays are slices of one array a column."""
    flat = {name: flat_of(rows, name, kind) for name, kind in _SHELF_ARRAYS.items()}
    moves = {row.item_id: _moves(row) for row in moved}
    found = []
    start = 0
    for row in rows:
        where = slice(start, start + len(row.store_ids))
        start = where.stop
        told = {} if row.statuses is None else dict(zip(row.plan_store_ids, row.statuses, strict=True))
        found.append(
            ClosingItem(
                view=ItemView(
                    facts=item_facts(row),
                    shelf_facts=stated.get(row.item_id, {}),
                    store_ids=row.store_ids,
                    on_hand_milli=flat["on_hand_milli"][where],
                    counted=flat["counted"][where],
                    first_day=flat["first_day"][where],
                ),
                sold_milli=flat["sold_milli"][where],
                state=row.state,
                learned_milli=dict(zip(row.learned_store_ids, row.learned_milli, strict=True)),
                told=told,
                moves=moves.get(row.item_id, _NOTHING_MOVED),
            )
        )
    return found


def _moves(row: Any) -> Moves:
    return Moves(
        row=np.array(row.places, dtype=np.int64),
        at=np.array(row.at, dtype=np.int64),
        sold_milli=np.array(row.sold_milli, dtype=np.int64),
        moved_milli=np.array(row.moved_milli, dtype=np.int64),
    )

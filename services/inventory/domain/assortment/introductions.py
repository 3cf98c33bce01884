"""What to introduce in a store: items that a store does not carry, but that sell in comparable stores or are searched for; called by the desk."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.assortment.evidence import (
    SHOWN_WEEKS,
    UNITS_PER_SEARCH,
    Seller,
    listed,
    sentence,
    sought_words,
    spread_over,
)
from services.inventory.domain.assortment.likeness import Likeness, Range, comparable, expected_in_store
from services.inventory.domain.assortment.searches import NOT_SOUGHT, Sought
from services.inventory.domain.assortment.stop_rule import StopRule, stop_rule
from services.inventory.domain.learning.facts import BoolArray, FloatArray

COMPARABLE_STORES = 5
LEAST_STORES = 2
"""In fewer stores it is a story, no evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """One item that a store should try."""

    item_id: str
    store_id: str
    expected_units_week: float
    expected_cents_week: int
    sellers: Sequence[Seller]
    sought: Sought
    rule: StopRule
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which lines are wanted: so many, the most valuable (or by units alone), without those that were decided on."""

    limit: int = 20
    by_value: bool = True
    decided: Collection[str] = ()


def introductions(  # the chain, its likeness and prices, a place, what was searched there, what is wanted
    carried: Range,
    like: Likeness,
    prices: FloatArray,
    store: int,
    sought: Mapping[str, Sought],
    wish: Wish,
) -> Sequence[Introduction]:
    """The best lines, best first; of equals the one with the first item id. `sought` is by item, in this store."""
    expected = expected_in_store(carried, like, store)
    searches = np.array([sought.get(item_id, NOT_SOUGHT).searches for item_id in carried.item_ids], dtype=np.float64)
    worth = (expected + UNITS_PER_SEARCH * searches / SHOWN_WEEKS) * (prices if wish.by_value else 1.0)
    places = np.flatnonzero(_open(carried, store, wish.decided))
    order = places[np.lexsort((places, -worth[places]))][: wish.limit]
    return [
        _line(carried, like, (place, store), float(expected[place]), float(prices[place]), sought)
        for place in order.tolist()
    ]


def _open(carried: Range, store: int, decided: Collection[str]) -> BoolArray:
    """Items that are not there, that enough other stores carry, and that nobody has decided on."""
    undecided = np.array([item_id not in decided for item_id in carried.item_ids], dtype=np.bool_)
    found: BoolArray = ~carried.carried[:, store] & (carried.carried.sum(axis=1) >= LEAST_STORES) & undecided
    return found


def _line(
    carried: Range,
    like: Likeness,
    shelf: tuple[int, int],
    expected: float,
    price: float,
    sought: Mapping[str, Sought],
) -> Introduction:
    item, store = shelf
    stores = comparable(carried, like, item, store, COMPARABLE_STORES)
    item_id = carried.item_ids[item]
    sellers = [
        Seller(item_id=item_id, store_id=carried.store_ids[place], units_week=float(carried.weekly[item, place]))
        for place in stores.tolist()
    ]
    mean = sum(one.units_week for one in sellers) / len(sellers)
    found = sought.get(item_id, NOT_SOUGHT)
    sells = f"sells {mean:.1f} a week in {len(sellers)} comparable stores {listed(sellers, 'store_id')}"
    rule = stop_rule(expected, spread_over(carried, item, stores, expected))
    return Introduction(
        item_id=item_id,
        store_id=carried.store_ids[store],
        expected_units_week=expected,
        expected_cents_week=round(expected * price),
        sellers=sellers,
        sought=found,
        rule=rule,
        says=sentence([sells, sought_words(found), f"{expected:.1f} a week expected here"]) + f" On trial: {rule.says}",
    )

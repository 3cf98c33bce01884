"""Where an item would sell best that is new, or that not all stores carry: from its own sales, else from look-alikes; called by the desk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np

from services.inventory.domain.assortment.evidence import (
    Seller,
    listed,
    sentence,
    sought_words,
    spread_over,
    wanted_week,
)
from services.inventory.domain.assortment.likeness import Likeness, Range, comparable, expected_everywhere
from services.inventory.domain.assortment.searches import NOT_SOUGHT, Sought
from services.inventory.domain.assortment.stop_rule import StopRule, stop_rule
from services.inventory.domain.learning.facts import FloatArray

LOOK_ALIKES = 8
COMPARABLE_STORES = 5
_SAME_BRAND = 2.0
_SAME_TYPE = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What likeness of items is judged by."""

    item_id: str
    category: str
    item_type: str
    brand: str | None = None
    price_cents: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One store for the item. `sellers` are its own sales in comparable stores, or look-alikes' in this one."""

    item_id: str
    store_id: str
    expected_units_week: float
    sellers: Sequence[Seller]
    sought: Sought
    rule: StopRule
    says: str


def closeness(item: Traits, other: Traits) -> float:
    """How alike two items are: category, type, brand and price; 0 for another category. Symmetric.

    >>> milk = Traits(item_id="1", category="milk", item_type="fresh", price_cents=100)
    >>> closeness(milk, milk), closeness(milk, Traits(item_id="2", category="soap", item_type="fresh"))
    (4.0, 0.0)
    """
    if item.category != other.category:
        return 0.0
    found = _SAME_TYPE if item.item_type == other.item_type else 1.0
    if item.brand is not None and item.brand == other.brand:
        found *= _SAME_BRAND
    if item.price_cents and other.price_cents:
        found *= exp(-abs(log(item.price_cents / other.price_cents)))
    return found


def placements(  # the chain, its likeness, an item, all items' traits, what was searched where, how many
    carried: Range,
    like: Likeness,
    item: Traits,
    traits: Sequence[Traits],
    sought: Mapping[str, Sought],
    limit: int,
) -> Sequence[Placement]:
    """The stores that do not carry it, best first; of equals the first. `traits` of the items of `carried`, `sought` by store.

    Nothing where neither the item nor one that is like it sells anywhere.
    """
    place = carried.place_of(item.item_id)
    if place is not None and carried.carried[place].any():
        expected, has, own = expected_everywhere(carried, like, place), carried.carried[place], place
        alike: Sequence[tuple[int, float]] = ()
    else:
        alike = look_alikes(carried, item, traits)
        if not alike:
            return []
        expected, has, own = _by_look_alikes(carried, like, alike), np.zeros(len(carried.store_ids), np.bool_), -1
    figures = [sought.get(store_id, NOT_SOUGHT) for store_id in carried.store_ids]
    stores = np.flatnonzero(~has)
    worth = np.array([wanted_week(float(expected[store]), figures[store]) for store in stores.tolist()])
    order = stores[np.lexsort((stores, -worth))][:limit].tolist()
    if own >= 0:
        return [_from_stores(carried, like, own, store, float(expected[store]), figures[store]) for store in order]
    return [
        _from_look_alikes(carried, item.item_id, alike, store, float(expected[store]), figures[store])
        for store in order
    ]


def look_alikes(carried: Range, item: Traits, traits: Sequence[Traits]) -> Sequence[tuple[int, float]]:
    """Rows of the items most like it that sell somewhere, the most alike first, with their closeness."""
    found = [
        (closeness(item, other), row)
        for row, other in enumerate(traits)
        if other.item_id != item.item_id and other.category == item.category and carried.carried[row].any()
    ]
    return [(row, close) for close, row in sorted(found, key=lambda pair: (-pair[0], pair[1]))[:LOOK_ALIKES]]


def _by_look_alikes(carried: Range, like: Likeness, alike: Sequence[tuple[int, float]]) -> FloatArray:
    """What they sell there, or would; the alike count most."""
    whole = sum(close for _, close in alike)
    found: FloatArray = np.zeros(len(carried.store_ids))
    for row, close in alike:
        sells = np.where(carried.carried[row], carried.weekly[row], expected_everywhere(carried, like, row))
        found += close / whole * sells
    return found


def _from_stores(carried: Range, like: Likeness, item: int, store: int, expected: float, sought: Sought) -> Placement:
    stores = comparable(carried, like, item, store, COMPARABLE_STORES)
    item_id = carried.item_ids[item]
    sellers = [
        Seller(item_id=item_id, store_id=carried.store_ids[place], units_week=float(carried.weekly[item, place]))
        for place in stores.tolist()
    ]
    mean = sum(one.units_week for one in sellers) / len(sellers)
    sells = f"sells {mean:.1f} a week in {len(sellers)} comparable stores {listed(sellers, 'store_id')}"
    rule = stop_rule(expected, spread_over(carried, item, stores, expected))
    return _placed(item_id, carried.store_ids[store], expected, sellers, sought, rule, sells)


def _from_look_alikes(
    carried: Range, item_id: str, alike: Sequence[tuple[int, float]], store: int, expected: float, sought: Sought
) -> Placement:
    store_id = carried.store_ids[store]
    there = [row for row, _ in alike if carried.carried[row, store]]
    sellers = [
        Seller(item_id=carried.item_ids[row], store_id=store_id, units_week=float(carried.weekly[row, store]))
        for row in there
    ]
    if sellers:
        mean = sum(one.units_week for one in sellers) / len(sellers)
        sells = f"{len(sellers)} items like it sell {mean:.1f} a week here {listed(sellers, 'item_id')}"
    else:
        sells = f"none of the {len(alike)} items like it is here"
    excess = [carried.excess[row, store] for row in there]
    spread = 1.0 + (float(np.median(excess)) if excess else 0.0) * expected
    return _placed(item_id, store_id, expected, sellers, sought, stop_rule(expected, spread), sells)


def _placed(  # noqa: PLR0913  # one line's parts
    item_id: str,
    store_id: str,
    expected: float,
    sellers: Sequence[Seller],
    sought: Sought,
    rule: StopRule,
    sells: str,
) -> Placement:
    words = sentence([sells, sought_words(sought), f"{expected:.1f} a week expected here"])
    return Placement(
        item_id=item_id,
        store_id=store_id,
        expected_units_week=expected,
        sellers=sellers,
        sought=sought,
        rule=rule,
        says=f"{words} On trial: {rule.says}",
    )

"""The trigger and aim of each shelf under its class's policy and service target; called by planning after the learned levels.

Symbols: D demand until the order after this one can arrive (mean m, variance v), s trigger, S aim, P presentation minimum, K capacity.

    cycle service   s = least x with P(D <= x) >= target
    fill rate       s = least x with E[(D - x)+] <= (1 - target) max(Q, m),   Q = S - s, what an order brings
    newsvendor      S = least x with P(D <= x) >= margin / (margin + cost - salvage), D over no longer than the shelf life
    presentation    s >= ceil(m) + P: the shelf still shows P when demand was as expected; S rises as much
    capacity        s, S <= K

Sources: Silver, Pyke, Thomas, Inventory and Production Management in Supply Chains, chapters 6 and 9 (fill rate as P2).
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.catalog import ItemFacts, ShelfFacts
from services.inventory.domain.distribution import (
    GREATEST_EXACT_MEAN,
    FloatArray,
    IntArray,
    quantile,
    shortage,
    shortages,
)
from services.inventory.domain.policies.classes import (
    NO_CLASS,
    ItemClass,
    Manual,
    MinMax,
    Newsvendor,
    OrderMultiples,
    OrderUpTo,
    PeriodicReview,
    PolicyBook,
    ServiceTarget,
)
from services.inventory.domain.stock.shelves import ItemView

_UNIT = 1000
_TAIL = 12
"""Standard deviations above the mean in which a fill rate's trigger is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfNeeds:
    """One item's shelves: demand over their protection time in units, and the levels that were learned."""

    rate: FloatArray
    mean: FloatArray
    variance: FloatArray
    protection_days: FloatArray
    trigger: IntArray
    aim: IntArray

    def rows(self, which: IntArray) -> "ShelfNeeds":
        """Those of some shelves."""
        return ShelfNeeds(
            rate=self.rate[which],
            mean=self.mean[which],
            variance=self.variance[which],
            protection_days=self.protection_days[which],
            trigger=self.trigger[which],
            aim=self.aim[which],
        )


Levels = tuple[IntArray, IntArray]


def stated_levels(items: Sequence[ItemView], starts: IntArray, needs: ShelfNeeds, book: PolicyBook) -> Levels:
    """Trigger and aim of all shelves of a batch, item by item from `starts`; untouched where nothing is stated of them."""
    trigger, aim = needs.trigger, needs.aim
    for place, item in enumerate(items):
        if not book.classes and not item.shelf_facts:
            continue
        rows: IntArray = np.arange(starts[place], starts[place + 1])
        own = needs.rows(rows)
        limits = shelf_limits(item.facts, item.store_ids, own.rate, book, item.shelf_facts)
        trigger[rows], aim[rows] = shown(class_levels(item.facts, own, book), own.mean, limits)
    return trigger, aim


def class_levels(facts: ItemFacts, needs: ShelfNeeds, book: PolicyBook) -> Levels:
    """Trigger and aim in units: as learned, but for shelves that a class of the book holds for."""
    trigger, aim = needs.trigger.copy(), needs.aim.copy()
    places = book.places(facts, needs.rate)
    for place in sorted(set(places.tolist()) - {NO_CLASS}):
        which: IntArray = np.flatnonzero(places == place)
        trigger[which], aim[which] = levels_under(book.classes[place], facts, needs.rows(which))
    return trigger, aim


def levels_under(one: ItemClass, facts: ItemFacts, needs: ShelfNeeds) -> Levels:
    """Trigger and aim of shelves under one class, before capacity."""
    policy = one.policy
    if isinstance(policy, Manual):
        return np.zeros_like(needs.trigger), np.zeros_like(needs.aim)
    if isinstance(policy, MinMax):
        return _whole(needs, policy.min_units), _whole(needs, policy.max_units)
    if isinstance(policy, Newsvendor):
        best = _newsvendor(policy, facts, needs)
        return best, best
    cover = needs.aim - needs.trigger
    if isinstance(policy, OrderUpTo) and policy.cover_days is not None:
        cover = np.maximum(np.ceil(needs.rate * policy.cover_days), 1.0).astype(np.int64)
    if isinstance(policy, OrderMultiples):
        cover = np.zeros_like(cover)
    lot = policy.lot_packs * facts.pack_milli / _UNIT if isinstance(policy, OrderMultiples) else 0.0
    trigger = needs.trigger if one.service is None else _served(one.service, needs, np.maximum(cover, lot))
    if isinstance(policy, PeriodicReview):
        return trigger, trigger
    return trigger, trigger + cover


def shown(levels: Levels, mean: FloatArray, limits: Sequence[ShelfFacts]) -> Levels:
    """The levels with presentation minimum and capacity of each shelf; a shelf that is ordered by hand (aim 0) stays so."""
    trigger, aim = levels[0].copy(), levels[1].copy()
    for place, shelf in enumerate(limits):
        if aim[place] <= 0:
            continue
        if shelf.presentation_milli:
            least = int(np.ceil(mean[place])) + -(-shelf.presentation_milli // _UNIT)
            aim[place] += max(least - int(trigger[place]), 0)
            trigger[place] = max(int(trigger[place]), least)
        if shelf.capacity_milli is not None:
            room = shelf.capacity_milli // _UNIT
            trigger[place], aim[place] = min(int(trigger[place]), room), min(int(aim[place]), room)
    return trigger, aim


def shelf_limits(
    facts: ItemFacts, store_ids: Sequence[str], rate: FloatArray, book: PolicyBook, known: Mapping[str, ShelfFacts]
) -> Sequence[ShelfFacts]:
    """What the shelf plan says of each store, and where it says nothing, the class."""
    places = book.places(facts, rate).tolist()
    found = []
    for store_id, place in zip(store_ids, places, strict=True):
        shelf = known.get(store_id, ShelfFacts())
        limits = None if place == NO_CLASS else book.classes[place].limits
        found.append(
            ShelfFacts(
                capacity_milli=_first(shelf.capacity_milli, limits and limits.capacity_units),
                presentation_milli=_first(shelf.presentation_milli, limits and limits.presentation_units),
            )
        )
    return found


def _first(known_milli: int | None, units: float | None) -> int | None:
    if known_milli is not None or units is None:
        return known_milli
    return round(units * _UNIT)


def _whole(needs: ShelfNeeds, units: float) -> IntArray:
    return np.full(len(needs.rate), int(np.ceil(units)), dtype=np.int64)


def _served(service: ServiceTarget, needs: ShelfNeeds, order_units: FloatArray | IntArray) -> IntArray:
    """The least trigger that keeps the promise."""
    if service.kind == "cycle":
        return quantile(needs.mean, needs.variance, np.full(len(needs.mean), service.ratio))
    allowed = (1 - service.ratio) * np.maximum(order_units, needs.mean) + 1e-12
    ends = np.ceil(needs.mean + _TAIL * np.sqrt(np.maximum(needs.variance, 1.0))).astype(np.int64)
    found: IntArray = np.zeros(len(ends), dtype=np.int64)
    small = needs.mean <= GREATEST_EXACT_MEAN
    greatest = int(ends[small].max(initial=1))
    missed = shortages(needs.mean[small], needs.variance[small], greatest)
    found[small] = np.minimum((missed > allowed[small, None]).sum(axis=1), greatest)
    for row in np.flatnonzero(~small).tolist():  # a table of these would be as wide as their demand
        found[row] = _least_stock(
            float(needs.mean[row]), float(needs.variance[row]), float(allowed[row]), int(ends[row])
        )
    return found


def _least_stock(mean: float, variance: float, allowed: float, most: int) -> int:
    """The least stock above which no more than so much is expected to be asked for."""
    return bisect_left(range(most), True, key=lambda stock: shortage(mean, variance, stock) <= allowed)  # noqa: FBT003


def critical_ratio(policy: Newsvendor, facts: ItemFacts) -> float:
    """How often a piece more should have been enough: what a missed sale costs over that plus what a wasted piece costs.

    >>> critical_ratio(Newsvendor(), ItemFacts(item_id="a", category="c", price_cents=400, cost_cents=100))
    0.75
    """
    price = facts.price_cents
    cost = facts.cost_cents if facts.cost_cents is not None else (price or 0) * policy.waste_ratio
    margin = max((price if price is not None else cost * 2) - cost, 0.0)
    wasted = cost * (1 - policy.salvage_ratio)
    return min(max(margin / (margin + wasted), 0.01), 0.995) if margin + wasted > 0 else 0.5


def _newsvendor(policy: Newsvendor, facts: ItemFacts, needs: ShelfNeeds) -> IntArray:
    """The newsvendor's quantile; where a lot spoils before the next order comes, only what sells within its life counts."""
    ratio = critical_ratio(policy, facts)
    share = np.ones(len(needs.mean))
    if facts.shelf_life_days is not None:
        share = np.minimum(facts.shelf_life_days / np.maximum(needs.protection_days, 1e-9), 1.0)
    return quantile(needs.mean * share, needs.variance * share, np.full(len(needs.mean), ratio))

"""One item in all its stores, as a review sees it: what the store loads, and the plan that it keeps for the rest of the day."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from services.inventory.domain.catalog import ItemFacts, ShelfFacts
from services.inventory.domain.commands.command import Command
from services.inventory.domain.demand.demand import CategoryLevel, Rates
from services.inventory.domain.distribution import FloatArray, IntArray
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.stock.stock import Rungs

SEEN_DAYS_PER_DAY_HELD = 5.0
GREATEST_DAYS_HELD = 7.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_of(at: datetime) -> int:
    """The UTC day of a moment, counted from 1970-01-01.

    >>> day_of(datetime(1970, 1, 3, 5, tzinfo=UTC))
    2
    """
    return (at - _EPOCH).days


def start_of(day: int) -> datetime:
    """When a day began."""
    return _EPOCH + timedelta(days=day)


def weekday_of(day: int) -> int:
    """Its weekday; 0 is Monday (1970-01-01 was a Thursday)."""
    return (day + 3) % 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPlan:
    """What a review found, for the rest of its day and some days more; arrays in the order of `store_ids`, which is sorted."""

    item_id: str
    day: int
    store_ids: Sequence[str]
    rates: Rates
    voucher_units: FloatArray
    """Units expected on vouchers until an order decided now has to be followed by another."""

    trigger_milli: IntArray
    order_up_to_milli: IntArray
    statuses: npt.NDArray[np.int8]
    """The availability that offers was told last, per store."""

    excess: Spread | None = None
    """How far demand strays from the rates, where a day's close made the plan; None where the review did."""

    promotion_units: FloatArray | None = None
    """Units more by promotions over the same time, which the rates include; None where the review made the plan."""

    predecessor: str | None = None
    """The superseded items whose demand this one has; what there is of them counts for its orders, in thousandths per store:"""

    stands_in_milli: IntArray | None = None
    successor: str | None = None
    """The item that has this one's demand: nothing more is ordered of this one."""

    served_else: FloatArray | None = None
    """The share of what a shelf misses that substitutes there would sell instead; None where there is none."""

    def holds_on(self, day: int) -> bool:
        """Whether it may still be used: for its own day, and for the longer the more days its rates were seen on."""
        if day == self.day:
            return True
        longest = min(max(float(self.shelf_days.mean()) / SEEN_DAYS_PER_DAY_HELD, 1.0), GREATEST_DAYS_HELD)
        return 0 <= day - self.day < longest

    def serves(self, store_ids: Sequence[str], day: int) -> bool:
        """Whether it holds on this day and is one for these stores."""
        return self.holds_on(day) and (self.store_ids is store_ids or list(self.store_ids) == list(store_ids))

    @property
    def rate(self) -> FloatArray:
        """Units a day on an average weekday."""
        return self.rates.rate

    @property
    def shelf_days(self) -> FloatArray:
        """Decayed days that the rates were seen on."""
        return self.rates.shelf_days


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySums:
    """What an item sold and moved by store (index into the view's stores) and day, for the days of the window."""

    store_index: IntArray
    day: IntArray
    sold_milli: IntArray
    moved_milli: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotShelf:
    """One item in one depot."""

    depot_id: str
    on_hand_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """One item: its stores in the order of their ids, stock, what was asked for, and the last plan."""

    facts: ItemFacts
    store_ids: Sequence[str]
    on_hand_milli: IntArray
    counted: npt.NDArray[np.bool_]
    first_day: IntArray
    """When each shelf was first heard of."""

    commands: Sequence[Command] = ()
    """Open ones, and those whose need lies today or later."""

    plan: ItemPlan | None = None
    history: DaySums | None = None
    """Loaded where the plan is to be made anew."""
    shelf_facts: Mapping[str, ShelfFacts] = field(default_factory=dict)
    """By store, where the shelf plan says something."""
    ladder: Sequence[Rungs] | None = None
    """How much may be sold until when, per store (lots.py); None where nothing spoils as far as anybody knows."""
    depots: Sequence[DepotShelf] = ()
    """The depots that hold the item, in the order of their ids: apart from the stores, nobody shops there."""

    def needs_plan(self, day: int) -> bool:
        """Whether there is no plan for these stores that may still be used on this day."""
        return self.plan is None or not self.plan.serves(self.store_ids, day)


@dataclass(frozen=True, slots=True)
class Levels:
    """The categories' levels of the day, the chain's under the empty name, and how many shelves each has in a store."""

    by_category: dict[str, CategoryLevel] = field(default_factory=dict)
    shelves_per_store: dict[str, float] = field(default_factory=dict)

    def whole(self, nothing: CategoryLevel) -> CategoryLevel:
        """All categories together."""
        known = self.by_category.values()
        if not known:
            return nothing
        return CategoryLevel(
            category="",
            weekday_milli=_sums(level.weekday_milli for level in known),
            weekday_shelf_days=_sums(level.weekday_shelf_days for level in known),
        )


def _sums(columns: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sum(values) for values in zip(*columns, strict=True))

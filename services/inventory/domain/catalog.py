"""What planning knows of items and of the lanes that supply stores; filled from master data by the store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

ANY_STORE = "*"
_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFacts:
    """One item. Money in minor units of `currency`; a price or cost that nobody gave is None."""

    item_id: str
    category: str
    pack_milli: int = 1000
    price_cents: int | None = None
    cost_cents: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """How a store is supplied; `store_id` may be `*`, `category` None for all of them."""

    lane_id: str
    supplier_id: str
    store_id: str = ANY_STORE
    category: str | None = None
    lead_time_hours: int = 48
    order_weekdays: Sequence[int] = (0, 1, 2, 3, 4, 5, 6)
    """0 is Monday; an order placed on another day waits for the next of these."""

    @property
    def lead_days(self) -> float:
        """Days from order to arrival."""
        return self.lead_time_hours / 24

    def wait_days(self, weekday: int) -> int:
        """Days from `weekday` until an order can go out."""
        return min((day - weekday) % _WEEK for day in self.order_weekdays)

    def arrives_at(self, now: datetime) -> datetime:
        """When an order that is decided now will be there."""
        return now + timedelta(days=self.wait_days(now.weekday()), hours=self.lead_time_hours)

    def protection_days(self, weekday: int) -> float:
        """How long an order that is decided now must last: until the one after it can arrive."""
        first = self.wait_days(weekday)
        following = 1 + self.wait_days((weekday + first + 1) % _WEEK)
        return first + following + self.lead_days


DEFAULT_LANE = Lane(lane_id="default", supplier_id="default")
"""Where the catalogue names no lane: two days from order to arrival, every day."""


@dataclass(frozen=True, slots=True)
class LaneBook:
    """Finds the lane of a store and category: the most specific one, of several the first by id."""

    lanes: dict[tuple[str, str | None], Lane] = field(default_factory=dict)
    default: Lane = DEFAULT_LANE

    @classmethod
    def of(cls, lanes: Iterable[Lane], default: Lane = DEFAULT_LANE) -> "LaneBook":
        """A book of these lanes."""
        known: dict[tuple[str, str | None], Lane] = {}
        for lane in sorted(lanes, key=lambda each: each.lane_id):
            known.setdefault((lane.store_id, lane.category), lane)
        return cls(known, default)

    def find(self, store_id: str, category: str) -> Lane:
        """The lane that supplies this category in this store."""
        for key in ((store_id, category), (store_id, None), (ANY_STORE, category), (ANY_STORE, None)):
            lane = self.lanes.get(key)
            if lane is not None:
                return lane
        return self.default

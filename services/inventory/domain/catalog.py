"""What planning knows of items and of the lanes that supply stores; filled from master data by the store."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

ANY_STORE = "*"
_WEEK = 7
_DAY_SECONDS = 86_400
END_OF_DAY = time(23, 59)
_FARTHEST_DAYS = 400
"""A lane that is closed for longer is taken as open on the last of these days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFacts:
    """One item. Money in minor units of `currency`; a price or cost that nobody gave is None."""

    item_id: str
    category: str
    pack_milli: int = 1000
    price_cents: int | None = None
    cost_cents: int | None = None
    currency: str = ""
    shelf_life_days: int | None = None
    layer_packs: int = 1
    """Packs in a layer of a pallet."""
    least_packs: int = 1
    """The least that a supplier sells on one order line."""
    weight_grams: int = 0
    """Of a whole unit; 0 where nobody said."""
    volume_ml: int = 0
    name: str = ""
    """What people call it."""

    def worth_cents(self, quantity_milli: int) -> int | None:
        """What so much of it costs, or would sell for where no cost is known."""
        each = self.price_cents if self.cost_cents is None else self.cost_cents
        return None if each is None else each * quantity_milli // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfFacts:
    """What the shelf plan says of one item in one store, in thousandths; None where it says nothing."""

    capacity_milli: int | None = None
    presentation_milli: int | None = None
    lots_are_named: bool = False
    """Whether deliveries ever told their last days here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLimits:
    """What all orders of a lane's round together must keep to; None where it says nothing."""

    truck_units: int | None = None
    truck_grams: int | None = None
    truck_ml: int | None = None
    fills_truck: bool = False
    """A truck that is paid whole is filled up with what is worth most, as long as it is worth anything."""
    budget_cents: int | None = None
    minimum_cents: int | None = None

    @property
    def is_free(self) -> bool:
        """Whether nothing is said: then no order waits for others."""
        has_truck = self.truck_units is not None or self.truck_grams is not None or self.truck_ml is not None
        return not has_truck and self.budget_cents is None and self.minimum_cents is None


NO_LIMITS = LaneLimits()


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
    cutoff_at: time | None = None
    """Until when an order counts for its day, on the clocks of `time_zone`; later ones wait for the next order day."""
    time_zone: str = "UTC"
    closed_on: Collection[date] = ()
    """Days on which nothing is ordered and nothing arrives."""
    limits: LaneLimits = NO_LIMITS
    late_days: float = 0.0
    """By how much its orders come later than said, as learned (lead_times.py), and the variance of that."""
    late_variance_days: float = 0.0
    rank: int = 0
    """Of the lanes that supply the same, the lower is asked first."""
    depot_id: str | None = None
    """The chain's own depot that it begins at; None where a supplier gives."""

    @property
    def lead_days(self) -> float:
        """Days from order to arrival."""
        return self.lead_time_hours / 24

    def wait_days(self, weekday: int) -> int:
        """Days from `weekday` until an order can go out, closed days and cut-off apart."""
        return min((day - weekday) % _WEEK for day in self.order_weekdays)

    @property
    def closes_at(self) -> time | None:
        """Its cut-off; a lane with limits that says none closes at the end of the day."""
        return self.cutoff_at or (None if self.limits.is_free else END_OF_DAY)

    def closed_at(self, now: datetime) -> datetime | None:
        """Its latest cut-off that has passed; None for a lane that has none."""
        if self.closes_at is None:
            return None
        local = now.astimezone(ZoneInfo(self.time_zone))
        for back in range(_FARTHEST_DAYS):
            moment = datetime.combine(local.date() - timedelta(days=back), self.closes_at, local.tzinfo)
            if moment <= local and self._is_open(moment.date()):
                return moment.astimezone(now.tzinfo)
        return None

    def orders_at(self, now: datetime) -> datetime:
        """When an order that is decided now goes out: now on an order day, or at the first cut-off that is still ahead."""
        return self._order_moment(now, 0)

    def orders_after(self, ordered_at: datetime) -> datetime:
        """The next chance to order on a later day."""
        return self._order_moment(ordered_at, 1)

    def arrives_at(self, now: datetime) -> datetime:
        """When an order that is decided now will be there."""
        return self._arrival(self.orders_at(now))

    def protection_days(self, weekday: int) -> float:
        """How long an order decided on `weekday` must last, closed days and cut-off apart."""
        first = self.wait_days(weekday)
        following = 1 + self.wait_days((weekday + first + 1) % _WEEK)
        return first + following + self.lead_days

    def protection_from(self, start: datetime) -> float:
        """Days that an order decided at `start` must last by the calendar: until the one after it can arrive."""
        following = self.orders_after(self.orders_at(start))
        return (self._arrival(following) - start).total_seconds() / _DAY_SECONDS

    def _order_moment(self, now: datetime, least_days: int) -> datetime:
        open_on = _OpenDays(tuple(self.order_weekdays), frozenset(self.closed_on), self.time_zone)
        return _order_moment(open_on, self.closes_at, now, now.tzinfo, least_days)

    def _is_open(self, day: date) -> bool:
        return day.weekday() in self.order_weekdays and day not in self.closed_on

    def _arrival(self, ordered_at: datetime) -> datetime:
        arrival = ordered_at + timedelta(hours=self.lead_time_hours)
        for _ in range(_FARTHEST_DAYS if self.closed_on else 0):
            if arrival.astimezone(ZoneInfo(self.time_zone)).date() not in self.closed_on:
                break
            arrival += timedelta(days=1)
        return arrival


class _OpenDays(NamedTuple):
    """When a lane takes orders, but for its cut-off."""

    weekdays: tuple[int, ...]
    closed_on: frozenset[date]
    time_zone: str


# A review asks the same few lanes about the same moment for every shelf that is short.
@lru_cache(maxsize=4_096)
def _order_moment(
    open_on: _OpenDays, closes_at: time | None, now: datetime, zone: tzinfo | None, least_days: int
) -> datetime:
    """The first moment to order, at least so many days ahead, in `zone`."""
    local = now.astimezone(ZoneInfo(open_on.time_zone))
    clock = closes_at or local.time()
    for ahead in range(least_days, _FARTHEST_DAYS):
        day = local.date() + timedelta(days=ahead)
        moment = datetime.combine(day, clock, local.tzinfo)
        in_time = moment > local or (closes_at is None and ahead == 0)
        if in_time and day.weekday() in open_on.weekdays and day not in open_on.closed_on:
            return moment.astimezone(zone)
    return now + timedelta(days=_FARTHEST_DAYS)

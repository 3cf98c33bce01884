"""What a customer's trips say apart from any question: rhythm per item, trips, labels as codes; features are made from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from libs.ranking.population import PopulationState
from libs.ranking.state import DAY_SECONDS, CustomerRankingState, Integers

Floats = npt.NDArray[np.float64]

SAME_DAY = 0.5  # days: two purchases closer than this are one need
GAP_MEMORY = 0.8  # weight of a gap against the one after it
TRIP_MEMORY = 0.85
USUAL_TRIP_GAP_DAYS = 7.0
POOLED_GAPS = 1.5  # the pooled interval weighs like this many own gaps
_FEW = 1 << 15  # numbers below it are sorted by radix


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Per item: gaps between its purchases, as weighted sums of log(days + 0.5), the newest gap weighing most."""

    weight: Floats
    log_sum: Floats
    log_square_sum: Floats
    newest_days: Floats  # 0 where there is no gap yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips:
    """Trips in ascending time and their items by number, from zero, each on some trip; `line_visits` ascend.

    `sizes` count the items of a trip whether they have a line or not.
    """

    at_seconds: Integers
    utc_offset_minutes: Integers
    stores: Integers
    sizes: Integers
    line_visits: Integers
    line_items: Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """The items of trips: rows and label codes in a population, aligned with their numbers."""

    rows: Integers
    category_codes: Integers
    type_codes: Integers


@dataclass(frozen=True, slots=True)
class History:
    """One customer's trips and goods, in the rows and codes of a population."""

    trips: Trips
    goods: Goods
    store_names: Sequence[str]

    @property
    def visits(self) -> int:
        """How many trips there are."""
        return len(self.trips.at_seconds)

    @property
    def rows(self) -> Integers:
        """The items' rows in the population."""
        return self.goods.rows

    @classmethod
    def of(cls, state: CustomerRankingState, population: PopulationState) -> "History":
        """The history of a customer, in the rows and codes of this population."""
        trips = Trips(
            at_seconds=state.visit_at_seconds,
            utc_offset_minutes=state.visit_utc_offset_minutes,
            stores=state.visit_stores,
            sizes=state.visit_sizes,
            line_visits=state.line_visits,
            line_items=state.line_items,
        )
        goods = Goods(
            rows=population.rows(state.items),
            category_codes=population.categories.codes(state.categories),
            type_codes=population.types.codes(state.types),
        )
        return cls(trips, goods, state.stores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What trips say, as arrays over visits, items and lines: of one customer, or of several one after the other.

    `visits_by_item` are the visits of the first item, then those of the second, ...; an item's begin at its `starts`.
    """

    days: Floats
    hours: Floats
    weekdays: Integers
    visits_by_item: Integers
    starts: Integers
    counts: Floats
    first_visit: Integers
    last_visit: Integers
    rhythm: Rhythm

    @classmethod
    def of(cls, trips: Trips, items: int) -> "Habits":
        """Those of trips with so many items."""
        days = trips.at_seconds / DAY_SECONDS
        local = days + trips.utc_offset_minutes / 1440
        counts = np.bincount(trips.line_items, minlength=items)
        starts = np.cumsum(counts) - counts
        order = _by_item(trips.line_items, items)
        visits = trips.line_visits.take(order)
        return cls(
            days=days,
            hours=(local % 1) * 24,
            weekdays=weekday_of(local),
            visits_by_item=visits,
            starts=starts,
            counts=counts.astype(np.float64),
            first_visit=visits.take(starts),
            last_visit=visits.take(starts + counts - 1),
            rhythm=_rhythm(days.take(visits), trips.line_items.take(order), items),
        )

    def log_interval_days(self, pooled_log_gap: Floats) -> Floats:
        """Log of the days between purchases of each item: the customer's own gaps, drawn to the pooled one while they are few."""
        return (self.rhythm.log_sum + POOLED_GAPS * pooled_log_gap) / (self.rhythm.weight + POOLED_GAPS)

    def trips_between(self) -> Floats:
        """Trips from one purchase of each item to the next; as if six trips had gone by while few are known."""
        return trips_between(self.first_visit, self.last_visit, self.counts)


def trips_between(first_visit: Integers, last_visit: Integers, counts: Floats | Integers) -> Floats:
    """See Habits.trips_between."""
    return np.asarray((last_visit - first_visit + 6.0) / (counts + 0.5))


def trip_gap_days(visit_days: Floats) -> float:
    """The faded mean of the days between trips, the newest gap weighing most; a usual one while there is none."""
    gaps = visit_days[1:] - visit_days[:-1]
    return _weighted_mean(gaps, fading(TRIP_MEMORY, len(gaps)), USUAL_TRIP_GAP_DAYS)


def usual_size(sizes: Integers) -> float:
    """The faded mean of how many items a trip brings; one while there was none."""
    return _weighted_mean(sizes, fading(TRIP_MEMORY, len(sizes)), 1.0)


def weekday_of(local_days: Floats) -> Integers:
    """0 for Monday to 6 for Sunday, of days since the epoch on the local clock."""
    return (np.floor(local_days).astype(np.int64) + 3) % 7


def summed(keys: Integers, weights: Floats, size: int) -> Floats:
    """The sum of the weights of each key from 0 to `size` - 1, added in order."""
    return np.asarray(np.bincount(keys, weights, size), np.float64)


@lru_cache(maxsize=2048)
def fading(memory: float, count: int) -> Floats:
    """Weights of so many things in order, 1 for the newest, each `memory` of the one after it."""
    weights: Floats = np.power(memory, np.arange(count)[::-1])
    weights.flags.writeable = False
    return weights


def _weighted_mean(values: Floats | Integers, weights: Floats, without: float) -> float:
    return float((values * weights).sum() / weights.sum()) if len(weights) else without


def _by_item(line_items: Integers, items: int) -> Integers:
    keys = line_items.astype(np.int16) if items < _FEW else line_items
    return np.argsort(keys, kind="stable")


def _rhythm(days: Floats, item: Integers, items: int) -> Rhythm:
    """Of lines in the order of items, then visits."""
    gap = days[1:] - days[:-1]
    counted = np.flatnonzero((item[1:] == item[:-1]) & (gap > SAME_DAY))
    item, gap = item[1:][counted], gap[counted]
    gaps = np.bincount(item, minlength=items)
    newness = np.cumsum(gaps)[item] - 1 - np.arange(len(item))  # 0 for the newest gap of its item
    weight, log_gap = np.power(GAP_MEMORY, newness), np.log(gap + SAME_DAY)
    newest = np.zeros(items)
    newest[item] = gap
    weighted = weight * log_gap
    return Rhythm(
        weight=summed(item, weight, items),
        log_sum=summed(item, weighted, items),
        log_square_sum=summed(item, weighted * log_gap, items),
        newest_days=newest,
    )

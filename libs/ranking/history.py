"""What a ranking state says apart from any question: rhythm per item, trips, labels as codes; features are made from it."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Per item: gaps between its purchases, as weighted sums of log(days + 0.5), the newest gap weighing most."""

    weight: Floats
    log_sum: Floats
    log_square_sum: Floats
    newest_days: Floats  # 0 where there is no gap yet


@dataclass(frozen=True, slots=True)
class History:
    """Arrays over visits, items and lines; all derived from the state, so it may be kept beside it."""

    state: CustomerRankingState
    days: Floats
    hours: Floats
    weekdays: Integers
    counts: Floats
    first_visit: Integers
    last_visit: Integers
    rhythm: Rhythm
    rows: Integers
    category_codes: Integers
    type_codes: Integers
    trip_gap_days: float
    usual_size: float

    @classmethod
    def of(cls, state: CustomerRankingState, population: PopulationState) -> "History":
        """The history of a customer, in the rows and codes of this population."""
        items, visits = len(state.items), state.visits
        days = state.visit_at_seconds / DAY_SECONDS
        local = days + state.visit_utc_offset_minutes / 1440
        first, last = np.zeros(items, np.int64), np.zeros(items, np.int64)
        last[state.line_items] = state.line_visits  # of lines with the same item the last one stays
        first[state.line_items[::-1]] = state.line_visits[::-1]
        newest_first = np.arange(visits)[::-1]
        fading = np.power(TRIP_MEMORY, newest_first)
        return cls(
            state=state,
            days=days,
            hours=(local % 1) * 24,
            weekdays=weekday_of(local),
            counts=np.bincount(state.line_items, minlength=items).astype(float),
            first_visit=first,
            last_visit=last,
            rhythm=_rhythm(days, state),
            rows=population.rows(state.items),
            category_codes=population.categories.codes(state.categories),
            type_codes=population.types.codes(state.types),
            trip_gap_days=trip_gap_days(days),
            usual_size=_weighted_mean(state.visit_sizes, fading, 1.0),
        )

    def log_interval_days(self, pooled_log_gap: Floats) -> Floats:
        """Log of the days between purchases of each item: the customer's own gaps, drawn to the pooled one while they are few."""
        return (self.rhythm.log_sum + POOLED_GAPS * pooled_log_gap) / (self.rhythm.weight + POOLED_GAPS)

    def trips_between(self) -> Floats:
        """Trips from one purchase of each item to the next; as if six trips had gone by while few are known."""
        return (self.last_visit - self.first_visit + 6.0) / (self.counts + 0.5)


def trip_gap_days(visit_days: Floats) -> float:
    """The faded mean of the days between trips, the newest gap weighing most; a usual one while there is none."""
    newest_first = np.arange(len(visit_days) - 1)[::-1]
    return _weighted_mean(np.diff(visit_days), np.power(TRIP_MEMORY, newest_first), USUAL_TRIP_GAP_DAYS)


def weekday_of(local_days: Floats) -> Integers:
    """0 for Monday to 6 for Sunday, of days since the epoch on the local clock."""
    return (np.floor(local_days).astype(np.int64) + 3) % 7


def summed(keys: Integers, weights: Floats, size: int) -> Floats:
    """The sum of the weights of each key from 0 to `size` - 1, added in order."""
    return np.asarray(np.bincount(keys, weights, size), np.float64)


def _weighted_mean(values: Floats | Integers, weights: Floats, without: float) -> float:
    return float((values * weights).sum() / weights.sum()) if len(weights) else without


def _rhythm(days: Floats, state: CustomerRankingState) -> Rhythm:
    items = len(state.items)
    order = np.argsort(state.line_items, kind="stable")
    item, at = state.line_items[order], days[state.line_visits[order]]
    gap = at[1:] - at[:-1]
    counted = (item[1:] == item[:-1]) & (gap > SAME_DAY)
    item, gap = item[1:][counted], gap[counted]
    gaps = np.bincount(item, minlength=items)
    newness = np.cumsum(gaps)[item] - 1 - np.arange(len(item))  # 0 for the newest gap of its item
    weight, log_gap = np.power(GAP_MEMORY, newness), np.log(gap + SAME_DAY)
    newest = np.zeros(items)
    newest[item] = gap
    return Rhythm(
        weight=summed(item, weight, items),
        log_sum=summed(item, weight * log_gap, items),
        log_square_sum=summed(item, weight * log_gap**2, items),
        newest_days=newest,
    )

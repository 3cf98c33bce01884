"""How much each past trip counts at the moment of a question: faded by age and by trips, and by likeness of hour, store, day and gap."""

from dataclasses import dataclass

import numpy as np

from libs.ranking.history import Floats, History, summed, weekday_of
from libs.ranking.state import DAY_SECONDS, Integers, Moment

HOUR_WIDTH, GAP_WIDTH = 2.5, 0.7  # kernel widths: hours, and log days since the trip before
SATURDAY = 5
TRIP_FADING = 0.9

# rows of the weights: faded over 10, 35, 120 days, by trips, by share of the basket, then by likeness
FADED_10, FADED_35, FADED_120, FADED_TRIPS, FADED_SHARE, LIKE_HOUR, LIKE_STORE, LIKE_DAY, LIKE_GAP = range(9)


@dataclass(frozen=True, slots=True)
class Clock:
    """The question's time as features see it, in days; `at` is when the trip is thought to happen."""

    at: float
    known_at: float
    local_hour: float
    weekday: int

    @classmethod
    def of(cls, history: History, moment: Moment) -> "Clock":
        """At the till the next trip is thought to come after the usual gap, at the hour of this one."""
        known_at = moment.at_seconds / DAY_SECONDS
        at = known_at + history.trip_gap_days if moment.kind == "till" else known_at
        offset_days = moment.utc_offset_minutes / 1440
        weekday = int(weekday_of(np.array(at + offset_days)))
        return cls(at=at, known_at=known_at, local_hour=((known_at + offset_days) % 1) * 24, weekday=weekday)


@dataclass(frozen=True, slots=True)
class Weighted:
    """Past trips weighed for one question: sums over trips per item (kinds x items) and over all trips (kinds)."""

    history: History
    clock: Clock
    counts: Floats
    norms: Floats

    @classmethod
    def of(cls, history: History, moment: Moment) -> "Weighted":
        """The sums for a question at `moment`."""
        clock = Clock.of(history, moment)
        weights = visit_weights(history, moment, clock)
        state, kinds, items = history.state, len(weights), len(history.state.items)
        cells = (np.arange(kinds) * items)[:, None] + state.line_items
        counts = summed(cells.ravel(), weights[:, state.line_visits].ravel(), kinds * items)
        return cls(history, clock, counts.reshape(kinds, items), weights.sum(axis=1))


def visit_weights(history: History, moment: Moment, clock: Clock) -> Floats:
    """The weight of each past trip, (kinds x visits)."""
    days, visits = history.days, len(history.days)
    age = clock.at - days
    faded = np.exp(age / -120.0)
    stores = history.state.stores
    store = stores.index(moment.store_id) if moment.store_id in stores else -1
    weights = np.empty((9, visits))
    np.exp(age / -10.0, out=weights[FADED_10])
    np.exp(age / -35.0, out=weights[FADED_35])
    weights[FADED_120] = faded
    weights[FADED_TRIPS] = np.power(TRIP_FADING, np.arange(visits)[::-1])
    weights[FADED_SHARE] = faded / history.state.visit_sizes
    weights[LIKE_HOUR] = faded * _kernel(_hours_apart(history.hours, clock.local_hour), HOUR_WIDTH)
    weights[LIKE_STORE] = faded * (history.state.visit_stores == store)
    weights[LIKE_DAY] = faded * _day_likeness(history.weekdays, clock.weekday)
    weights[LIKE_GAP] = faded * _gap_likeness(history, clock)
    return weights


def _kernel(distance: Floats, width: float) -> Floats:
    return np.asarray(np.exp(-0.5 * (distance / width) ** 2))


def _hours_apart(hours: Floats, hour: float) -> Floats:
    apart = np.abs(hours - hour)
    return np.asarray(np.minimum(apart, 24 - apart), np.float64)


def _day_likeness(weekdays: Integers, weekday: int) -> Floats:
    weekend = (weekdays >= SATURDAY) == (weekday >= SATURDAY)
    return np.asarray(0.2 + 0.3 * weekend + 0.5 * (weekdays == weekday))


def _gap_likeness(history: History, clock: Clock) -> Floats:
    """Likeness of the time since the trip before, then and now: a top-up trip follows sooner than a weekly one."""
    days = history.days
    if days.size == 0:
        return days
    gaps = np.diff(days, prepend=days[:1] - history.trip_gap_days)
    now = max(clock.at - float(days[-1]), 0.0)
    return _kernel(np.log(gaps + 0.1) - np.log(now + 0.1), GAP_WIDTH)

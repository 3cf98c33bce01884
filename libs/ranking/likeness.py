"""How much each past trip counts at the moment of a question: faded by age and by trips, and by likeness of hour, store, day and gap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from libs.ranking.history import Floats, History, fading, weekday_of
from libs.ranking.state import DAY_SECONDS, Integers, Moment

HOUR_WIDTH, GAP_WIDTH = 2.5, 0.7  # kernel widths: hours, and log days since the trip before
SATURDAY = 5
TRIP_FADING = 0.9

# kinds of weights: faded over 10, 35, 120 days, by trips, by share of the basket, then by likeness
FADED_10, FADED_35, FADED_120, FADED_TRIPS, FADED_SHARE, LIKE_HOUR, LIKE_STORE, LIKE_DAY, LIKE_GAP = range(9)
KINDS = 9


@dataclass(frozen=True, slots=True)
class Clocks:
    """The times of questions as features see them, in days, one row a moment; `at` is when the trip is thought to happen."""

    at: Floats
    known_at: Floats
    local_hour: Floats
    weekday: Integers

    @classmethod
    def of(cls, history: History, moments: Sequence[Moment]) -> "Clocks":
        """At the till the next trip is thought to come after the usual gap, at the hour of this one."""
        known_at = np.array([[moment.at_seconds / DAY_SECONDS] for moment in moments])
        ahead = np.array([[history.trip_gap_days if moment.kind == "till" else 0.0] for moment in moments])
        offset = np.array([[moment.utc_offset_minutes / 1440] for moment in moments])
        at = known_at + ahead
        return cls(at, known_at, ((known_at + offset) % 1) * 24, weekday_of(at + offset))


@dataclass(frozen=True, slots=True)
class Weighted:
    """Past trips weighed for questions: sums over trips per item (kinds x moments x items) and over all trips (kinds x moments x 1)."""

    history: History
    clock: Clocks
    counts: Floats
    norms: Floats

    @classmethod
    def of(cls, history: History, moments: Sequence[Moment]) -> "Weighted":
        """The sums for questions at these moments."""
        clock = Clocks.of(history, moments)
        weights = visit_weights(history, moments, clock)
        counts = np.add.reduceat(weights.take(history.visits_by_item, axis=2), history.starts, axis=2)
        return cls(history, clock, counts, weights.sum(axis=2, keepdims=True))


def visit_weights(history: History, moments: Sequence[Moment], clock: Clocks) -> Floats:
    """The weight of each past trip, (kinds x moments x visits)."""
    days, trips = history.days, history.trips
    age = clock.at - days
    faded = np.exp(age / -120.0)
    names = list(history.store_names)
    stores = [[names.index(moment.store_id) if moment.store_id in names else -1] for moment in moments]
    weights = np.empty((KINDS, len(moments), len(days)))
    np.exp(age / -10.0, out=weights[FADED_10])
    np.exp(age / -35.0, out=weights[FADED_35])
    weights[FADED_120] = faded
    weights[FADED_TRIPS] = fading(TRIP_FADING, len(days))
    weights[FADED_SHARE] = faded / trips.sizes
    weights[LIKE_HOUR] = faded * _kernel(_hours_apart(history.hours, clock.local_hour), HOUR_WIDTH)
    weights[LIKE_STORE] = faded * (trips.stores == np.array(stores))
    weights[LIKE_DAY] = faded * _day_likeness(history.weekdays, clock.weekday)
    weights[LIKE_GAP] = faded * _gap_likeness(history, clock)
    return weights


def _kernel(distance: Floats, width: float) -> Floats:
    return np.asarray(np.exp((distance * distance) * (-0.5 / width**2)))


def _hours_apart(hours: Floats, hour: Floats) -> Floats:
    apart = np.abs(hours - hour)
    return np.asarray(np.minimum(apart, 24 - apart), np.float64)


def _day_likeness(weekdays: Integers, weekday: Integers) -> Floats:
    weekend = (weekdays >= SATURDAY) == (weekday >= SATURDAY)
    return np.asarray(0.2 + 0.3 * weekend + 0.5 * (weekdays == weekday))


def _gap_likeness(history: History, clock: Clocks) -> Floats:
    """Likeness of the time since the trip before, then and now: a top-up trip follows sooner than a weekly one."""
    days = history.days
    if days.size == 0:
        return np.zeros((len(clock.at), 0))
    gaps = np.empty(len(days))
    gaps[0] = history.trip_gap_days
    np.subtract(days[1:], days[:-1], out=gaps[1:])
    now = np.maximum(clock.at - days[-1], 0.0)
    return _kernel(np.log(gaps + 0.1) - np.log(now + 0.1), GAP_WIDTH)

"""How much each past trip counts at the moment of a question: faded by age and by trips, and by likeness of hour, store, day and gap."""

from dataclasses import dataclass

import numpy as np

from libs.ranking.history import Floats, fading, weekday_of
from libs.ranking.state import Integers
from libs.ranking.together import Together, joined

HOUR_WIDTH, GAP_WIDTH = 2.5, 0.7  # kernel widths: hours, and log days since the trip before
SATURDAY = 5
TRIP_FADING = 0.9

# kinds of weights: faded over 10, 35, 120 days, by trips, by share of the basket, then by likeness
FADED_10, FADED_35, FADED_120, FADED_TRIPS, FADED_SHARE, LIKE_HOUR, LIKE_STORE, LIKE_DAY, LIKE_GAP = range(9)
KINDS = 9


@dataclass(frozen=True, slots=True)
class Clocks:
    """The times of questions as features see them, in days, (moments x questions); `at` is when the trip is thought to happen."""

    at: Floats
    known_at: Floats
    local_hour: Floats
    weekday: Integers

    @classmethod
    def of(cls, together: Together) -> "Clocks":
        """At the till the next trip is thought to come after the usual gap, at the hour of this one."""
        moments = together.moments
        known_at, offset = moments.at_days, moments.offset_days
        at = known_at + np.where(moments.at_till, together.trip_gap_days, 0.0)
        return cls(at, known_at, ((known_at + offset) % 1) * 24, weekday_of(at + offset))


@dataclass(frozen=True, slots=True)
class Weighted:
    """Past trips weighed for questions (kinds x moments x visits), with sums per item (... x items) and over all trips (... x questions)."""

    together: Together
    clock: Clocks
    visits: Floats
    counts: Floats
    norms: Floats

    @classmethod
    def of(cls, together: Together) -> "Weighted":
        """The sums for these questions."""
        clock = Clocks.of(together)
        weights = visit_weights(together, clock)
        counts = np.add.reduceat(weights.take(together.habits.visits_by_item, axis=2), together.habits.starts, axis=2)
        return cls(together, clock, weights, counts, together.over_trips(weights))


def visit_weights(together: Together, clock: Clocks) -> Floats:
    """The weight of each past trip, (kinds x moments x visits)."""
    age = together.by_visit(clock.at) - together.habits.days
    faded = np.exp(age / -120.0)
    weights = np.empty((KINDS, *age.shape))
    np.exp(age / -10.0, out=weights[FADED_10])
    np.exp(age / -35.0, out=weights[FADED_35])
    weights[FADED_120] = faded
    weights[FADED_TRIPS] = joined([fading(TRIP_FADING, visits) for visits in together.visits.tolist()])
    weights[FADED_SHARE] = faded / together.trips.sizes
    hours_apart = _hours_apart(together.habits.hours, together.by_visit(clock.local_hour))
    weights[LIKE_HOUR] = faded * _kernel(hours_apart, HOUR_WIDTH)
    weights[LIKE_STORE] = faded * (together.trips.stores == together.by_visit(together.moments.stores))
    weights[LIKE_DAY] = faded * _day_likeness(together.habits.weekdays, together.by_visit(clock.weekday))
    weights[LIKE_GAP] = faded * _gap_likeness(together, clock)
    return weights


def _kernel(distance: Floats, width: float) -> Floats:
    return np.asarray(np.exp((distance * distance) * (-0.5 / width**2)))


def _hours_apart(hours: Floats, hour: Floats) -> Floats:
    apart = np.abs(hours - hour)
    return np.asarray(np.minimum(apart, 24 - apart), np.float64)


def _day_likeness(weekdays: Integers, weekday: Integers) -> Floats:
    weekend = (weekdays >= SATURDAY) == (weekday >= SATURDAY)
    return np.asarray(0.2 + 0.3 * weekend + 0.5 * (weekdays == weekday))


def _gap_likeness(together: Together, clock: Clocks) -> Floats:
    """Likeness of the time since the trip before, then and now: a top-up trip follows sooner than a weekly one."""
    now = np.log(np.maximum(clock.at - together.last_day, 0.0) + 0.1)
    return _kernel(np.log(together.gaps() + 0.1) - together.by_visit(now), GAP_WIDTH)

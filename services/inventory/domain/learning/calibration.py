"""Whether forecasts keep what their quantiles promise: how often demand stayed at or under them, by class of shelf; called by the close.

A quantile is the least whole number with a chance of at least its level, so of a slow shelf it promises more than its level: what
it covered is to be compared with what it promised, not with the level.
"""

from dataclasses import dataclass

import numpy as np

from services.inventory.domain.distribution import chance_within
from services.inventory.domain.learning import spread
from services.inventory.domain.learning.comparing import LEARNS_AFTER_DAYS, ends_week
from services.inventory.domain.learning.facts import WEEK, BoolArray, FloatArray, Shelves
from services.inventory.domain.learning.forecast import Forecast
from services.inventory.domain.learning.pooling import Pooled
from services.inventory.domain.learning.state import ItemStates

CLASSES = ("slow", "usual", "fast")
"""Shelves that are expected to sell less than a unit a week, less than a unit a day, and more."""

HORIZONS = ("day", "week")
LEVELS = (0.9, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Comparisons of a day, each array by horizon, class and level."""

    compared: FloatArray
    covered: FloatArray
    promised: FloatArray
    """The sum of the chances that quantiles had."""


def coverage(
    states: ItemStates, shelves: Shelves, pooled: Pooled, before: Forecast, asked: FloatArray, own: FloatArray
) -> Coverage:
    """Of the shelves whose week ends with this day: the day and the week beside what was said of them before.

    `asked` is the day's demand, `own` that beside vouchers; `states` have not learned the day yet.
    """
    ends = ends_week(shelves, before.day + 1)
    seen = ends & (states.read("days_seen")[0] >= LEARNS_AFTER_DAYS)
    week_mean = states.read("week_mean")[0]
    week = states.read("week_sold")[0] + own
    tallies = [
        _tally(before.tomorrow, spread.excess(states, shelves, pooled, spread.DAY, before.tomorrow), asked, 1, seen),
        _tally(
            week_mean,
            spread.excess(states, shelves, pooled, spread.WEEKLY, week_mean),
            week,
            WEEK,
            ends & (week_mean > 0),
        ),
    ]
    compared, covered, promised = np.stack(tallies, axis=1)
    return Coverage(compared=compared, covered=covered, promised=promised)


def _tally(mean: FloatArray, excess: FloatArray, came: FloatArray, days: int, rows: BoolArray) -> FloatArray:
    """Compared, covered and promised: by class and level."""
    found = np.zeros((3, len(CLASSES), len(LEVELS)))
    places = np.flatnonzero(rows)
    if not places.size:
        return found
    mean, excess, came = mean[places], excess[places], came[places]
    of_class = (mean * WEEK >= days).astype(np.int64) + (mean >= days)
    for level, target in enumerate(LEVELS):
        bound = spread.quantiles(mean, excess, target)
        promised = chance_within(mean, mean + excess * mean * mean, bound)
        for kind, values in enumerate((np.ones(len(mean)), came <= bound, promised)):
            found[kind, :, level] = np.bincount(of_class, weights=values, minlength=len(CLASSES))
    return found

"""How long a lane really takes, learned from orders and their arrivals; pure, called at the day's close and by planning.

Symbols: d days from the order's going out to its arrival, w = 2^(-age / half-life) the weight of an order day, d0 what the catalogue says,
k0 how many order days it is worth. What arrives of one order day comes on one truck: an order day counts once, spread over its arrivals.

    P(d <= x) = (k0 [d0 <= x] + sum w F_day(x)) / (k0 + sum w)

An order that is overdue is evidence too: what is not here after a days is censored at a, and its weight goes to what came later
(Kaplan-Meier redistribution to the right; with nothing later, to one day more than a).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.distribution import FloatArray

HALF_LIFE_DAYS = 60.0
STATED_ORDER_DAYS = 4.0
"""How many order days the catalogue's lead time is worth."""
_DAY_HOURS = 24
_LATER_HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Of one lane's orders of one day: how many command lines took so many hours, or have taken so many and are not here."""

    ordered_day: int
    hours: int
    lines: int
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTime:
    """A lane's lead time as a distribution over hours; `stated_hours` is what the catalogue says."""

    hours: tuple[int, ...]
    weights: tuple[float, ...]
    """Adding up to 1."""
    stated_hours: int
    order_days: float
    """Decayed order days behind it, the catalogue's apart."""

    @property
    def mean_days(self) -> float:
        """Its expectation."""
        return float(np.dot(self.hours, self.weights)) / _DAY_HOURS

    @property
    def late_days(self) -> float:
        """By how many days orders come late on average; those that come early are not late."""
        return float(np.dot(self._lateness(), self.weights))

    @property
    def late_variance_days(self) -> float:
        """The variance of that, in days squared."""
        late = self._lateness()
        return max(float(np.dot(late * late, self.weights)) - self.late_days**2, 0.0)

    @property
    def late_ratio(self) -> float:
        """The chance that an order comes later than the catalogue says."""
        pairs = zip(self.hours, self.weights, strict=True)
        return sum(weight for hours, weight in pairs if hours > self.stated_hours)

    def _lateness(self) -> FloatArray:
        return np.maximum(np.array(self.hours, dtype=np.float64) - self.stated_hours, 0.0) / _DAY_HOURS

    def quantile_hours(self, ratio: float) -> int:
        """Within how many hours an order is here in this share of cases."""
        reached = np.cumsum(self.weights)
        place = int(np.searchsorted(reached, ratio - 1e-12))
        return self.hours[min(place, len(self.hours) - 1)]


def stated(hours: int) -> LeadTime:
    """What is believed of a lane before anything arrived: what the catalogue says."""
    return LeadTime(hours=(hours,), weights=(1.0,), stated_hours=hours, order_days=0.0)


def learn(arrivals: Iterable[Arrival], day: int, stated_hours: int) -> LeadTime:
    """The lead time as of the close of `day`; the same arrivals in any order and grouping give the same."""
    by_day: dict[int, dict[tuple[int, bool], int]] = defaultdict(lambda: defaultdict(int))
    for one in arrivals:
        if one.ordered_day <= day and one.lines > 0:
            by_day[one.ordered_day][one.hours, one.is_open] += one.lines
    came: dict[int, float] = defaultdict(float, {stated_hours: STATED_ORDER_DAYS})
    waiting: dict[int, float] = defaultdict(float)
    for ordered_day, found in sorted(by_day.items()):
        weight = 0.5 ** ((day - ordered_day) / HALF_LIFE_DAYS)
        lines = sum(found.values())
        for (hours, is_open), count in sorted(found.items()):
            (waiting if is_open else came)[hours] += weight * count / lines
    seen = sum(came.values()) - STATED_ORDER_DAYS + sum(waiting.values())
    found_hours, weights = _redistributed(came, waiting)
    return LeadTime(hours=found_hours, weights=weights, stated_hours=stated_hours, order_days=seen)


def _redistributed(
    came: Mapping[int, float], waiting: Mapping[int, float]
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """What is still open goes to what came later, the longest wait last to be known; then all weights add up to 1."""
    weights = dict(came)
    for hours, weight in sorted(waiting.items()):
        later = {known: own for known, own in weights.items() if known > hours}
        total = sum(own for _, own in sorted(later.items()))
        if not later:
            weights[hours + _LATER_HOURS] = weights.get(hours + _LATER_HOURS, 0.0) + weight
            continue
        for known, own in later.items():
            weights[known] += weight * own / total
    ordered = sorted(weights)
    total = sum(weights[hours] for hours in ordered)
    return tuple(ordered), tuple(weights[hours] / total for hours in ordered)


def with_lead_time(
    mean: FloatArray,
    variance: FloatArray,
    rate: FloatArray,
    late: FloatArray | float,
    late_variance: FloatArray | float,
) -> tuple[FloatArray, FloatArray]:
    """Demand over the protection time when orders may come late: mean + r E(late), variance + spread over it + r^2 Var(late).

    Hadley, Whitin, Analysis of Inventory Systems (1963), section 3-11: demand over a random lead time, days independent.
    Early arrivals lower nothing: what is here early is held, not sold twice. A lane that is never late changes nothing.
    """
    added = rate * late
    per_unit = variance / np.maximum(mean, 1e-12)
    return mean + added, variance + per_unit * added + rate * rate * late_variance

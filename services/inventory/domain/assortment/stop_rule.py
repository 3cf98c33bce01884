"""How many units in how many days a new item must sell, or it is taken out again; a truncated sequential test of two rates.

Symbols: m1 units a week as expected, m0 = half of that, phi how many times its mean the variance of a week is. Units of w weeks are
negative binomial with mean m w and variance phi m w (Poisson for phi = 1), weeks independent. Over W weeks the item must sell n units:
n is the least number with P(N(W) >= n | m0) <= risk, W the least number of weeks with P(N(W) < n | m1) <= risk, 8 at most: where
8 are too few for both, n is the number that makes the greater of the two chances least.
It is taken out early, after a whole week, where fewer were sold than would leave it a chance of 5 % to come to n though it sold as expected
from then on; it is kept early when n is reached. Both errors are worked out exactly, with the early ends, and stated.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, lgamma, log

import numpy as np

from services.inventory.domain.distribution import FloatArray

KEEP_RATIO = 0.5
"""An item that sells half of what was expected is not worth its place."""
RISK_RATIO = 0.1
NO_HOPE_RATIO = 0.05
LONGEST_WEEKS = 8
LEAST_WEEKS = 2
LEAST_SPREAD, GREATEST_SPREAD = 1.0, 10.0
LEAST_EXPECTED = 0.25
GREATEST_EXPECTED = 500.0
_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """`units` must be asked for within `days`. `fewest[w]` is what must have been after w + 1 weeks, or it ends early.

    `missed_ratio`: the chance to take out an item that sells as expected; `kept_ratio`: to keep one that sells half of it.
    """

    expected_units_week: float
    spread: float
    days: int
    units: int
    fewest: tuple[int, ...]
    missed_ratio: float
    kept_ratio: float

    @property
    def says(self) -> str:
        """In words."""
        early = next(((week, least) for week, least in enumerate(self.fewest, 1) if least), None)
        soon = "" if early is None else f", out already after {early[0] * _WEEK} days with fewer than {early[1]}"
        return (
            f"{self.units} units within {self.days} days, or it is taken out{soon}. "
            f"Expected: {self.expected_units_week:.1f} a week. An item that sells so is taken out in "
            f"{_percent(self.missed_ratio)} of cases, one that sells half as much is kept in {_percent(self.kept_ratio)}."
        )


def stop_rule(expected_units_week: float, spread: float = 1.0) -> StopRule:
    """The rule for an expectation; `spread` is the variance of a week's sales over their mean.

    >>> rule = stop_rule(7.0)
    >>> rule.days, rule.units, rule.fewest
    (28, 20, (0, 0, 8))
    """
    expected = float(np.clip(float(f"{expected_units_week:.2g}"), LEAST_EXPECTED, GREATEST_EXPECTED))
    return _rule(expected, float(np.clip(round(spread, 1), LEAST_SPREAD, GREATEST_SPREAD)))


@lru_cache(maxsize=4096)
def _rule(expected: float, spread: float) -> StopRule:
    for weeks in range(LEAST_WEEKS, LONGEST_WEEKS + 1):
        found = _tested(expected, spread, weeks, _least_above(expected * KEEP_RATIO * weeks, spread))
        if found.missed_ratio <= RISK_RATIO:
            return found

    def of(units: int) -> StopRule:
        return _tested(expected, spread, LONGEST_WEEKS, units)

    # The more is wanted, the more often a good item is missed and the less often a bad one kept: the two cross once.
    crossed = bisect_left(range(1, found.units), True, key=lambda units: of(units).missed_ratio >= of(units).kept_ratio)  # noqa: FBT003
    return min(of(max(crossed, 1)), of(crossed + 1), key=lambda rule: max(rule.missed_ratio, rule.kept_ratio))


def _tested(expected: float, spread: float, weeks: int, units: int) -> StopRule:
    fewest = _fewest(expected, spread, weeks, units)
    return StopRule(
        expected_units_week=expected,
        spread=spread,
        days=weeks * _WEEK,
        units=units,
        fewest=fewest,
        missed_ratio=1 - _kept(expected, spread, fewest, units),
        kept_ratio=_kept(expected * KEEP_RATIO, spread, fewest, units),
    )


def _least_above(mean: float, spread: float) -> int:
    """The least number, 1 or more, that is reached with a chance of at most the risk."""
    reached = _pmf(mean, spread, _reach(mean, spread)).cumsum()
    return max(int(np.searchsorted(reached, 1 - RISK_RATIO)) + 1, 1)


def _fewest(expected: float, spread: float, weeks: int, units: int) -> tuple[int, ...]:
    """After each whole week but the last: below it there is no hope."""
    found = []
    for left in range(weeks - 1, 0, -1):
        below = np.concatenate([[0.0], _pmf(expected * left, spread, units).cumsum()])
        # below[k]: the chance of fewer than k in the weeks that are left.
        hopeless = [sold for sold in range(units) if 1 - below[units - sold] < NO_HOPE_RATIO]
        found.append(hopeless[-1] + 1 if hopeless else 0)
    return tuple(found)


def _kept(mean: float, spread: float, fewest: Sequence[int], units: int) -> float:
    """The chance that an item of this rate is kept, week by week over what may have been sold."""
    week = _pmf(mean, spread, units)
    chance: FloatArray = np.zeros(units)
    chance[0], kept = 1.0, 0.0
    for least in (*fewest, units):
        after = np.convolve(chance, week)[:units]
        kept += max(float(chance.sum() - after.sum()), 0.0)  # the tail: units reached
        after[: min(least, units)] = 0.0
        chance = after
    return min(kept, 1.0)


def _pmf(mean: float, spread: float, count: int) -> FloatArray:
    """The chances of 0 .. count - 1."""
    numbers = np.arange(count)
    factorials = np.array([lgamma(number + 1) for number in range(count)])
    if spread <= LEAST_SPREAD:
        poisson: FloatArray = np.exp(numbers * log(mean) - mean - factorials)
        return poisson
    size, chance = mean / (spread - 1), 1 / spread
    begun = np.array([lgamma(number + size) for number in range(count)]) - lgamma(size)
    found: FloatArray = np.exp(begun - factorials + size * log(chance) + numbers * log(1 - chance))
    return found


def _reach(mean: float, spread: float) -> int:
    """Beyond this nothing is left to speak of."""
    return int(mean + 12 * (mean * spread) ** 0.5 + 20 * spread) + 2


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.0f} %" if ratio >= exp(-4) else f"{100 * ratio:.1f} %"

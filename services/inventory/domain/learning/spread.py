"""How far demand strays from its forecast: negative binomial, its variance from the errors of shelf, item and chain; called by the close.

Symbols: m forecast, y what came; variance = s (a m + b m^2): a how lumpy purchases are (units that go together), b how wrong rates
are, both by weighted regression of (y - m)^2 on m and m^2 over an item's stores, pulled far to the chain's; s the shelf's own errors
over these. Few items have errors enough to tell their a and b from the chain's: strong pooling is what calibrates the tails.
The excess is what the variance has beyond m, by m^2. Over h days it is phi_h = p / h + l: a part that evens out from day to day
and a part that lasts, from the excess of one day and of seven.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.distribution import quantile
from services.inventory.domain.learning.facts import WEEK, FloatArray, IntArray, Shelves
from services.inventory.domain.learning.forecast import Forecast, summed
from services.inventory.domain.learning.layout import MOMENTS
from services.inventory.domain.learning.pooling import Pooled
from services.inventory.domain.learning.state import ItemStates

DAY, WEEKLY = 0, 1
LEAST_LUMP, GREATEST_LUMP = 1.02, 30.0
LEAST_WRONG, GREATEST_WRONG = 0.01, 10.0
GREATEST_STRAY = (100.0, 16.0)
"""An error counts as at most ten deviations of a day, four of a week: one bulk purchase must not widen quantiles for months."""

_DECAY = float(np.exp2(-1 / 60))
_USUAL = (1.5, 0.3)
_CHAIN_PRIOR = 50.0
_ITEM_PRIOR = (1000.0, 140.0)
"""What the chain weighs against an item, in weighted comparisons: a shelf is compared every day, and once a week."""

_WRONG_SHARE = 0.3
_SHELF_PRIOR = (150.0, 20.0)
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Excess of each row, of one day and of seven."""

    day: FloatArray
    week: FloatArray

    def over(self, days: FloatArray | IntArray) -> FloatArray:
        """The excess over a number of days (at least 1)."""
        lasting = np.maximum((WEEK * self.week - self.day) / (WEEK - 1), 0.02)
        passing = np.maximum(self.day - lasting, 0.0)
        found: FloatArray = passing / np.maximum(days, 1) + lasting
        return found


def spread(states: ItemStates, shelves: Shelves, pooled: Pooled, now: Forecast) -> Spread:
    """The excess of each row around a forecast."""
    return Spread(
        day=excess(states, shelves, pooled, DAY, now.tomorrow), week=excess(states, shelves, pooled, WEEKLY, now.week)
    )


def excess(states: ItemStates, shelves: Shelves, pooled: Pooled, horizon: int, mean: FloatArray) -> FloatArray:
    """The excess of each row around a mean, by the errors of one day or of seven."""
    safe = np.maximum(mean, _TINY)
    usual = _usual(states, shelves, pooled, horizon, safe)
    stray, weight = states.read("stray")[horizon], states.read("stray_weight")[horizon]
    own = (stray + _SHELF_PRIOR[horizon]) / (weight + _SHELF_PRIOR[horizon])
    found: FloatArray = np.maximum(usual * own - safe, LEAST_WRONG * safe) / (safe * safe)
    return found


def _usual(states: ItemStates, shelves: Shelves, pooled: Pooled, horizon: int, mean: FloatArray) -> FloatArray:
    """The variance that the item's errors let expect."""
    lump, wrong = _chain(pooled, horizon)
    mm, mmm, mmmm, me, mme = states.read("error_moments")[horizon * MOMENTS : (horizon + 1) * MOMENTS]
    prior = _ITEM_PRIOR[horizon]
    first, second = mm + prior, mmmm + _WRONG_SHARE * prior
    one, two = me + prior * lump, mme + _WRONG_SHARE * prior * wrong
    determinant = first * second - mmm * mmm
    lumps = np.clip((one * second - two * mmm) / determinant, LEAST_LUMP, GREATEST_LUMP)
    wrongs = np.clip((two * first - one * mmm) / determinant, LEAST_WRONG, GREATEST_WRONG)
    item_of = shelves.item_of
    variance: FloatArray = lumps[item_of] * mean + wrongs[item_of] * mean * mean
    return variance


def _chain(pooled: Pooled, horizon: int) -> tuple[float, float]:
    """A and b of the chain."""
    mm, mmm, mmmm, me, mme = pooled.spread[horizon].tolist()
    first, second = mm + _CHAIN_PRIOR, mmmm + _CHAIN_PRIOR
    one, two = me + _CHAIN_PRIOR * _USUAL[0], mme + _CHAIN_PRIOR * _USUAL[1]
    determinant = first * second - mmm * mmm
    return (
        max((one * second - two * mmm) / determinant, 1.0),
        max((two * first - one * mmm) / determinant, LEAST_WRONG),
    )


def learn(  # noqa: PLR0913  # one forecast and what became of it
    states: ItemStates,
    shelves: Shelves,
    horizon: int,
    mean: FloatArray,
    came: FloatArray,
    due: FloatArray,
    pooled: Pooled,
) -> Sequence[FloatArray]:
    """Compare a forecast with what came, on the rows that are `due` (1, else 0); returns the moments per row."""
    safe = np.maximum(mean, _TINY)
    usual = _usual(states, shelves, pooled, horizon, safe)
    squares = np.minimum((came - mean) ** 2, GREATEST_STRAY[horizon] * usual)
    weight = due / np.maximum(usual, 0.05) / np.maximum(mean, 0.02)
    by_mean, by_square = weight * mean * mean, weight * mean**4
    moments = (by_mean, by_mean * mean, by_square, weight * mean * squares, weight * mean * mean * squares)
    item_of, items = shelves.item_of, len(shelves.item_ids)
    kept = states.read("error_moments")
    for place, added in enumerate(moments, horizon * MOMENTS):
        kept[place] = _DECAY * kept[place] + summed(added, item_of, items)
    states.keep("error_moments", kept)
    share = due * np.minimum(mean, 1.0)
    for name, added in (("stray", squares / usual * share), ("stray_weight", share)):
        own = states.read(name)
        own[horizon] = _DECAY * own[horizon] + added
        states.keep(name, own)
    return moments


def quantiles(mean: FloatArray, excess: FloatArray, target: float) -> IntArray:
    """The least whole number of units that demand stays at or under with probability `target`."""
    safe = np.maximum(mean, _TINY)
    return quantile(safe, safe + excess * safe * safe, np.full(len(mean), target))

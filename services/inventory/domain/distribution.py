"""The negative binomial: quantiles and expected shortages of sparse, lumpy demand, for many shelves at once.

Symbols: m mean, v variance (> m), r = m^2 / (v - m), p = m / v; P(0) = p^r, P(k+1) = P(k) (k + r) / (k + 1) (1 - p).
Above a mean of 500 the normal distribution stands in: there the two differ by less than a piece.
"""

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

GREATEST_EXACT_MEAN = 500.0
GREATEST_EXACT_STOCK = 1_000
LEAST_VARIANCE_RATIO = 1.05
_STANDARD = NormalDist()


def _shape(mean: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both parameters, r and p; a variance too near the mean is lifted to where the two are defined."""
    spread = np.maximum(variance, LEAST_VARIANCE_RATIO * mean)
    return mean * mean / (spread - mean), mean / spread


def quantile(mean: FloatArray, variance: FloatArray, target: FloatArray) -> IntArray:
    """The least whole number that demand stays at or under with probability `target` (below 1).

    >>> quantile(np.array([0.1, 4.0]), np.array([0.12, 6.0]), np.array([0.95, 0.95])).tolist()
    [1, 8]
    """
    found = np.zeros(len(mean), dtype=np.int64)
    large = mean > GREATEST_EXACT_MEAN
    if large.any():
        scores = np.array([_STANDARD.inv_cdf(float(ratio)) for ratio in target[large]])
        found[large] = np.ceil(mean[large] + scores * np.sqrt(variance[large])).astype(np.int64)
    open_places = np.flatnonzero((mean > 0) & ~large)
    r, p = _shape(mean[open_places], variance[open_places])
    chance = np.exp(r * np.log(p))
    reached, wanted, count = chance.copy(), target[open_places], 0
    while open_places.size:
        missing = reached < wanted
        if not missing.all():
            found[open_places[~missing]] = count
            open_places, r, p = open_places[missing], r[missing], p[missing]
            chance, reached, wanted = chance[missing], reached[missing], wanted[missing]
        chance = chance * (count + r) / (count + 1) * (1 - p)
        reached = np.minimum(reached + np.maximum(chance, 1e-15), 1.0)  # a tail below rounding must still end
        count += 1
    return found


def chance_within(mean: FloatArray, variance: FloatArray, bound: IntArray) -> FloatArray:
    """The chance that demand stays at or under a whole number, per row.

    >>> chance_within(np.array([0.1, 4.0]), np.array([0.12, 6.0]), np.array([1, 8])).round(3).tolist()
    [0.989, 0.95]
    """
    large = mean > GREATEST_EXACT_MEAN
    scores = (bound - mean) / np.sqrt(np.maximum(variance, 1e-12))
    found = np.array([_STANDARD.cdf(score) if is_large else 1.0 for score, is_large in zip(scores, large, strict=True)])
    places = np.flatnonzero((mean > 0) & ~large)
    r, p = _shape(mean[places], variance[places])
    chance = np.exp(r * np.log(p))
    reached, count = chance.copy(), 0
    while (more := bound[places] > count).any():
        chance = chance * (count + r) / (count + 1) * (1 - p)
        reached = np.where(more, reached + chance, reached)
        count += 1
    found[places] = np.minimum(reached, 1.0)
    return found


def shortages(mean: FloatArray, variance: FloatArray, upto: int) -> FloatArray:
    """Per row the expected demand above a stock of 0, 1, .. `upto`: E[(D - x)+], never rising with x.

    >>> shortages(np.array([1.0]), np.array([1.5]), 2).round(3).tolist()
    [[1.0, 0.444, 0.185]]
    """
    table = np.zeros((len(mean), upto + 1))
    table[:, 0] = mean
    safe = np.maximum(mean, 1e-12)
    r, p = _shape(safe, np.maximum(variance, 1e-12))
    chance = np.exp(r * np.log(p))
    reached = chance.copy()
    for stock in range(upto):
        table[:, stock + 1] = np.maximum(table[:, stock] - (1 - np.minimum(reached, 1.0)), 0.0)
        chance = chance * (stock + r) / (stock + 1) * (1 - p)
        reached = reached + chance
    return table


def shortage(mean: float, variance: float, stock: int) -> float:
    """E[(D - stock)+] of one shelf: as `shortages`, but the normal distribution stands in above `GREATEST_EXACT_MEAN`.

    >>> [round(shortage(1.0, 1.5, stock), 3) for stock in (0, 1, 2)], round(shortage(900.0, 2_000.0, 900), 1)
    ([1.0, 0.444, 0.185], 17.8)
    """
    if mean <= 0 or stock <= 0:
        return max(mean, 0.0) - min(stock, 0)
    spread = max(variance, LEAST_VARIANCE_RATIO * mean)
    if mean > GREATEST_EXACT_MEAN:
        deviation = math.sqrt(spread)
        score = (stock - mean) / deviation
        return deviation * (_STANDARD.pdf(score) - score * (1 - _STANDARD.cdf(score)))
    r, p = mean * mean / (spread - mean), mean / spread
    chance = reached = math.exp(r * math.log(p))
    missed = mean
    for count in range(min(stock, GREATEST_EXACT_STOCK)):
        missed -= 1 - min(reached, 1.0)
        chance *= (count + r) / (count + 1) * (1 - p)
        reached += chance
    return max(missed, 0.0)


def left_over(mean: FloatArray, variance: FloatArray, stock: IntArray) -> FloatArray:
    """Per row the part of a stock (not below 0) that demand is expected to leave: E[(x - D)+] = x - m + E[(D - x)+].

    >>> left_over(np.array([1.0, 1.0]), np.array([1.5, 1.5]), np.array([2, 0])).round(3).tolist()
    [1.185, 0.0]
    """
    bound = np.minimum(stock, GREATEST_EXACT_STOCK)
    missed = shortages(mean, variance, int(bound.max(initial=0)))[np.arange(len(mean)), bound]
    left: FloatArray = np.maximum(stock - mean + np.where(bound < stock, 0.0, missed), 0.0)
    return left


def shortage_at(table: FloatArray, row: int, stock: int) -> float:
    """E[(D - stock)+] from a table of `shortages`; a negative stock adds what is owed already."""
    if stock < 0:
        return float(table[row, 0]) - stock
    return float(table[row, min(stock, table.shape[1] - 1)])

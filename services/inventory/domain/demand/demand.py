"""Demand per item and store from daily counts: smoothed, shrunk to the item, the item to its category; used by planning.

A gamma-Poisson hierarchy on decayed counts. Symbols: y a day's sales, x how much of the day the shelf could sell, f the weekday's
factor, w = 2^(-age / half-life):

    item rate   l_i = (sum w y + k_c l_c) / (sum w x f + k_c)     over all stores; l_c the category's rate per shelf and day
    shelf rate  l_s = (sum w y + k_i l_i) / (sum w x f + k_i)     k_c, k_i: how many shelf-days the prior weighs

Days on which the shelf was empty have x = 0: no sale on them says nothing about demand. All floats are derived from integers when an
item is reviewed, in one order, so the same counts give the same rates whatever the order in which they came.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.inventory.domain.distribution import FloatArray, IntArray

WEEK = 7
HALF_LIFE_DAYS = 21.0
CATEGORY_WEIGHT = 14.0
ITEM_WEIGHT = 28.0
WEEKDAY_WEIGHT_UNITS = 50.0
SPREAD_WEIGHT = 20.0
DEFAULT_RATE = 0.01
"""Units a shelf sells in a day where nothing is known yet: too few to order anything for."""

DEFAULT_VARIANCE_RATIO = 1.4
GREATEST_VARIANCE_RATIO = 8.0
HALF_A_DAY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryLevel:
    """What a category's shelves sold over the window, Mondays first: integers, derived once per event day."""

    category: str
    weekday_milli: tuple[int, ...]
    weekday_shelf_days: tuple[int, ...]
    """How many days its shelves lived through on each weekday."""

    @property
    def rate(self) -> float:
        """Units a shelf of this category sells in a day, shrunk to next to nothing where little was seen."""
        sold = sum(self.weekday_milli) / 1000
        return (sold + DEFAULT_RATE * CATEGORY_WEIGHT) / (sum(self.weekday_shelf_days) + CATEGORY_WEIGHT)


NOTHING_KNOWN = CategoryLevel(category="", weekday_milli=(0,) * WEEK, weekday_shelf_days=(0,) * WEEK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Per shelf: units a day on an average weekday, how far it is known, and how lumpy it is."""

    rate: FloatArray
    shape: FloatArray
    """Evidence behind the rate, in units: its relative error is 1 / sqrt(shape)."""
    variance_ratio: FloatArray
    """Variance over mean of a day's demand."""
    shelf_days: FloatArray
    """Decayed days on which the shelf could sell."""

    def rows(self, which: slice) -> "Rates":
        """Those of some shelves."""
        return Rates(
            rate=self.rate[which],
            shape=self.shape[which],
            variance_ratio=self.variance_ratio[which],
            shelf_days=self.shelf_days[which],
        )


def weekday_factors(level: CategoryLevel, whole: CategoryLevel) -> FloatArray:
    """How much each weekday sells against an average day: the category's, shrunk to the chain's, that to 1."""
    return _factors(level, _factors(whole, np.ones(WEEK)))


def _factors(level: CategoryLevel, prior: FloatArray) -> FloatArray:
    """Sold over what an average day would have sold on as many shelf-days; a weekday never seen keeps its prior."""
    sold = np.array(level.weekday_milli, dtype=np.float64) / 1000
    days = np.array(level.weekday_shelf_days, dtype=np.float64)
    average = days * (sold.sum() / max(days.sum(), 1.0))
    factors: FloatArray = (sold + WEEKDAY_WEIGHT_UNITS * prior) / (average + WEEKDAY_WEIGHT_UNITS)
    return factors


def observed_shares(
    on_hand_milli: IntArray,
    sold_milli: IntArray,
    moved_milli: IntArray,
    first_day: IntArray,
    counted: npt.NDArray[np.bool_],
) -> FloatArray:
    """Which share of each day the shelf could sell, per shelf and day of the window (rows as `sold_milli`).

    `on_hand_milli` is now; the days before are walked back. A day that began and ended with exactly nothing and sold
    nothing is censored, one that was empty at either end counts half. A negative book proves the book wrong, not the shelf
    empty; a shelf that was never counted is not judged. Days before `first_day` were not seen.
    """
    change = moved_milli - sold_milli
    after = np.cumsum(change[:, ::-1], axis=1)[:, ::-1] - change
    end = on_hand_milli[:, None] - after
    start = end - change
    shares = np.ones(change.shape)
    shares[(start == 0) | (end == 0)] = HALF_A_DAY
    shares[(start == 0) & (end == 0) & (sold_milli <= 0)] = 0.0
    shares[~counted, :] = 1.0
    shares[np.arange(change.shape[1])[None, :] < first_day[:, None]] = 0.0
    return shares


def estimate(
    sold: FloatArray, shares: FloatArray, factors: FloatArray, item_of: IntArray, category_rate: FloatArray
) -> Rates:
    """Rates per shelf from `sold` units, `shares` and weekday `factors` (shelves x days, the last column is today).

    `item_of` gives each shelf's item, `category_rate` is per item.
    """
    days = sold.shape[1]
    weights = 0.5 ** (np.arange(days - 1, -1, -1, dtype=np.float64) / HALF_LIFE_DAYS)
    units = np.maximum((sold * weights).sum(axis=1), 0.0)  # more came back than was sold: nothing was
    exposure = (shares * factors * weights).sum(axis=1)
    items = len(category_rate)
    item_units = np.bincount(item_of, weights=units, minlength=items)
    item_exposure = np.bincount(item_of, weights=exposure, minlength=items)
    item_rate = (item_units + CATEGORY_WEIGHT * category_rate) / (item_exposure + CATEGORY_WEIGHT)
    prior = item_rate[item_of]
    shape = units + ITEM_WEIGHT * prior
    rate = shape / (exposure + ITEM_WEIGHT)
    return Rates(
        rate=rate,
        shape=shape,
        variance_ratio=_variance_ratio(sold, shares * factors, weights, rate, item_of, items),
        shelf_days=exposure,
    )


def _variance_ratio(
    sold: FloatArray, exposure: FloatArray, weights: FloatArray, rate: FloatArray, item_of: IntArray, items: int
) -> FloatArray:
    """Squared residuals over expected sales, pooled over an item's stores and shrunk: lumpy items stay lumpy everywhere."""
    expected = exposure * rate[:, None]
    seen = exposure > 0
    squares = (np.where(seen, (sold - expected) ** 2, 0.0) * weights).sum(axis=1)
    means = (expected * weights).sum(axis=1)
    pooled_squares = np.bincount(item_of, weights=squares, minlength=items)
    pooled_means = np.bincount(item_of, weights=means, minlength=items)
    ratio = (pooled_squares + SPREAD_WEIGHT * DEFAULT_VARIANCE_RATIO) / (pooled_means + SPREAD_WEIGHT)
    return np.clip(ratio, 1.1, GREATEST_VARIANCE_RATIO)[item_of]


def demand_over(rates: Rates, factor_days: FloatArray, known_units: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of demand over a horizon worth `factor_days` average days, `known_units` (vouchers) on top.

    Variance = ratio x mean for the days, plus mean^2 / shape because the rate itself is an estimate.
    """
    base = rates.rate * factor_days
    variance = rates.variance_ratio * (base + known_units) + base * base / np.maximum(rates.shape, 1e-9)
    return base + known_units, variance

"""Expected demand of every shelf, tomorrow and over seven days, from decayed rates at three levels; called by the close.

    features   own rates (7, 28, 90 days), the item's over all its stores (3, 14, 60 days) times the shelf's share, the store's trend
    forecast   weekday factor x sum of weights x features; one set of weights a horizon, learned by all shelves of the chain together

Every number of a row follows from that row, its item and the pool, by operations on single numbers or sums in row order: a batch
may be cut anywhere. (A matrix product would not do: its rounding depends on the number of rows.)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.inventory.domain.learning.facts import WEEK, FloatArray, IntArray, Shelves
from services.inventory.domain.learning.layout import FEATURES, ITEM_HALF_LIVES, OWN_HALF_LIVES
from services.inventory.domain.learning.pooling import Pooled
from services.inventory.domain.learning.state import ItemStates

LEAST_RATE = 0.002
"""Units a day below which no shelf is expected to sell."""

_OWN_DECAY: FloatArray = np.exp2(-1 / np.array(OWN_HALF_LIVES))[:, None]
_ITEM_DECAY: FloatArray = np.exp2(-1 / np.array(ITEM_HALF_LIVES))[:, None]
_FORGET_WEEKDAY = 0.985
_WEEKDAY_PRIOR = 5.0
_SHARE_PRIOR_DAYS = 20.0
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The pool, laid beside the rows of a batch."""

    pooled: Pooled
    weekday: FloatArray
    """The stores' factors, a row a weekday."""

    store_rate: FloatArray
    """The store's slow rate against the mean store's."""

    store_trend: FloatArray
    """The store's fast rate against its slow one, less 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Expected units, as of a close."""

    day: int
    features: FloatArray
    """A row a feature: units a day on an average weekday."""

    factors: FloatArray
    """A row a weekday (`day % 7`), 1 on average."""

    tomorrow: FloatArray
    """Of tomorrow, and `week` of seven days: promotions and vouchers included."""

    week: FloatArray
    rate: FloatArray
    """Units on an average day without either, as the week's weights see it."""

    lifts: FloatArray
    """How many times that, by promotions known ahead: a row a day, the first is tomorrow; 1 beyond."""

    vouchers: FloatArray
    """Units more on vouchers: a row a day; none beyond."""

    def factor(self, ahead: int) -> FloatArray:
        """Of the day so many days after the close: its weekday's times its promotion's."""
        weekday = self.factors[(self.day + ahead) % WEEK]
        found: FloatArray = weekday * self.lifts[ahead - 1] if 1 <= ahead <= len(self.lifts) else weekday
        return found

    def on(self, ahead: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The lines of the day so many days after the close: what sells by itself, more by promotions, more by vouchers."""
        own = self.rate * self.factors[(self.day + ahead) % WEEK]
        vouchers = self.vouchers[ahead - 1] if 1 <= ahead <= len(self.vouchers) else np.zeros(len(own))
        return own, self.rate * self.factor(ahead) - own, vouchers

    def near_ratio(self) -> FloatArray:
        """How the rate that tomorrow's weights see stands to the week's, within bounds."""
        rate = (self.tomorrow - self.vouchers[:1].sum(axis=0)) / np.maximum(self.factor(1), _TINY)
        ratio: FloatArray = np.clip(rate / np.maximum(self.rate, _TINY), 0.2, 5.0)
        return ratio

    def vouchers_over(self, days: IntArray) -> FloatArray:
        """Units more on vouchers in the coming `days`, per row."""
        units = np.zeros(len(self.week))
        for ahead, on_day in enumerate(self.vouchers, 1):
            units += np.where(ahead <= days, on_day, 0.0)
        return units

    def promotions_over(self, days: IntArray) -> FloatArray:
        """Units more by promotions in the coming `days`, per row."""
        units = np.zeros(len(self.week))
        for ahead in range(1, len(self.lifts) + 1 if np.any(self.lifts != 1) else 1):
            units += np.where(ahead <= days, self.on(ahead)[1], 0.0)
        return units

    def over(self, first: IntArray, last: IntArray, evened_ratio: float = 0.0) -> FloatArray:
        """Units from `first` to `last` days after the close, both included (1 is tomorrow); 0 where the span is empty.

        `evened_ratio` of each weekday's difference from an average day is left out; promotions and vouchers are not.
        """
        even = self.factors.sum(axis=0) / WEEK
        units = np.zeros(len(self.week))
        for ahead in range(int(first.min(initial=1)), int(last.max(initial=0)) + 1):
            own, promoted, vouchers = self.on(ahead)
            weekday = self.factors[(self.day + ahead) % WEEK]
            level = 1 + evened_ratio * (even / np.maximum(weekday, _TINY) - 1)
            units += np.where((first <= ahead) & (ahead <= last), (own + promoted) * level + vouchers, 0.0)
        return units


def surroundings(shelves: Shelves, pooled: Pooled) -> Surroundings:
    """What the pool says of each row's store; 1 and 0 where it was never heard of."""
    known, place = pooled.stores(shelves.store_ids)
    if not pooled.store_ids:
        rows = len(shelves)
        return Surroundings(
            pooled=pooled, weekday=np.ones((WEEK, rows)), store_rate=np.ones(rows), store_trend=np.zeros(rows)
        )
    rates = pooled.store_sold / np.maximum(pooled.store_days, _TINY)
    slow = rates[1] / max(float(rates[1].mean()), _TINY)
    trend = np.clip(rates[0] / np.maximum(rates[1], _TINY), 0.5, 2.0) - 1
    weekday = pooled.weekday_sold / np.maximum(pooled.weekday_expected, _TINY)
    return Surroundings(
        pooled=pooled,
        weekday=np.where(known, weekday[:, place], 1.0),
        store_rate=np.where(known, slow[place], 1.0),
        store_trend=np.where(known, trend[place], 0.0),
    )


def forecast(  # what is known, and what is known ahead
    states: ItemStates, shelves: Shelves, around: Surroundings, day: int, lifts: FloatArray, vouchers: FloatArray
) -> Forecast:
    """What will be asked for after the close of `day`, from what `states` know; `lifts` and `vouchers` have a row a day ahead."""
    item_of = shelves.item_of
    factors = around.weekday * _item_factors(states)[:, item_of]
    features = _features(states, item_of, around)
    weights = around.pooled.weights
    rate = np.maximum(mixed(features, weights[1]), LEAST_RATE)
    found = Forecast(
        day=day, features=features, factors=factors, tomorrow=rate, week=rate, rate=rate, lifts=lifts, vouchers=vouchers
    )
    tomorrow = np.maximum(mixed(features, weights[0]), LEAST_RATE) * found.factor(1)
    return replace(
        found,
        tomorrow=tomorrow + vouchers[:1].sum(axis=0),
        week=rate * week_factor(found) + vouchers[:WEEK].sum(axis=0),
    )


def slow_rate(states: ItemStates) -> FloatArray:
    """What each shelf sells on an ordinary day, as its last months say."""
    rate: FloatArray = states.read("own_sold")[-1] / np.maximum(states.read("own_days")[-1], _TINY)
    return rate


def week_factor(found: Forecast) -> FloatArray:
    """How many average days the coming week is worth, promotions included."""
    total = found.factor(1)
    for ahead in range(2, WEEK + 1):
        total = total + found.factor(ahead)
    return total


def mixed(features: FloatArray | Sequence[FloatArray], weights: FloatArray) -> FloatArray:
    """The weighted sum of features, feature by feature."""
    total: FloatArray = features[0] * weights[0]
    for feature, weight in zip(features[1:], weights[1:], strict=True):
        total = total + feature * weight
    return total


def learn(  # a day
    states: ItemStates, shelves: Shelves, around: Surroundings, asked: FloatArray, lift: FloatArray, day: int
) -> tuple[FloatArray, FloatArray]:
    """Take a day's demand into the rates and the items' weekday factors; a day of a promotion counts as `lift` days.

    Returns what the pool learns the stores' factors from, per row: the demand of shelves known for a week, and what they would
    have sold but for the store.
    """
    item_of, items = shelves.item_of, len(shelves.item_ids)
    weekday = day % WEEK
    item_factor = _item_factors(states)[weekday][item_of]
    factor = around.weekday[weekday] * item_factor * lift
    own_sold, own_days = states.read("own_sold"), states.read("own_days")
    settled = own_days[1] > WEEK - 1
    level = np.where(settled, own_sold[1] / np.maximum(own_days[1], _TINY), 0.0)
    counted = np.where(settled, asked, 0.0)
    for name, added in (
        ("weekday_sold", counted),
        ("weekday_expected", level * around.weekday[weekday] * lift),
    ):
        sums = states.read(name)
        sums[weekday] = _FORGET_WEEKDAY * sums[weekday] + summed(added, item_of, items)
        states.keep(name, sums)
    states.keep("own_sold", _OWN_DECAY * own_sold + asked)
    states.keep("own_days", _OWN_DECAY * own_days + factor)
    states.keep("item_sold", _ITEM_DECAY * states.read("item_sold") + summed(asked, item_of, items))
    states.keep("item_days", _ITEM_DECAY * states.read("item_days") + summed(factor, item_of, items))
    return counted, level * item_factor * lift


def summed(values: FloatArray, item_of: IntArray, items: int) -> FloatArray:
    """The sums over each item's rows, in row order."""
    return np.bincount(item_of, weights=values, minlength=items).astype(np.float64, copy=False)


def _item_factors(states: ItemStates) -> FloatArray:
    """How much each weekday sells against an average day, an item a column; pulled to 1 where little was sold."""
    sold, expected = states.read("weekday_sold"), states.read("weekday_expected")
    return (sold + _WEEKDAY_PRIOR) / (expected + _WEEKDAY_PRIOR)


def _features(states: ItemStates, item_of: IntArray, around: Surroundings) -> FloatArray:
    sold, days = states.read("own_sold"), states.read("own_days")
    own = sold / np.maximum(days, _TINY)
    item = states.read("item_sold") / np.maximum(states.read("item_days"), _TINY)
    whole = item[2][item_of] * around.store_rate
    slow = (sold[2] + _SHARE_PRIOR_DAYS * whole) / (days[2] + _SHARE_PRIOR_DAYS)
    fast_trend = np.clip(item[0] / np.maximum(item[2], _TINY), 0.1, 10.0)[item_of]
    trend = np.clip(item[1] / np.maximum(item[2], _TINY), 0.1, 10.0)[item_of]
    features = np.empty((FEATURES, len(item_of)))
    features[0], features[1], features[2] = own[0], own[1], slow
    features[3], features[4], features[5] = slow * fast_trend, slow * trend, whole
    features[6], features[7] = slow * around.store_trend, np.sqrt(own[0] * slow)
    return features

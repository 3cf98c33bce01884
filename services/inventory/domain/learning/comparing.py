"""Compares forecasts with what came: what weights, spreads, lifts and uplift learn of a day; called by the close."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from services.inventory.domain.learning import known, spread
from services.inventory.domain.learning.facts import WEEK, BoolArray, FloatArray, IntArray, Shelves
from services.inventory.domain.learning.forecast import Forecast, week_factor
from services.inventory.domain.learning.known import Known
from services.inventory.domain.learning.layout import FEATURES, LIFTS, MOMENTS
from services.inventory.domain.learning.pooling import GRAM, LIFT, MOMENT, PAIRS, SCALE, SPREAD, VOUCHERS, Pooled
from services.inventory.domain.learning.state import ItemStates

LEARNS_AFTER_DAYS = 21
"""Days that a shelf must have been seen before the chain's weights learn from it."""

LIFTS_AFTER_DAYS = 14
SLOW = 2
"""The place of a shelf's slow rate among the features: what an ordinary day sells."""

_GRAM = len(PAIRS[0])
_ERROR_RATE = 0.015


def learn_tomorrow(  # noqa: PLR0913  # one day beside its forecast
    states: ItemStates,
    shelves: Shelves,
    before: Forecast,
    told: Known,
    asked: FloatArray,
    pooled: Pooled,
    chain: IntArray,
) -> FloatArray:
    """What the day says of the forecast for one day. Returns what was asked for beside vouchers."""
    seen = states.read("days_seen")[0]
    error = np.maximum(_ERROR_RATE, 1 / (seen + 1))
    day_error = states.read("day_error")[0]
    states.keep("day_error", day_error + error * ((asked - before.tomorrow) ** 2 - day_error))
    used = before.vouchers[0]
    own: FloatArray = np.maximum(asked - used, 0.0)
    mean = before.tomorrow - used
    due = (seen >= LEARNS_AFTER_DAYS).astype(np.float64)
    rows = np.flatnonzero(due)
    if rows.size:
        features = (before.features * before.factor(1))[:, rows]
        _add_products(chain, 0, features, mean[rows], own[rows])
    moments = spread.learn(states, shelves, spread.DAY, mean, own, due, pooled)
    chain[SPREAD : SPREAD + MOMENTS] += [exact(part) for part in moments]
    ordinary = before.features[SLOW] * before.factors[(before.day + 1) % WEEK]
    settled = (seen >= LIFTS_AFTER_DAYS).astype(np.float64)
    for place, sums in enumerate(known.learn(states, shelves, told.promoted, own, ordinary, settled)):
        chain[LIFT + place * LIFTS : LIFT + (place + 1) * LIFTS] += [exact(of_class) for of_class in sums]
    vouchers = states.read("vouchers_due")[0]
    if vouchers.any():
        chain[VOUCHERS:] += [exact(part * due) for part in known.uplift_seen(vouchers, asked, mean)]
    return own


def learn_week(  # a week beside its forecast
    states: ItemStates, shelves: Shelves, now: Forecast, own: FloatArray, pooled: Pooled, chain: IntArray
) -> None:
    """What seven days say of the forecast for them; each shelf is compared once a week, on a day of its own."""
    sold = states.read("week_sold")[0] + own
    mean = states.read("week_mean")[0]
    kept = states.read("week_features")
    turn = ends_week(shelves, now.day)
    due = (turn & (mean > 0)).astype(np.float64)
    rows = np.flatnonzero(due)
    if rows.size:
        _add_products(chain, 1, kept[:, rows], mean[rows], sold[rows])
    moments = spread.learn(states, shelves, spread.WEEKLY, mean, sold, due, pooled)
    chain[SPREAD + MOMENTS : SPREAD + 2 * MOMENTS] += [exact(part) for part in moments]
    ready = turn & (states.read("days_seen")[0] > LEARNS_AFTER_DAYS)
    days = week_factor(now)
    states.keep("week_sold", np.where(turn, 0.0, sold))
    states.keep("week_mean", np.where(turn, np.where(ready, now.rate * days, 0.0), mean))
    states.keep("week_features", np.where(turn, now.features * days, kept))


def _add_products(chain: IntArray, horizon: int, features: FloatArray, mean: FloatArray, came: FloatArray) -> None:
    """The weighted products of features with each other and with what came."""
    safe = np.maximum(mean, 0.01)
    weighted = features * np.minimum(1 / (safe + 0.3 * safe * safe), 30.0)
    for place, (one, other) in enumerate(zip(*PAIRS, strict=True)):
        chain[GRAM + horizon * _GRAM + place] += exact(weighted[one] * features[other])
    for place in range(FEATURES):
        chain[MOMENT + horizon * FEATURES + place] += exact(weighted[place] * came)


def exact(values: FloatArray) -> int:
    """The sum of numbers in fixed point: the same in any order and grouping."""
    return int(np.rint(values * SCALE).astype(np.int64).sum())


def ends_week(shelves: Shelves, day: int) -> BoolArray:
    """The shelves whose week ends with a day."""
    ends: BoolArray = (day + _phases(shelves)) % WEEK == 0
    return ends


def _phases(shelves: Shelves) -> IntArray:
    """On which day of seven each shelf's week ends: spread evenly, and the same for ever."""
    stores = {store_id: crc32(store_id.encode()) for store_id in set(shelves.store_ids)}
    items: Sequence[int] = [crc32(item_id.encode()) for item_id in shelves.item_ids]
    by_store = np.array([stores[store_id] for store_id in shelves.store_ids], dtype=np.int64)
    return by_store + np.array(items, dtype=np.int64)[shelves.item_of]

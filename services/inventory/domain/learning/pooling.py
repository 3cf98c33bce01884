"""What all items of a chain teach each other: contributions in exact integers, combined once a day; used by the close and kept by the store.

Contributions are sums of fixed-point integers: exact, so they may be added in any order and any grouping, and every way gives the
same bytes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.learning.facts import WEEK, FloatArray, IntArray
from services.inventory.domain.learning.layout import FEATURES, LIFTS, MOMENTS, SAFETY, STORE_HALF_LIVES

HORIZONS = 2
SCALE = float(2**24)
PAIRS = np.triu_indices(FEATURES)
_GRAM = len(PAIRS[0])
GRAM, MOMENT, SPREAD, CURVE = (
    0,
    HORIZONS * _GRAM,
    HORIZONS * (_GRAM + FEATURES),
    HORIZONS * (_GRAM + FEATURES + MOMENTS),
)
LIFT = CURVE + len(SAFETY) + 1
VOUCHERS = LIFT + 2 * LIFTS
CHAIN_NUMBERS = VOUCHERS + 2
STORE_NUMBERS = 4
"""Units asked for, those on shelves known for a week, what these would have sold but for the store, exposure."""

_FORGET = 0.985
_FORGET_SPREAD = float(np.exp2(-1 / 60))
_FORGET_LIFT = float(np.exp2(-1 / 400))
_FORGET_WEEKDAY = 0.985
_RIDGE = 1.0
_START = np.array([0.05, 0.3, 0.4, 0.1, 0.1, 0.0, 0.0, 0.0])
_START_WEIGHT = 50.0
_WEEKDAY_PRIOR = 5.0
_STORE_DECAY: FloatArray = np.exp2(-1 / np.array(STORE_HALF_LIVES))[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What some items of a day add to the pool, times `SCALE`, as integers."""

    chain: IntArray
    store_ids: Sequence[str]
    stores: IntArray
    """`STORE_NUMBERS` per store id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """What the chain knows as of the close of `day`."""

    day: int
    gram: FloatArray
    """Per horizon (tomorrow, a week) the weighted products of features, and `moment` those with what came."""

    moment: FloatArray
    weights: FloatArray
    spread: FloatArray
    """Per horizon the moments of squared errors (spread.py)."""

    lift: FloatArray
    """Units asked for by class of promotion, and what ordinary days would have sold."""

    vouchers: FloatArray
    """Units more on vouchers against units expected, weighted."""

    curve: FloatArray
    """What each safety factor costs in a shadow shop, per unit of demand; all zero while nothing was played."""

    store_ids: Sequence[str]
    weekday_sold: FloatArray
    weekday_expected: FloatArray
    store_sold: FloatArray
    store_days: FloatArray

    def stores(self, store_ids: Sequence[str]) -> tuple[IntArray, IntArray]:
        """For each of `store_ids` whether it is known (a row of 0 or 1) and its place."""
        where = {store_id: place for place, store_id in enumerate(self.store_ids)}
        known = {store_id: where.get(store_id, -1) for store_id in set(store_ids)}
        places = np.array([known[store_id] for store_id in store_ids], dtype=np.int64)
        return (places >= 0).astype(np.int64), np.maximum(places, 0)


def nothing_known(day: int) -> Pooled:
    """The pool before the first close."""
    return Pooled(
        day=day,
        gram=np.repeat(np.eye(FEATURES)[None] * _START_WEIGHT, HORIZONS, axis=0),
        moment=np.repeat(_START[None] * _START_WEIGHT, HORIZONS, axis=0),
        weights=np.repeat(_START[None], HORIZONS, axis=0),
        spread=np.zeros((HORIZONS, MOMENTS)),
        lift=np.zeros((2, LIFTS)),
        vouchers=np.zeros(2),
        curve=np.zeros(len(SAFETY)),
        store_ids=(),
        weekday_sold=np.zeros((WEEK, 0)),
        weekday_expected=np.zeros((WEEK, 0)),
        store_sold=np.zeros((len(STORE_HALF_LIVES), 0)),
        store_days=np.zeros((len(STORE_HALF_LIVES), 0)),
    )


def merged(contributions: Iterable[Contribution]) -> Contribution:
    """All of them as one: the same whatever their order and grouping."""
    parts = list(contributions)
    store_ids = sorted({store_id for part in parts for store_id in part.store_ids})
    where = {store_id: place for place, store_id in enumerate(store_ids)}
    chain = np.zeros(CHAIN_NUMBERS, dtype=np.int64)
    stores = np.zeros((STORE_NUMBERS, len(store_ids)), dtype=np.int64)
    for part in parts:
        chain += part.chain
        stores[:, [where[store_id] for store_id in part.store_ids]] += part.stores
    return Contribution(chain=chain, store_ids=store_ids, stores=stores)


def combine(pooled: Pooled, contributions: Iterable[Contribution], day: int) -> Pooled:
    """The pool as of the close of `day`, from yesterday's and what all items of the day add to it. Raises ValueError for another day."""
    if day != pooled.day + 1:
        raise ValueError(f"day {day} does not follow {pooled.day}")
    whole = merged(contributions)
    chain, stores = whole.chain / SCALE, whole.stores / SCALE
    gram, moment, weights = _weights(pooled, chain)
    ids = sorted({*pooled.store_ids, *whole.store_ids})
    kept = _spread_out(pooled, ids)
    asked, counted, expected, exposure = np.zeros((STORE_NUMBERS, len(ids)))
    where = {store_id: place for place, store_id in enumerate(ids)}
    places = [where[store_id] for store_id in whole.store_ids]
    asked[places], counted[places], expected[places], exposure[places] = stores
    weekday = day % WEEK
    kept[0][weekday] = _FORGET_WEEKDAY * kept[0][weekday] + counted
    kept[1][weekday] = _FORGET_WEEKDAY * kept[1][weekday] + expected
    curve = chain[CURVE : CURVE + len(SAFETY)]
    demand = float(chain[LIFT - 1])
    return Pooled(
        day=day,
        gram=gram,
        moment=moment,
        weights=weights,
        spread=_FORGET_SPREAD * pooled.spread + chain[SPREAD:CURVE].reshape(HORIZONS, MOMENTS),
        lift=_FORGET_LIFT * pooled.lift + chain[LIFT:VOUCHERS].reshape(2, LIFTS),
        vouchers=_FORGET_LIFT * pooled.vouchers + chain[VOUCHERS:],
        curve=curve / demand if demand > 0 else pooled.curve,
        store_ids=tuple(ids),
        weekday_sold=kept[0],
        weekday_expected=kept[1],
        store_sold=_STORE_DECAY * kept[2] + asked,
        store_days=_STORE_DECAY * kept[3] + exposure,
    )


def _weights(pooled: Pooled, chain: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted least squares with forgetting: a horizon on which nothing was learned today keeps what it has."""
    gram, moment, weights = pooled.gram.copy(), pooled.moment.copy(), pooled.weights.copy()
    for horizon in range(HORIZONS):
        added = np.zeros((FEATURES, FEATURES))
        added[PAIRS] = chain[GRAM + horizon * _GRAM : GRAM + (horizon + 1) * _GRAM]
        added = added + np.triu(added, 1).T
        if not added.any():
            continue
        gram[horizon] = _FORGET * gram[horizon] + added
        begin = MOMENT + horizon * FEATURES
        moment[horizon] = _FORGET * moment[horizon] + chain[begin : begin + FEATURES]
        ridge = _RIDGE * np.eye(FEATURES)
        weights[horizon] = np.linalg.solve(gram[horizon] + ridge, moment[horizon] + _RIDGE * weights[horizon])
    return gram, moment, weights


def _spread_out(pooled: Pooled, ids: Sequence[str]) -> list[FloatArray]:
    """The stores' arrays with room for new stores."""
    where = {store_id: place for place, store_id in enumerate(ids)}
    places = [where[store_id] for store_id in pooled.store_ids]
    grown = []
    for array, prior in (
        (pooled.weekday_sold, _WEEKDAY_PRIOR),
        (pooled.weekday_expected, _WEEKDAY_PRIOR),
        (pooled.store_sold, 0.0),
        (pooled.store_days, 0.0),
    ):
        wide = np.full((len(array), len(ids)), prior)
        wide[:, places] = array
        grown.append(wide)
    return grown

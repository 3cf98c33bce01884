"""Shadow shops: every shelf is played with every safety factor on the demand seen, so that its own past says how much safety pays.

Each shadow shop orders as the shelf does: whole packs, its lead time, its order days, and late when the supplier was late. A shop's cost is
what it held, what it lost and what it ordered, per unit of price; decayed costs are pooled shelf -> item -> chain before the best
factor is taken. Reorder point: floor(M + z sd), ordered up to one more than that (s, nQ).
"""

import numpy as np

from services.inventory.domain.learning.facts import BoolArray, FloatArray, IntArray, Rules, Shelves, Supply
from services.inventory.domain.learning.forecast import Forecast, summed
from services.inventory.domain.learning.layout import SAFETY
from services.inventory.domain.learning.pooling import Pooled
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.learning.state import ItemStates

OPENS_AFTER_DAYS = 28
COUNTS_AFTER_DAYS = 42
"""Days that a shelf must have been seen before its shadow shops open, and before what they cost counts."""

_DECAY = 0.997
_FULL_WEIGHT_DAYS = 30.0
_ITEM_WEIGHT, _CHAIN_WEIGHT = 8.0, 16.0
_LEAST_DEMAND = 0.05
_EVENED_RATIO = 0.5
_ERRORS_SHARE = 0.75
"""How far the shelf's own errors say how demand strays; the rest says the negative binomial."""

_PRIOR_CURVE: FloatArray = 1e-3 * (SAFETY - 1.8) ** 2
_GREATEST_PACKS = 60_000


def need(seen: Forecast, spread: Spread, day_error: FloatArray, supply: Supply) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of the demand that an order decided now must cover: until the next one after it can be there.

    The level is the mean of what tomorrow's and the week's weights see: two forecasts of one thing err less together. Half of what
    weekdays differ is left out: a trigger that followed every weekday would order more often than that spares.
    """
    days = supply.lead_days + supply.review_days - 1
    by_week = seen.over(np.ones_like(days), days, _EVENED_RATIO)
    mean = (by_week + by_week * seen.near_ratio()) / 2
    by_errors = day_error * days
    by_excess = mean + spread.over(days) * mean * mean
    return mean, np.sqrt(np.maximum(_ERRORS_SHARE * by_errors + (1 - _ERRORS_SHARE) * by_excess, mean))


def play(  # noqa: PLR0913  # a day of a shop
    states: ItemStates,
    shelves: Shelves,
    asked: FloatArray,
    needed: tuple[FloatArray, FloatArray],
    supply: Supply,
    held: BoolArray,
    rules: Rules,
) -> ItemStates:
    """Let the shadow shops live through a day and order at its close; `held` says where nothing was delivered today."""
    seen = states.read("days_seen")[0]
    stock, coming = _opened(states, needed[0], shelves, supply, seen)
    due = np.where(held, 0, coming[0])
    opening = stock + due * shelves.pack
    closing = np.maximum(opening - asked, 0.0)
    price = rules.prices(shelves.price_cents)
    cost = rules.hold_ratio * (opening + closing) / 2 + rules.caution_ratio * rules.lost_ratio * np.maximum(
        asked - opening, 0.0
    )
    coming = np.concatenate([coming[1:], np.zeros_like(coming[:1])])
    coming[0] += np.where(held, states.shadow_coming[0], 0).astype(np.uint16)
    trigger = np.floor(needed[0] + SAFETY[:, None] * needed[1])
    position = closing + coming.sum(axis=0, dtype=np.int64) * shelves.pack
    orders = (supply.can_order & (position <= trigger)) & (seen >= OPENS_AFTER_DAYS)
    packs = np.where(orders, np.minimum(np.ceil((trigger + 1 - position) / shelves.pack), _GREATEST_PACKS), 0)
    for lead in np.unique(supply.lead_days):
        coming[lead - 1] += np.where(supply.lead_days == lead, packs, 0).astype(np.uint16)
    states.keep("shadow_stock", np.where(seen >= OPENS_AFTER_DAYS, closing, 0.0))
    counted = np.where(seen > COUNTS_AFTER_DAYS, cost + rules.order_line_cents / price * orders, 0.0)
    states.keep("shadow_cost", _DECAY * states.read("shadow_cost") + counted)
    return ItemStates(
        learned_day=states.learned_day, shelf=states.shelf, item=states.item, shadow_coming=coming.astype(np.uint16)
    )


def best(states: ItemStates, shelves: Shelves, mean: FloatArray, pooled: Pooled) -> FloatArray:
    """The safety factor of each row: the cheapest by its own costs, its item's and the chain's, per unit of demand."""
    cost = states.read("shadow_cost")
    item_of, items = shelves.item_of, len(shelves.item_ids)
    demand = np.maximum(mean, _LEAST_DEMAND)
    whole = np.maximum(summed(mean, item_of, items), 1e-3)
    days = np.maximum(states.read("days_seen")[0] - COUNTS_AFTER_DAYS, 0.0)
    trust = np.minimum((1 - _DECAY**days) / (1 - _DECAY) / _FULL_WEIGHT_DAYS, 1.0)
    curves = _CHAIN_WEIGHT * pooled.curve[:, None] + _PRIOR_CURVE[:, None] + cost / demand * trust
    for place, costs in enumerate(cost):
        curves[place] += _ITEM_WEIGHT * (summed(costs, item_of, items) / whole)[item_of]
    chosen: FloatArray = SAFETY[curves.argmin(axis=0)]
    return chosen


def _opened(
    states: ItemStates, mean: FloatArray, shelves: Shelves, supply: Supply, seen: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Stock and deliveries of the shops; those that open today start with what the need and three days more take."""
    days = supply.lead_days + supply.review_days - 1
    start = np.ceil(mean * (days + 3) / np.maximum(days, 1) / shelves.pack) * shelves.pack
    stock = np.where(seen == OPENS_AFTER_DAYS, start, states.read("shadow_stock"))
    slots = max(int(supply.lead_days.max(initial=1)), len(states.shadow_coming))
    coming = np.zeros((slots, *states.shadow_coming.shape[1:]), dtype=np.int64)
    coming[: len(states.shadow_coming)] = states.shadow_coming
    return stock, coming

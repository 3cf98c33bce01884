"""Shadow shops: every shelf is played with every safety factor on the demand seen, so that its own past says how much safety pays.

Each shadow shop orders as the shelf does: whole packs, its lead time, its order days; and what it ordered comes in the order in which
it was due, as late as the item's orders are: while nothing due since day g has come, nothing of the shop's has either. A shop's cost is
what it held, what it lost and what it ordered, per unit of price; decayed costs are pooled shelf -> item -> chain before the best
factor is taken. Reorder point: floor(M + z sd), ordered up to one more than that (s, nQ).
"""

from dataclasses import dataclass

import numpy as np

from services.inventory.domain.lead_times import with_lead_time
from services.inventory.domain.learning.facts import WEEK, FloatArray, IntArray, Rules, Shelves, Supply
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
_GREATEST_BEHIND = 35
"""Days after which a shadow shop gets what it ordered, whatever became of the item's orders."""


def need(seen: Forecast, spread: Spread, day_error: FloatArray, supply: Supply) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of the demand that an order decided now must cover: until the next one after it can be there.

    The level is the mean of what tomorrow's and the week's weights see: two forecasts of one thing err less together. Half of what
    weekdays differ is left out: a trigger that followed every weekday would order more often than that spares. What a lane's lateness
    asks for is in it: shadow shops order by the need that the shelf orders by, so that no risk is paid for twice.
    """
    days = supply.lead_days + supply.review_days - 1
    by_week = seen.over(np.ones_like(days), days, _EVENED_RATIO)
    mean = (by_week + by_week * seen.near_ratio()) / 2
    by_errors = day_error * days
    by_excess = mean + spread.over(days) * mean * mean
    variance = np.maximum(_ERRORS_SHARE * by_errors + (1 - _ERRORS_SHARE) * by_excess, mean)
    if np.any(supply.late_days) or np.any(supply.late_variance_days):
        mean, variance = with_lead_time(mean, variance, seen.week / WEEK, supply.late_days, supply.late_variance_days)
    return mean, np.sqrt(variance)


@dataclass(frozen=True, slots=True)
class Progress:
    """Per row how the supplier got on: `due_days` days' orders came today, and those of `behind` days, today among them, have not."""

    due_days: IntArray
    behind: IntArray


def progress_of(states: ItemStates, shelves: Shelves, supply: Supply, day: int) -> Progress:
    """How far the supplier of each item got, by those of its orders that are late; remembered until the next close.

    An item's orders are taken to come in the order in which they were due, in all stores alike.
    """
    begin, end = states.read("late")
    behind_before = np.where((begin < day) & (day - 1 < end), day - begin, 0.0)
    late = supply.late_until > np.maximum(supply.late_from, day)
    first, last = np.full(len(begin), np.inf), np.zeros(len(begin))
    np.minimum.at(first, shelves.item_of[late], supply.late_from[late])
    np.maximum.at(last, shelves.item_of[late], supply.late_until[late])
    # What came once is here: the supplier falls behind by a day a day, and what is weeks late counts as here.
    begin = np.where(last > 0, np.maximum(first, day - np.minimum(behind_before, _GREATEST_BEHIND - 1)), 0.0)
    behind = np.where(begin <= day, day + 1 - begin, 0.0) * (last > 0)
    states.keep("late", np.stack([begin, last]))
    came = 1 + behind_before - behind
    return Progress(came.astype(np.int64)[shelves.item_of], behind.astype(np.int64)[shelves.item_of])


def play(  # noqa: PLR0913  # a day of a shop
    states: ItemStates,
    shelves: Shelves,
    asked: FloatArray,
    needed: tuple[FloatArray, FloatArray],
    supply: Supply,
    progress: Progress,
    rules: Rules,
) -> ItemStates:
    """Let the shadow shops live through a day and order at its close."""
    seen = states.read("days_seen")[0]
    stock, coming = _opened(states, needed[0], shelves, supply, seen)
    due, coming = _delivered(coming, progress, supply)
    opening = stock + due * shelves.pack
    closing = np.maximum(opening - asked, 0.0)
    price = rules.prices(shelves.price_cents)
    cost = rules.hold_ratio * (opening + closing) / 2 + rules.caution_ratio * rules.lost_ratio * np.maximum(
        asked - opening, 0.0
    )
    trigger = np.floor(needed[0] + SAFETY[:, None] * needed[1])
    position = closing + coming.sum(axis=0, dtype=np.int64) * shelves.pack
    orders = (supply.can_order & (position <= trigger)) & (seen >= OPENS_AFTER_DAYS)
    packs = np.where(orders, np.minimum(np.ceil((trigger + 1 - position) / shelves.pack), _GREATEST_PACKS), 0)
    due_in = supply.lead_days + progress.behind
    for days in np.unique(due_in):
        coming[days - 1] += np.where(due_in == days, packs, 0).astype(np.uint16)
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


def _delivered(coming: IntArray, progress: Progress, supply: Supply) -> tuple[IntArray, IntArray]:
    """The packs that came today, and those to come by how many due days there are before theirs."""
    slots = max(int((supply.lead_days + progress.behind).max(initial=1)), len(coming))
    due, later = np.zeros_like(coming[0]), np.zeros((slots, *coming.shape[1:]), dtype=np.int64)
    for days in np.unique(progress.due_days).tolist():
        rows = progress.due_days == days
        due[:, rows] = coming[:days, :, rows].sum(axis=0)
        later[: max(len(coming) - days, 0), :, rows] = coming[days:, :, rows]
    return due, later

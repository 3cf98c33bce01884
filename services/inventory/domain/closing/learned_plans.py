"""What a close learned, in the terms of a review: one plan an item; used by the day's close."""

from collections.abc import Mapping, Sequence

import numpy as np

from services.inventory.domain.demand.demand import Rates
from services.inventory.domain.distribution import FloatArray
from services.inventory.domain.learning.closing import Plans
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.planning.availability import Availability
from services.inventory.domain.stock.shelves import GREATEST_DAYS_HELD, SEEN_DAYS_PER_DAY_HELD, ItemPlan, ItemView

_UNIT = 1000
_WEEK = 7


def week_rate(plans: Plans) -> FloatArray:
    """Units a day of the coming week, what vouchers bring left out: those are kept apart."""
    week: FloatArray = plans.demand.week - plans.demand.vouchers_over(np.full(len(plans.trigger), _WEEK))
    return week / _WEEK


def item_plan(
    view: ItemView, told: Mapping[str, int], rows: slice, plans: Plans, lines: tuple[FloatArray, FloatArray, FloatArray]
) -> ItemPlan:
    """The learned plan of an item, its `rows` of the batch: demand of h days has the variance m + m^2 / shape.

    `told` is the availability that offers was told last; `lines` are `week_rate`, and units on vouchers and by promotions over the
    protection time.
    """
    days = np.maximum(plans.days_seen[rows], 1.0)
    rate = lines[0][rows]
    return ItemPlan(
        item_id=view.facts.item_id,
        day=plans.day + 1,
        store_ids=view.store_ids,
        rates=Rates(
            rate=rate,
            shape=1 / np.maximum(plans.spread.week[rows], 1e-6),
            variance_ratio=np.ones(len(rate)),
            shelf_days=days,
        ),
        excess=Spread(day=plans.spread.day[rows], week=plans.spread.week[rows]),
        voucher_units=lines[1][rows],
        promotion_units=lines[2][rows],
        trigger_milli=plans.trigger[rows] * _UNIT,
        order_up_to_milli=plans.target[rows] * _UNIT,
        statuses=_statuses(view.store_ids, told),
    )


def run_down_plan(view: ItemView, told: Mapping[str, int], day: int, successor: str) -> ItemPlan:
    """The plan of an item whose demand another one has: what is there is sold, nothing is ordered; it holds as long as any plan."""
    none = np.zeros(len(view.store_ids))
    held = np.full(len(none), GREATEST_DAYS_HELD * SEEN_DAYS_PER_DAY_HELD)
    return ItemPlan(
        item_id=view.facts.item_id,
        day=day + 1,
        store_ids=view.store_ids,
        rates=Rates(rate=none, shape=np.ones(len(none)), variance_ratio=np.ones(len(none)), shelf_days=held),
        voucher_units=none,
        trigger_milli=np.zeros(len(none), dtype=np.int64),
        order_up_to_milli=np.zeros(len(none), dtype=np.int64),
        statuses=_statuses(view.store_ids, told),
        successor=successor,
    )


def _statuses(store_ids: Sequence[str], told: Mapping[str, int]) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    return np.array([told.get(store, Availability.UNKNOWN) for store in store_ids], dtype=np.int8)

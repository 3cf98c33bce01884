"""What a close learned, in the terms of a review: a plan for each item; used by the day's close."""

from collections.abc import Mapping, Sequence

import numpy as np

from services.inventory.domain.demand.demand import Rates
from services.inventory.domain.distribution import FloatArray
from services.inventory.domain.learning.closing import Plans
from services.inventory.domain.learning.facts import Shelves
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.planning.availability import Availability
from services.inventory.domain.stock.shelves import GREATEST_DAYS_HELD, SEEN_DAYS_PER_DAY_HELD, ItemPlan, ItemView

_UNIT = 1000
_WEEK = 7


def week_rate(plans: Plans) -> FloatArray:
    """Units a day of the coming week, what vouchers bring left out: those are kept apart."""
    week: FloatArray = plans.demand.week - plans.demand.vouchers_over(np.full(len(plans.trigger), _WEEK))
    return week / _WEEK


def item_plans(
    items: Sequence[tuple[ItemView, Mapping[str, int]]],
    shelves: Shelves,
    plans: Plans,
    lines: tuple[FloatArray, FloatArray, FloatArray],
) -> Sequence[ItemPlan]:
    """The learned plans of these items, which `shelves` lists: demand of h days has the variance m + m^2 / shape.

    With each item comes by store the availability that offers was told last; `lines` are `week_rate`, and units on vouchers and by
    promotions over the protection time.
    """
    rates = Rates(
        rate=lines[0],
        shape=1 / np.maximum(plans.spread.week, 1e-6),
        variance_ratio=np.ones(len(shelves)),
        shelf_days=np.maximum(plans.days_seen, 1.0),
    )
    trigger_milli, order_up_to_milli = plans.trigger * _UNIT, plans.target * _UNIT
    told = np.array(
        [known.get(store_id, Availability.UNKNOWN) for view, known in items for store_id in view.store_ids],
        dtype=np.int8,
    )
    found = []
    for place, (view, _) in enumerate(items):
        rows = shelves.rows(place)
        found.append(
            ItemPlan(
                item_id=view.facts.item_id,
                day=plans.day + 1,
                store_ids=view.store_ids,
                rates=rates.rows(rows),
                excess=Spread(day=plans.spread.day[rows], week=plans.spread.week[rows]),
                voucher_units=lines[1][rows],
                promotion_units=lines[2][rows],
                trigger_milli=trigger_milli[rows],
                order_up_to_milli=order_up_to_milli[rows],
                statuses=told[rows],
            )
        )
    return found


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
        statuses=np.array([told.get(store_id, Availability.UNKNOWN) for store_id in view.store_ids], dtype=np.int8),
        successor=successor,
    )

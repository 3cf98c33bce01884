"""What stands above a learned plan: the late risk of its lane, the chain's classes, the shelf plan; called by the day's close."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from services.inventory.domain.lead_times import with_lead_time
from services.inventory.domain.learning.closing import Plans
from services.inventory.domain.learning.facts import Shelves, Supply
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.policies.levels import ShelfNeeds, stated_levels
from services.inventory.domain.stock.shelves import ItemView

_WEEK = 7


def stated_plans(
    items: Sequence[ItemView], shelves: Shelves, supply: Supply, plans: Plans, around: Surroundings
) -> Plans:
    """The plans with all of that; as learned, to the bit, where lanes are never late and nobody has said anything."""
    risky = _with_late_risk(items, plans, around)
    needs = ShelfNeeds(
        rate=plans.demand.week / _WEEK,
        mean=risky.need_mean,
        variance=risky.need_deviation**2,
        protection_days=(supply.wait_days + supply.lead_days + supply.review_days).astype(np.float64),
        trigger=risky.trigger.copy(),
        aim=risky.target.copy(),
    )
    trigger, aim = stated_levels(items, shelves.starts, needs, around.book)
    return replace(risky, trigger=trigger, target=aim)


def _with_late_risk(items: Sequence[ItemView], plans: Plans, around: Surroundings) -> Plans:
    """Triggers and targets raised where a lane's orders come late, by the same safety factor as they were learned with."""
    lanes = [lane for item in items for lane in around.lanes.of_shelves(item.store_ids, item.facts.category)]
    late = np.array([lane.late_days for lane in lanes])
    spread = np.array([lane.late_variance_days for lane in lanes])
    if not late.any() and not spread.any():
        return plans
    rate = plans.demand.week / _WEEK
    mean, variance = with_lead_time(plans.need_mean, plans.need_deviation**2, rate, late, spread)
    deviation = np.sqrt(variance)
    before = plans.need_mean + plans.safety * plans.need_deviation
    more = np.ceil(np.maximum(mean + plans.safety * deviation - before, 0.0) - 1e-9).astype(np.int64)
    return replace(
        plans,
        need_mean=mean,
        need_deviation=deviation,
        trigger=plans.trigger + more,
        target=plans.target + more,
    )

"""What stands above a learned plan: the chain's classes and the shelf plan; called by the day's close."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from services.inventory.domain.learning.closing import Plans
from services.inventory.domain.learning.facts import Shelves, Supply
from services.inventory.domain.policies.classes import PolicyBook
from services.inventory.domain.policies.levels import ShelfNeeds, stated_levels
from services.inventory.domain.stock.shelves import ItemView

_WEEK = 7


def stated_plans(items: Sequence[ItemView], shelves: Shelves, supply: Supply, plans: Plans, book: PolicyBook) -> Plans:
    """The plans with all of that; as learned, to the bit, where nobody has said anything."""
    needs = ShelfNeeds(
        rate=plans.demand.week / _WEEK,
        mean=plans.need_mean,
        variance=plans.need_deviation**2,
        protection_days=(supply.wait_days + supply.lead_days + supply.review_days).astype(np.float64),
        trigger=plans.trigger.copy(),
        aim=plans.target.copy(),
    )
    trigger, aim = stated_levels(items, shelves.starts, needs, book)
    return replace(plans, trigger=trigger, target=aim)

"""The days to come of one item, line by line: what sells by itself, more by promotions, more on vouchers; called by the desk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.catalog import ItemFacts
from services.inventory.domain.learning.facts import Shelves
from services.inventory.domain.learning.forecast import slow_rate
from services.inventory.domain.learning.outlook import outlook
from services.inventory.domain.learning.pool_bytes import pooled_from_bytes
from services.inventory.domain.learning.pooling import nothing_known
from services.inventory.domain.learning.state import from_bytes
from services.inventory.domain.planning.known_ahead import known_ahead
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.stock.shelves import ItemPlan, ItemView, start_of
from services.inventory.ports import InventoryStore

SHOWN_DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLines:
    """Units expected on a UTC day (counted from 1970-01-01)."""

    day: int
    own: float
    promotions: float
    vouchers: float


async def day_lines(store: InventoryStore, plan: ItemPlan) -> Mapping[str, Sequence[DayLines]]:
    """Per store the coming days of a planned item, with the promotions and vouchers that are known by now."""
    kept = await store.views.learned(plan.item_id)
    day = plan.day - 1 if kept is None or kept.state is None else kept.day
    category = "" if kept is None else kept.category
    view = _view(plan, category)
    around = await store.reviews.surroundings([view], start_of(day + 1), Policy())
    shelves = Shelves(
        item_ids=[plan.item_id],
        starts=np.array([0, len(plan.store_ids)]),
        store_ids=plan.store_ids,
        pack=np.ones(len(plan.store_ids)),
        price_cents=np.zeros(len(plan.store_ids)),
    )
    if kept is None or kept.state is None:
        ahead = known_ahead([view], plan.rate, day, around)
        vouchers = np.zeros((SHOWN_DAYS, len(plan.store_ids))) if ahead is None else ahead.vouchers_ahead
        lines = [(plan.rate, np.zeros(len(plan.rate)), vouchers[place]) for place in range(SHOWN_DAYS)]
    else:
        states = from_bytes([kept.state], shelves)
        pooled = nothing_known(day) if kept.pooled is None else pooled_from_bytes(kept.pooled)
        ahead = known_ahead([view], slow_rate(states), day, around)
        found, _ = outlook(states, shelves, pooled, day, ahead)
        lines = [found.on(place) for place in range(1, SHOWN_DAYS + 1)]
    return {
        store_id: [
            DayLines(
                day=day + 1 + place,
                own=float(own[row]),
                promotions=float(promotions[row]),
                vouchers=float(vouchers[row]),
            )
            for place, (own, promotions, vouchers) in enumerate(lines)
        ]
        for row, store_id in enumerate(plan.store_ids)
    }


def _view(plan: ItemPlan, category: str) -> ItemView:
    none = np.zeros(len(plan.store_ids), dtype=np.int64)
    facts = ItemFacts(item_id=plan.item_id, category=category, pack_milli=1000, price_cents=None, currency="")
    return ItemView(
        facts=facts, store_ids=plan.store_ids, on_hand_milli=none, counted=none.astype(np.bool_), first_day=none
    )

"""How much more a shelf can take from other stores: used by transfers, as the bound of orders is by the rounding rule.

A transfer must fit when it comes, beside what is there and on its way from other stores; and once more when the next order comes,
beside that order, after what is expected to sell until then.
"""

from datetime import datetime

import numpy as np

from services.inventory.domain.commands.command import Kind
from services.inventory.domain.distribution import IntArray
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.policies.classes import PolicyBook
from services.inventory.domain.policies.levels import shelf_limits

_UNIT, _DAY_SECONDS = 1000, 86_400
UNBOUNDED = 1_000_000_000


def room_units(state: ItemState, now: datetime, book: PolicyBook) -> IntArray | None:
    """Whole units that fit on each shelf of an item; None where nobody said what any of them holds."""
    item = state.item
    if not item.shelf_facts and not book.classes:
        return None
    limits = shelf_limits(item.facts, item.store_ids, state.plan.rate, book, item.shelf_facts)
    if all(limit.capacity_milli is None for limit in limits):
        return None
    room = np.full(len(limits), UNBOUNDED, dtype=np.int64)
    for place, limit in enumerate(limits):
        if limit.capacity_milli is not None:
            room[place] = max(_room(state, place, limit.capacity_milli, now), 0)
    return room


def _room(state: ItemState, place: int, capacity_milli: int, now: datetime) -> int:
    here = max(int(state.item.on_hand_milli[place]), 0) - int(state.reserved_milli[place])
    here += int(state.in_transit_milli[place])
    sold_milli = float(state.plan.rate[place]) * _days_to_order(state, place, now) * _UNIT
    later = here + int(state.on_order_milli[place]) - int(sold_milli)
    return (capacity_milli - max(here, later)) // _UNIT


def _days_to_order(state: ItemState, place: int, now: datetime) -> float:
    store_id = state.item.store_ids[place]
    comes = [
        one.arrives_at
        for one in state.commands.values()
        if one.kind is Kind.REORDER and one.store_id == store_id and one.incoming_milli
    ]
    return max((min(comes) - now).total_seconds() / _DAY_SECONDS, 0.0) if comes else 0.0


def within(room: IntArray | None, place: int) -> int | None:
    """The room of one shelf; None where it has no bound."""
    return None if room is None or room[place] >= UNBOUNDED else int(room[place])

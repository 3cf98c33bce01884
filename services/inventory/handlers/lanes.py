"""The second stage: at its cut-off a lane's held proposals are decided together, each lane one transaction; called after every review.

Killed in the middle, the lanes that committed have their round and the others are decided again from the same proposals. Lanes
without limits hold nothing and are never looked at.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from libs.common.persistence import Transaction, Transactions
from services.inventory.domain.catalog import Lane
from services.inventory.domain.commands.command import Command
from services.inventory.domain.lanes.order import LaneOrder, decide_lane
from services.inventory.domain.lanes.stage import hold_name, proposal_of, settled_round
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.handlers.commands.keeping import keep
from services.inventory.ports import InventoryStore
from services.inventory.ports.lanes import LaneRound

MOST_PROPOSALS = 1_000_000


async def decide_lanes(
    transactions: Transactions, store_of: Callable[[Transaction], InventoryStore], policy: Policy, now: datetime
) -> Counter[str]:
    """Decide every round whose cut-off has passed by `now`; counts of proposals by what became of them, as `lane_<outcome>`."""
    async with transactions.begin() as tx:
        store = store_of(tx).lanes
        waiting = await store.waiting_lanes()
        lanes = await store.lanes() if waiting else {}
    done: Counter[str] = Counter()
    for lane_id, since in waiting.items():
        lane = lanes.get(lane_id) or Lane(lane_id=lane_id, supplier_id=lane_id)
        # A lane that has lost its limits lets go at once.
        closed_at = now if lane.limits.is_free else lane.closed_at(now)
        if closed_at is None or (closed_at <= since and not lane.limits.is_free):
            continue
        async with transactions.begin() as tx:
            done.update(await decide_round(store_of(tx), lane, closed_at, now, policy))
    return done


async def decide_round(
    store: InventoryStore, lane: Lane, closed_at: datetime, now: datetime, policy: Policy
) -> Counter[str]:
    """One lane's round within the store's transaction, unless it was decided before."""
    if not await store.lanes.begin(lane.lane_id, closed_at, now):
        return Counter()
    commands = await _proposals(store, lane, closed_at)
    shelvings = await store.lanes.shelvings([(one.item_id, one.store_id) for one in commands.values()])
    book = await store.lanes.book()
    order = decide_lane(
        [proposal_of(one, shelvings[one.item_id, one.store_id], lane, book) for one in commands.values()], lane.limits
    )
    validity = timedelta(hours=policy.reorder_validity_hours)
    await keep(store, settled_round(commands, order, lane, now, validity))
    await store.lanes.keep(_round(order, lane, closed_at, now))
    return Counter(f"lane_{outcome.value}" for outcome in order.outcomes.values())


async def _proposals(store: InventoryStore, lane: Lane, closed_at: datetime) -> dict[str, Command]:
    """What was proposed before the cut-off and still waits, locked; its items before it, as everywhere."""
    hold = hold_name(lane.lane_id)
    seen = await store.commands.waiting(hold, lane.lane_id, MOST_PROPOSALS)
    due = [one for one in seen if one.decided_at < closed_at or lane.limits.is_free]
    await store.stock.touch({one.item_id for one in due})
    locked = await store.commands.lock([one.command_id for one in due])
    return {name: one for name, one in locked.items() if one.status.is_waiting and one.held_by(hold)}


def _round(order: LaneOrder, lane: Lane, closed_at: datetime, now: datetime) -> LaneRound:
    return LaneRound(
        lane_id=lane.lane_id,
        closed_at=closed_at,
        decided_at=now,
        proposals=len(order.packs),
        sent=sum(1 for packs in order.packs.values() if packs),
        order_cents=order.order_cents,
        value_cents=order.value_cents,
        gap_cents=order.gap_cents,
        bound_by=order.bound_by,
    )

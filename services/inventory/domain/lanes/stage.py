"""A lane's round: which proposals wait for it, what each of their packs is worth, and what becomes of them; used by the lane stage.

A pack is worth the margin of the sales that would be missed without it until the order after the next can help: with D the demand of the
need's horizon, position x and pack p,  v_k = margin (E[(D - x - (k-1) p)+] - E[(D - x - k p)+]), less and less with k.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from services.inventory.domain.catalog import ItemFacts, Lane, ShelfFacts
from services.inventory.domain.commands.basis import Need
from services.inventory.domain.commands.changes import Change, What
from services.inventory.domain.commands.command import Command, Hold, released, withdrawn
from services.inventory.domain.commands.revising import resized
from services.inventory.domain.commands.settling import sent
from services.inventory.domain.distribution import shortages
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.lanes.order import LaneOrder, LaneOutcome, PackStep, Proposal
from services.inventory.domain.ordering.amounts import ShortShelf, limits_of
from services.inventory.domain.ordering.rounding import OrderLimits
from services.inventory.domain.policies.classes import PolicyBook

FILL_DAYS = 14.0
"""What fills a truck or a minimum order up may sell within this many days more."""
GREATEST_STEPS = 200
"""Packs of one proposal that are weighed one by one; what is asked beyond goes with the last of them."""
_UNIT = 1000


def hold_name(lane_id: str) -> str:
    """What a lane's hold is called."""
    return f"lane:{lane_id}"


def lane_holds(book: LaneBook, now: datetime) -> Callable[[Command], Hold | None]:
    """The gate of lanes with limits: their orders wait for the next cut-off; those of other lanes never wait."""
    lanes = {lane.lane_id: lane for found in book.lanes.values() for lane in found if not lane.limits.is_free}

    def hold(command: Command) -> Hold | None:
        lane = lanes.get(command.lane_id or "")
        if lane is None:
            return None
        closes = lane.orders_at(now)
        return Hold(
            hold_name(lane.lane_id), f"waits for all orders of lane {lane.lane_id}, until {closes:%a %d %b %H:%M} UTC"
        )

    return hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelving:
    """What a round must know of a proposal's shelf."""

    facts: ItemFacts
    shelf: ShelfFacts = ShelfFacts()  # noqa: RUF009  # frozen: nothing to share


def as_one(command: Command) -> Command:
    """A proposal that grew by versions, as if all of it had been asked for at once: nobody outside has heard of any."""
    basis = command.basis
    if not isinstance(basis, Need):
        raise TypeError(f"{command.command_id} is no order with figures")
    packs = -(-command.quantity_milli // basis.pack_milli)
    whole = replace(
        basis, packs=packs, cuts=(), asked_milli=0, asked_version=0, coming_milli=basis.coming_milli - basis.asked_milli
    )
    return replace(command, basis=whole, packs=packs)


def proposal_of(command: Command, shelving: Shelving, lane: Lane, book: PolicyBook) -> Proposal:
    """The proposal with the worth of its packs, and with more packs where the lane fills up."""
    whole = as_one(command)
    need = whole.basis
    if not isinstance(need, Need):
        raise TypeError(f"{command.command_id} is no order with figures")
    shelf = ShortShelf(
        facts=shelving.facts,
        store_id=command.store_id,
        rate=need.rate,
        position_milli=need.position_milli,
        trigger_milli=need.trigger_milli,
        aim_milli=need.order_up_to_milli,
        shelf=shelving.shelf,
        lane=lane,
    )
    limits = limits_of(shelf, book.of(shelving.facts, need.rate))
    sizes = _step_sizes(whole.packs, _more_packs(need, shelving.facts, limits, lane, whole.packs), limits)
    asked = int(np.searchsorted(np.cumsum(sizes), whole.packs)) + 1
    pack_milli = need.pack_milli
    facts = shelving.facts
    return Proposal(
        command_id=command.command_id,
        steps=pack_worth(need, sizes),
        asked=asked,
        pack_milli=pack_milli,
        pack_grams=facts.weight_grams * pack_milli // _UNIT,
        pack_ml=facts.volume_ml * pack_milli // _UNIT,
        pack_cents=(facts.cost_cents or 0) * pack_milli // _UNIT,
    )


def _more_packs(need: Need, facts: ItemFacts, limits: OrderLimits, lane: Lane, asked: int) -> int:
    """How many packs beyond those asked for may fill the lane's order up."""
    if not lane.limits.fills_truck and lane.limits.minimum_cents is None:
        return 0
    days = FILL_DAYS if facts.shelf_life_days is None else min(FILL_DAYS, float(facts.shelf_life_days))
    more = int(need.rate * days * _UNIT // need.pack_milli)
    if limits.bound_milli is not None:
        more = min(more, (limits.bound_milli - need.position_milli) // need.pack_milli - asked)
    return max(more, 0)


def _step_sizes(asked: int, more: int, limits: OrderLimits) -> Sequence[int]:
    """The packs of each step: the least order first, then packs or whole layers; what was asked for ends with a step."""
    each = limits.layer_packs if limits.whole_layers_only else 1
    first = min(-(-max(limits.least_packs, 1) // each) * each, asked)
    sizes = [first]
    while sum(sizes) < asked:
        is_last = len(sizes) + 1 >= GREATEST_STEPS
        sizes.append(asked - sum(sizes) if is_last else min(each, asked - sum(sizes)))
    return [*sizes, *[each] * min(more // each, GREATEST_STEPS)]


def pack_worth(need: Need, sizes: Sequence[int]) -> Sequence[PackStep]:
    """Each step with the margin that would be missed without it."""
    mean = need.rate * need.horizon_days + need.voucher_units
    variance = mean * max(need.spread_units**2 / max(need.expected_units, 1e-9), 1.0)
    owed = max(-need.position_milli, 0) / _UNIT
    stock = np.cumsum([max(need.position_milli, 0), *(size * need.pack_milli for size in sizes)]) / _UNIT
    greatest = int(np.ceil(min(stock[-1], mean + 12 * variance**0.5 + 1)))
    table = shortages(np.array([mean]), np.array([variance]), greatest)[0]
    free = stock - owed
    missed = np.interp(np.maximum(free, 0.0), np.arange(len(table)), table) + np.maximum(-free, 0.0)
    spared = np.maximum(-np.diff(missed), 0.0) * need.margin_cents
    return [PackStep(size, float(value)) for size, value in zip(sizes, spared.tolist(), strict=True)]


def settled_round(
    commands: Mapping[str, Command], order: LaneOrder, lane: Lane, now: datetime, validity: timedelta
) -> Sequence[Change]:
    """What becomes of a round's proposals: sent as they are, cut or filled up, or withdrawn until the next; in the order of ids."""
    actor, changes = f"limit:{lane.lane_id}", list[Change]()
    for command_id in sorted(order.packs):
        command, packs, outcome = commands[command_id], order.packs[command_id], order.outcomes[command_id]
        reason = _reason(outcome, order, lane)
        if not packs:
            gone = withdrawn(command, now)
            if gone is not None:
                changes.append(Change(command=gone, what=What.WITHDRAWN, actor=actor, at=now, reason=reason))
            continue
        if outcome is not LaneOutcome.WHOLE:
            command = resized(as_one(command), packs, reason)
            changes.append(Change(command=command, what=What.CHANGED, actor=actor, at=now, reason=reason))
        free = released(command, hold_name(lane.lane_id), now, approved_by=command.approved_by or actor)
        if free.status.is_waiting:
            changes.append(Change(command=free, what=What.RELEASED, actor=actor, at=now, reason=reason))
        else:
            changes.append(sent(replace(free, valid_until=now + validity), actor, reason))
    return changes


def _reason(outcome: LaneOutcome, order: LaneOrder, lane: Lane) -> str:
    bound = " and ".join(order.bound_by)
    match outcome:
        case LaneOutcome.WHOLE:
            return f"goes out whole with the order of lane {lane.lane_id}"
        case LaneOutcome.FILLED:
            return f"fills up the order of lane {lane.lane_id}"
        case LaneOutcome.CUT:
            return f"cut to the {bound} of lane {lane.lane_id}: other packs are worth more"
        case LaneOutcome.DROPPED:
            return f"no room under the {bound} of lane {lane.lane_id}: asked for again in the next round"
        case _:
            return (
                f"all orders of lane {lane.lane_id} together are below its minimum: asked for again in the next round"
            )

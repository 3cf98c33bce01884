"""Decides one item in all its stores: transfers first, then reorders for what they leave open; called by the review."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import numpy.typing as npt

from services.inventory.domain.catalog import Lane
from services.inventory.domain.commands.basis import Exchange
from services.inventory.domain.commands.command import Command, Kind, command_id_of
from services.inventory.domain.commands.revising import FAILED, next_version
from services.inventory.domain.demand.demand import demand_over
from services.inventory.domain.depots.echelons import decide_in_echelons
from services.inventory.domain.distribution import FloatArray
from services.inventory.domain.lanes.sources import Refusals, refusals_of
from services.inventory.domain.ordering.amounts import ordered_by_hand
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.ordering.needs import due_for, need_of, order_of
from services.inventory.domain.ordering.no_room import no_room
from services.inventory.domain.ordering.rounding import NotOrdered
from services.inventory.domain.ordering.shelf_room import room_units, within
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.stock.shelves import day_of, start_of
from services.inventory.domain.transfers.drafts import givable_milli, reroute_of, sent_lot
from services.inventory.domain.transfers.rerouting import hurdle_ratio_of, learned_transfers
from services.inventory.domain.transfers.surplus import surplus_moves
from services.inventory.domain.transfers.transfer import Shelf, Transfer, plan_transfers

BoolArray = npt.NDArray[np.bool_]
_UNIT, _DAY_SECONDS = 1000, 86_400


def decide(state: ItemState, now: datetime, around: Surroundings) -> tuple[Sequence[Command], bool]:
    """The commands that this item needs now, as drafts, and whether a need had to be left for another day.

    A need that was already asked for on its day is enlarged while unanswered, and asked of another source when its own said no;
    answered with yes it is settled for that day: an inventory system that has agreed must not find its order changed.
    Who said no today is not asked again today. A store that nobody is left to supply is noted in `state.unsourced`.
    """
    trigger = state.plan.trigger_milli
    short = state.soon_milli < trigger
    quiet = not short.any() and state.spoilage is None and not state.item.depots
    if quiet or state.plan.successor is not None:
        return (), False
    refusals = refusals_of(state.commands.values(), day_of(now))
    moves = list(_reroutes(state, short, now, around, refusals))
    moves += _unsold(state, moves, now, around, refusals)
    for move in moves:
        state.add(move)
    position = state.position_milli
    places = np.flatnonzero(position < trigger).tolist()
    in_order = _reorders if not state.item.depots else partial(decide_in_echelons, _reorder)
    orders, waits = in_order(state, places, now, around, refusals)
    return [*moves, *orders], waits


def _reorders(
    state: ItemState, places: Sequence[int], now: datetime, around: Surroundings, refusals: Refusals
) -> tuple[Sequence[Command], bool]:
    """The orders of stores that are short, each by itself."""
    position = state.position_milli
    orders: list[Command] = []
    waits = False
    for place in places:
        lane = refusals.lane_for(around.lanes, state.item.store_ids[place], state.item.facts.category)
        if lane is None:
            state.unsourced.append(state.item.store_ids[place])
            waits = True
            continue
        if lane.wait_days(now.weekday()) > 0:  # decided on the day on which it can go out, knowing more
            waits = True
            continue
        draft = _reorder(state, place, int(position[place]), now, around, lane)
        if isinstance(draft, NotOrdered):
            waits |= draft is NotOrdered.WAITS_FOR_REVIEW
            continue
        order = None if draft is None else next_version(state.commands.get(draft.command_id), draft)
        if order is not None:
            orders.append(order)
            state.add(order)
        waits |= draft is not None and order is None
    return orders, waits


def _reroutes(
    state: ItemState, short: BoolArray, now: datetime, around: Surroundings, refusals: Refusals
) -> Sequence[Command]:
    """Transfers to stores that are short, except those that were promised one for that day already."""
    facts, policy = state.item.facts, around.policy
    if not policy.reroute or not short.any():
        return ()
    margin = policy.margin_cents(facts.price_cents, facts.cost_cents)
    gaps = _gap_days(state, short, now, around, refusals)
    least_cost = policy.hurdle_ratio * (policy.transfer_line_cents + policy.transfer_unit_cents)
    # More than the expected demand of the gap can never be saved.
    lost = 1.0 if state.plan.served_else is None else 1 - state.plan.served_else
    eligible = short & (margin * lost * state.plan.rate * gaps > least_cost)
    needed_on = (now + timedelta(days=policy.transfer_days)).date()
    for place in np.flatnonzero(eligible).tolist():
        asked = command_id_of(Kind.REROUTE, facts.item_id, state.item.store_ids[place], needed_on)
        eligible[place] = asked not in state.commands or state.commands[asked].status in FAILED
    if not eligible.any():
        return ()
    shelves = _shelves(state, np.where(eligible, gaps, 0.0), now, around, refusals)
    if state.plan.excess is None:
        transfers = plan_transfers(shelves, margin, policy)
    else:
        transfers = learned_transfers(state, state.plan.excess, now, around, refusals, eligible)
    drafts = [_reroute(state, one, shelves, float(gaps[one.receiver]), now, around) for one in transfers]
    moves = [next_version(state.commands.get(draft.command_id), draft) for draft in drafts]
    return [move for move in moves if move is not None]


def _unsold(
    state: ItemState,
    moves: Sequence[Command],
    now: datetime,
    around: Surroundings,
    refusals: Refusals,
) -> Sequence[Command]:
    """Transfers of what would end unsold, among stores that have no other transfer on that day."""
    if state.spoilage is None or not state.spoilage.surplus_milli.any():
        return ()
    known = {place for move in moves for place in (state.place(move.store_id), state.place(move.from_store_id))}
    needed_on = (now + timedelta(days=around.policy.transfer_days)).date()
    for place, store_id in enumerate(state.item.store_ids):
        if command_id_of(Kind.REROUTE, state.item.facts.item_id, store_id, needed_on) in state.commands:
            known.add(place)
    return surplus_moves(state, now, around, refusals, {place for place in known if place is not None})


def _gap_days(
    state: ItemState, short: BoolArray, now: datetime, around: Surroundings, refusals: Refusals
) -> FloatArray:
    """Per store that is short the days between the arrival of a transfer decided now and the next supply; 0 for others."""
    category = state.item.facts.category
    gaps = np.zeros(len(short))
    for place in np.flatnonzero(short).tolist():
        store_id = state.item.store_ids[place]
        lane = refusals.lane_for(around.lanes, store_id, category)
        asks_at = now if lane else start_of(day_of(now) + 1)  # who said no is asked again tomorrow
        supply_at = state.next_supply_at(store_id, lane or around.lanes.find(store_id, category), asks_at)
        gaps[place] = max((supply_at - now).total_seconds() / _DAY_SECONDS - around.policy.transfer_days, 0.0)
    return gaps


def _shelves(
    state: ItemState, gaps: FloatArray, now: datetime, around: Surroundings, refusals: Refusals
) -> Sequence[Shelf]:
    """The item's stores as transfer planning sees them; stores with no gap receive nothing, those that said no give nothing."""
    plan, item = state.plan, state.item
    today = start_of(day_of(now))
    lanes = [around.lanes.find(store_id, item.facts.category) for store_id in item.store_ids]
    protection = np.array([lane.protection_from(today) for lane in lanes])
    gap = demand_over(plan.rates, gaps, plan.voucher_units * gaps / np.maximum(protection, 1e-9))
    own = demand_over(plan.rates, protection, plan.voucher_units)
    free, transit = state.free_milli // _UNIT, state.in_transit_milli // _UNIT
    by_hand = ordered_by_hand(item.facts, plan.rate, around.book)
    room = room_units(state, now, around.book)
    lasting = givable_milli(state, now, around.policy)
    least = np.zeros_like(free) if lasting is None else free - lasting // _UNIT
    return [
        Shelf(
            free_units=int(free[place]),
            arriving_units=int(transit[place]),
            keep_units=max(
                int(free[place]) if by_hand[place] else _keep_units(state, place, refusals), int(least[place])
            ),
            gap_mean=float(gap[0][place]),
            gap_variance=float(gap[1][place]),
            own_mean=float(own[0][place]),
            own_variance=float(own[1][place]),
            gap_days=float(gaps[place]),
            own_days=float(protection[place]),
            room_units=within(room, place),
        )
        for place in range(len(item.store_ids))
    ]


def _keep_units(state: ItemState, place: int, refusals: Refusals) -> int:
    keep = -(int(-state.plan.trigger_milli[place]) // _UNIT)
    refused = state.item.store_ids[place] in refusals.donors
    return max(keep, int(state.free_milli[place] // _UNIT)) if refused else keep


def _reroute(  # the two sides of an exchange and where it happens
    state: ItemState, one: Transfer, shelves: Sequence[Shelf], gap_days: float, now: datetime, around: Surroundings
) -> Command:
    facts, policy = state.item.facts, around.policy
    store_id, from_store_id = state.item.store_ids[one.receiver], state.item.store_ids[one.donor]
    exchange = Exchange(
        item_id=facts.item_id,
        item_name=facts.name,
        units=one.units,
        store_id=store_id,
        from_store_id=from_store_id,
        donor_free_units=shelves[one.donor].free_units,
        donor_keep_units=shelves[one.donor].keep_units if state.plan.excess is None else None,
        free_units=shelves[one.receiver].free_units,
        coming_units=shelves[one.receiver].arriving_units
        if state.plan.excess is None
        else int(state.in_transit_milli[one.receiver] + state.on_order_milli[one.receiver]) // _UNIT,
        rate=float(state.plan.rate[one.receiver]),
        gap_days=gap_days,
        gap_units=shelves[one.receiver].gap_mean,
        saved_cents=one.saved_cents,
        donor_loss_cents=one.donor_loss_cents,
        cost_cents=one.cost_cents,
        gap_cents=one.gap_cents,
        hold_cents=one.hold_cents,
        hurdle_ratio=hurdle_ratio_of(state, policy),
        currency=facts.currency,
        getter=one.getter,
        giver=one.giver,
        first_chance=one.first_chance,
        last_chance=one.last_chance,
        unit_cents=float(policy.transfer_unit_cents),
        piece_cents=one.piece_cents,
        last_day=sent_lot(state.item.ladder, one.donor, now, policy),
    )
    return reroute_of(exchange, state, now, policy)


def _reorder(  # one shelf, and who is to fill it
    state: ItemState, place: int, position_milli: int, now: datetime, around: Surroundings, lane: Lane
) -> Command | NotOrdered | None:
    """The order that fills a store up; why it may not be ordered; None where handling it would cost more than it spares."""
    facts, policy = state.item.facts, around.policy
    due = due_for(state, place, position_milli, now, around, lane)
    reason = due.sized.reason
    if reason is not None and reason is not NotOrdered.NO_ROOM:
        return reason
    need = need_of(state, place, position_milli, due, now, around, lane)
    if reason is not None:
        alarm = None if need.missed_cents < policy.order_line_cents else no_room(state, need, due, now)
        state.cramped.extend(() if alarm is None else (alarm,))
        return reason
    # What the chain stated is kept whatever handling costs.
    if due.by_class is None and facts.price_cents is not None and need.missed_cents < policy.order_line_cents:
        return None
    return order_of(need, facts, lane, now, policy)

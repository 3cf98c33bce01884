"""Decides one item in all its stores: transfers first, then reorders for what they leave open; called by the review."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from services.inventory.domain.command import Command, Kind, Status, command_id_of, enlarged
from services.inventory.domain.demand import demand_over
from services.inventory.domain.distribution import FloatArray
from services.inventory.domain.explanation import Exchange, Need, explain_reorder, explain_reroute
from services.inventory.domain.item_state import ItemState
from services.inventory.domain.planning import Surroundings
from services.inventory.domain.replenishment import packs_needed
from services.inventory.domain.shelves import day_of, weekday_of
from services.inventory.domain.transfer import Shelf, Transfer, plan_transfers

BoolArray = npt.NDArray[np.bool_]
_UNIT = 1000
_DAY_SECONDS = 86_400


def decide(state: ItemState, now: datetime, around: Surroundings) -> tuple[Sequence[Command], bool]:
    """The commands that this item needs now, and whether a need had to be left for another day.

    A need that was already asked for on its day is enlarged while unanswered; answered, it is settled for that day: an inventory
    system that has said yes or no must not find its order changed.
    """
    trigger = state.plan.trigger_milli
    short = state.free_milli + state.in_transit_milli < trigger
    if not short.any():
        return (), False
    moves = _reroutes(state, short, now, around)
    for move in moves:
        state.add(move)
    position = state.position_milli
    orders: list[Command] = []
    waits = False
    for place in np.flatnonzero(position < trigger):
        order = _reorder(state, int(place), int(position[place]), now, around)
        if order is None:
            continue
        known = state.commands.get(order.command_id)
        if known is not None and known.status is not Status.SENT:
            waits = True
            continue
        orders.append(order if known is None else enlarged(known, order))
        state.add(orders[-1])
    return [*moves, *orders], waits


def _reroutes(state: ItemState, short: BoolArray, now: datetime, around: Surroundings) -> Sequence[Command]:
    """Transfers to stores that are short, except those that were promised one for that day already."""
    facts, policy = state.item.facts, around.policy
    margin = policy.margin_cents(facts.price_cents, facts.cost_cents)
    gaps = _gap_days(state, short, now, around)
    least_cost = policy.hurdle_ratio * (policy.transfer_line_cents + policy.transfer_unit_cents)
    # More than the expected demand of the gap can never be saved.
    eligible = short & (margin * state.plan.rate * gaps > least_cost)
    needed_on = (now + timedelta(days=policy.transfer_days)).date()
    for place in np.flatnonzero(eligible).tolist():
        asked = command_id_of(Kind.REROUTE, facts.item_id, state.item.store_ids[place], needed_on)
        eligible[place] = asked not in state.commands
    if not eligible.any():
        return ()
    shelves = _shelves(state, np.where(eligible, gaps, 0.0), now, around)
    transfers = plan_transfers(shelves, margin, policy)
    return [_reroute(state, one, shelves, float(gaps[one.receiver]), now, around) for one in transfers]


def _gap_days(state: ItemState, short: BoolArray, now: datetime, around: Surroundings) -> FloatArray:
    """Per store that is short the days between the arrival of a transfer decided now and the next supply; 0 for others."""
    category = state.item.facts.category
    gaps = np.zeros(len(short))
    for place in np.flatnonzero(short).tolist():
        store_id = state.item.store_ids[place]
        supply_at = state.next_supply_at(store_id, around.lanes.find(store_id, category), now)
        gaps[place] = max((supply_at - now).total_seconds() / _DAY_SECONDS - around.policy.transfer_days, 0.0)
    return gaps


def _shelves(state: ItemState, gaps: FloatArray, now: datetime, around: Surroundings) -> Sequence[Shelf]:
    """The item's stores as transfer planning sees them; stores with no gap receive nothing."""
    plan, item = state.plan, state.item
    weekday = weekday_of(day_of(now))
    lanes = [around.lanes.find(store_id, item.facts.category) for store_id in item.store_ids]
    protection = np.array([lane.protection_days(weekday) for lane in lanes])
    gap = demand_over(plan.rates, gaps, plan.voucher_units * gaps / np.maximum(protection, 1e-9))
    own = demand_over(plan.rates, protection, plan.voucher_units)
    free, transit = state.free_milli // _UNIT, state.in_transit_milli // _UNIT
    return [
        Shelf(
            free_units=int(free[place]),
            arriving_units=int(transit[place]),
            keep_units=-(int(-plan.trigger_milli[place]) // _UNIT),
            gap_mean=float(gap[0][place]),
            gap_variance=float(gap[1][place]),
            own_mean=float(own[0][place]),
            own_variance=float(own[1][place]),
        )
        for place in range(len(item.store_ids))
    ]


def _reroute(  # the two sides of an exchange and where it happens
    state: ItemState, one: Transfer, shelves: Sequence[Shelf], gap_days: float, now: datetime, around: Surroundings
) -> Command:
    facts, policy = state.item.facts, around.policy
    store_id, from_store_id = state.item.store_ids[one.receiver], state.item.store_ids[one.donor]
    needed_at = now + timedelta(days=policy.transfer_days)
    exchange = Exchange(
        units=one.units,
        from_store_id=from_store_id,
        donor_free_units=shelves[one.donor].free_units,
        donor_keep_units=shelves[one.donor].keep_units,
        free_units=shelves[one.receiver].free_units,
        rate=float(state.plan.rate[one.receiver]),
        gap_days=gap_days,
        saved_cents=one.saved_cents,
        donor_loss_cents=one.donor_loss_cents,
        cost_cents=one.cost_cents,
        hurdle_ratio=policy.hurdle_ratio,
        currency=facts.currency,
    )
    return Command(
        command_id=command_id_of(Kind.REROUTE, facts.item_id, store_id, needed_at.date()),
        version=1,
        kind=Kind.REROUTE,
        item_id=facts.item_id,
        store_id=store_id,
        from_store_id=from_store_id,
        quantity_milli=one.units * _UNIT,
        decided_at=now,
        needed_at=needed_at,
        valid_until=now + timedelta(hours=policy.reroute_validity_hours),
        explanation=explain_reroute(exchange),
    )


def _need(state: ItemState, place: int, position_milli: int, now: datetime, around: Surroundings) -> Need:
    """The figures of one store that is short."""
    facts, plan, policy = state.item.facts, state.plan, around.policy
    lane = around.lanes.find(state.item.store_ids[place], facts.category)
    rate = float(plan.rate[place])
    trigger_milli, order_up_to_milli = int(plan.trigger_milli[place]), int(plan.order_up_to_milli[place])
    protection = lane.protection_days(weekday_of(day_of(now)))
    horizon = protection + policy.cover_days_of(rate)
    missed = max(rate * horizon + float(plan.voucher_units[place]) - max(position_milli, 0) / _UNIT, 0.0)
    return Need(
        on_hand_milli=int(state.item.on_hand_milli[place]),
        reserved_milli=int(state.reserved_milli[place]),
        coming_milli=int(state.in_transit_milli[place] + state.on_order_milli[place]),
        rate=rate,
        shelf_days=float(plan.shelf_days[place]),
        voucher_units=float(plan.voucher_units[place]),
        stores=len(state.item.store_ids),
        protection_days=protection,
        target_ratio=policy.target_ratio_of(rate),
        trigger_milli=trigger_milli,
        order_up_to_milli=order_up_to_milli,
        pack_milli=facts.pack_milli,
        packs=packs_needed(position_milli, trigger_milli, order_up_to_milli, facts.pack_milli),
        arrives_at=lane.arrives_at(now),
        horizon_days=horizon,
        missed_units=missed,
        missed_cents=missed * policy.margin_cents(facts.price_cents, facts.cost_cents),
        currency=facts.currency,
    )


def _reorder(state: ItemState, place: int, position_milli: int, now: datetime, around: Surroundings) -> Command | None:
    """The order that fills a store up, or None where handling it would cost more than it spares."""
    facts, policy = state.item.facts, around.policy
    need = _need(state, place, position_milli, now, around)
    if facts.price_cents is not None and need.missed_cents < policy.order_line_cents:
        return None
    store_id = state.item.store_ids[place]
    lane = around.lanes.find(store_id, facts.category)
    quantity_milli = need.packs * facts.pack_milli
    return Command(
        command_id=command_id_of(Kind.REORDER, facts.item_id, store_id, need.arrives_at.date()),
        version=1,
        kind=Kind.REORDER,
        item_id=facts.item_id,
        store_id=store_id,
        supplier_id=lane.supplier_id,
        lane_id=lane.lane_id,
        quantity_milli=quantity_milli,
        packs=need.packs,
        cost_cents=None if facts.cost_cents is None else facts.cost_cents * quantity_milli // _UNIT,
        decided_at=now,
        needed_at=need.arrives_at,
        valid_until=now + timedelta(hours=policy.reorder_validity_hours),
        explanation=explain_reorder(need),
    )

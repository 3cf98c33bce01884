"""What one short shelf may be ordered, the figures behind that order, and its draft; used by decisions and echelons."""

from datetime import datetime, timedelta

import numpy as np

from services.inventory.domain.catalog import ItemFacts, Lane, ShelfFacts
from services.inventory.domain.commands.basis import Cut, Need
from services.inventory.domain.commands.command import Command, Kind, Status, command_id_of
from services.inventory.domain.commands.explanation import explain
from services.inventory.domain.demand.demand import demand_over
from services.inventory.domain.ordering.amounts import Due, ShortShelf, limit_words, order_due, policy_words
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.ordering.perishing import fresh_packs
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.replenishment import Policy, packs_needed
from services.inventory.domain.stock.lots import NEVER
from services.inventory.domain.stock.shelves import day_of, start_of

_UNIT = 1000
_SHOWN_LOTS = 3


def due_for(  # one shelf, and who is to fill it
    state: ItemState, place: int, position_milli: int, now: datetime, around: Surroundings, lane: Lane
) -> Due:
    """What one store that is short may be ordered now."""
    item, store_id = state.item, state.item.store_ids[place]
    shelf = ShortShelf(
        facts=item.facts,
        store_id=store_id,
        rate=float(state.plan.rate[place]),
        position_milli=position_milli,
        trigger_milli=int(state.plan.trigger_milli[place]),
        aim_milli=int(state.plan.order_up_to_milli[place]),
        shelf=item.shelf_facts.get(store_id, ShelfFacts()),
        lane=lane,
    )
    return fresh_packs(state, place, position_milli, order_due(shelf, now, around.book), now, around.policy, lane)


def need_of(  # noqa: PLR0913  # one shelf, as the order sees it
    state: ItemState, place: int, position_milli: int, due: Due, now: datetime, around: Surroundings, supply: Lane
) -> Need:
    """The figures of one store that is short. What must be lived through follows its usual lane, the arrival the one asked."""
    facts, plan, policy = state.item.facts, state.plan, around.policy
    lane = around.lanes.find(state.item.store_ids[place], facts.category)
    rate = float(plan.rate[place])
    trigger_milli, order_up_to_milli = int(plan.trigger_milli[place]), int(plan.order_up_to_milli[place])
    protection = lane.protection_from(start_of(day_of(now)))
    horizon = protection + policy.cover_days_of(rate)
    served_else = 0.0 if plan.served_else is None else float(plan.served_else[place])
    missed = max(rate * horizon + float(plan.voucher_units[place]) - max(position_milli, 0) / _UNIT, 0.0)
    if served_else:
        missed *= 1 - served_else
    margin = policy.margin_cents(facts.price_cents, facts.cost_cents)
    here = slice(place, place + 1)
    plain_packs = packs_needed(position_milli, trigger_milli, order_up_to_milli, facts.pack_milli)
    mean, variance = demand_over(plan.rates.rows(here), np.array([protection]), plan.voucher_units[here])
    return Need(
        item_id=facts.item_id,
        item_name=facts.name,
        store_id=state.item.store_ids[place],
        supplier_id=supply.supplier_id,
        lane_id=supply.lane_id,
        on_hand_milli=int(state.item.on_hand_milli[place]),
        reserved_milli=int(state.reserved_milli[place]),
        coming_milli=int(state.in_transit_milli[place] + state.on_order_milli[place]),
        rate=rate,
        shelf_days=float(plan.shelf_days[place]),
        voucher_units=float(plan.voucher_units[place]),
        promotion_units=0.0 if plan.promotion_units is None else float(plan.promotion_units[place]),
        stores=len(state.item.store_ids),
        protection_days=protection,
        expected_units=float(mean[0]),
        spread_units=float(np.sqrt(variance[0])),
        target_ratio=policy.target_ratio_of(rate) if plan.excess is None else None,
        trigger_milli=trigger_milli,
        order_up_to_milli=order_up_to_milli,
        pack_milli=facts.pack_milli,
        packs=plain_packs,
        policy=policy_words(due.by_class),
        cuts=()
        if due.sized.packs == plain_packs
        else (Cut(packs=due.sized.packs, reason=limit_words(due, plain_packs)),),
        predecessor=plan.predecessor,
        stands_in_milli=0 if plan.stands_in_milli is None else int(plan.stands_in_milli[place]),
        served_else=served_else,
        arrives_at=supply.arrives_at(now),
        horizon_days=horizon,
        missed_units=missed,
        missed_cents=missed * margin,
        margin_cents=margin,
        currency=facts.currency,
        ended_milli=0 if state.spoilage is None else int(state.spoilage.ended_milli[place]),
        spoiling_milli=0 if state.spoilage is None else int(state.spoilage.spoiling_milli[place]),
        ends=_ends(state, place),
    )


def _ends(state: ItemState, place: int) -> tuple[tuple[str, int], ...]:
    """The lots on hand that end first, where any will probably end unsold."""
    if state.spoilage is None or state.item.ladder is None or not state.spoilage.spoiling_milli[place]:
        return ()
    today = state.spoilage.today
    lots = [lot for lot in state.item.ladder[place] if today <= lot[0] < NEVER]
    return tuple((start_of(last).date().isoformat(), milli) for last, milli in lots[:_SHOWN_LOTS])


def order_of(need: Need, facts: ItemFacts, lane: Lane, now: datetime, policy: Policy) -> Command:
    """The draft of an order that asks a lane for what is needed; goods of a lane that begins at a depot are promised by that depot."""
    quantity_milli = need.quantity_milli
    return Command(
        command_id=command_id_of(Kind.REORDER, facts.item_id, need.store_id, need.arrives_at.date()),
        version=1,
        kind=Kind.REORDER,
        item_id=facts.item_id,
        store_id=need.store_id,
        from_store_id=lane.depot_id,
        supplier_id=lane.supplier_id,
        lane_id=lane.lane_id,
        quantity_milli=quantity_milli,
        packs=need.asked_packs,
        cost_cents=None if facts.cost_cents is None else facts.worth_cents(quantity_milli),
        decided_at=now,
        needed_at=need.arrives_at,
        valid_until=(now if lane.limits.is_free else lane.orders_at(now))
        + timedelta(hours=policy.reorder_validity_hours),
        explanation=explain(need),
        status=Status.PROPOSED,
        stake_cents=facts.worth_cents(quantity_milli),
        basis=need,
    )

"""Transfers of one item whose plan a day's close made, by the rule that learning states; used by the review's decisions."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from services.inventory.domain.closing.closing import rules_of
from services.inventory.domain.distribution import FloatArray
from services.inventory.domain.lanes.sources import Refusals
from services.inventory.domain.learning.closing import Plans
from services.inventory.domain.learning.exchange import Exchanges, Line, Plan, best_exchange
from services.inventory.domain.learning.facts import BoolArray, Position, Rules, Shelves, Supply
from services.inventory.domain.learning.forecast import Forecast
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.learning.transfers import (
    Board,
    Move,
    are_in_need,
    board_of,
    plan_transfers,
    what_could_move,
)
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.ordering.shelf_room import room_units
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.planning.supply_rhythm import Rhythm, rhythm_of, supply_of
from services.inventory.domain.stock.shelves import day_of, start_of
from services.inventory.domain.transfers.drafts import givable_milli
from services.inventory.domain.transfers.telling import tell
from services.inventory.domain.transfers.transfer import Transfer

_UNIT = 1000
_WEEK = 7


def hurdle_ratio_of(state: ItemState, policy: Policy) -> float:
    """How many times its cost a transfer must save, by the rule that this item's plan calls for."""
    return policy.hurdle_ratio if state.plan.excess is None else rules_of(policy).hurdle_ratio


def learned_transfers(
    state: ItemState, spread: Spread, now: datetime, around: Surroundings, refusals: Refusals, eligible: BoolArray
) -> Sequence[Transfer]:
    """What is worth moving now to the `eligible` stores, but for what today's refusals leave; places are those of the item's stores.

    The others are weighed as well: a donor gives to whom it helps most.
    """
    day = day_of(now) - 1
    shelves, plans, supply = _shelves(state), _plans(state, spread, day), _supply(state, now, around, refusals)
    lasting = givable_milli(state, now, around.policy)
    position = replace(
        _position(state, day, refusals),
        room=room_units(state, now, around.book),
        lasting=None if lasting is None else lasting // _UNIT,
    )
    rules = rules_of(around.policy)
    if not are_in_need(np.flatnonzero(eligible), shelves, plans, supply, position, rules).any():
        return ()
    board = board_of(shelves, plans, supply, position, rules)
    weighed = _weighed(shelves, board, rules)
    told = tell(weighed, plans, supply, position, board) if weighed else ()
    return [one for one in told if eligible[one.receiver]]


def _weighed(shelves: Shelves, board: Board, rules: Rules) -> Sequence[Transfer]:
    """What is worth moving among all stores of an item."""
    could, held = what_could_move(board, rules)
    moves = plan_transfers(shelves, board, rules)
    if any(move.donor not in could.lost for move in moves):  # a store in need gives to one in greater need
        return [_transfer(move) for move in moves]
    found = best_exchange(could, [Line(move.donor, move.receiver, move.units) for move in moves])
    transfers = _transfers(could, found, held, rules)
    # What a move spares must pay for it by itself, whatever holding changes.
    if all(one.saved_cents - one.donor_loss_cents > one.cost_cents for one in transfers):
        return transfers
    more = max(found.gain + found.gap - sum(_gain(move, rules) for move in moves), 0.0)
    return [replace(_transfer(move), gap_cents=more) for move in moves]


def _gain(move: Move, rules: Rules) -> float:
    return move.saved_cents - move.donor_loss_cents - move.hold_cents - rules.hurdle_ratio * move.cost_cents


def _transfer(move: Move) -> Transfer:
    return Transfer(
        donor=move.donor,
        receiver=move.receiver,
        units=move.units,
        saved_cents=move.saved_cents,
        donor_loss_cents=move.donor_loss_cents,
        hold_cents=move.hold_cents,
        cost_cents=move.cost_cents,
    )


def _transfers(could: Exchanges, found: Plan, held: FloatArray, rules: Rules) -> Sequence[Transfer]:
    """The lines of a plan with what each saves and costs, a donor's units in the order of its lines."""
    given: dict[int, int] = {}
    transfers = []
    for line in found.lines:
        begun = given.get(line.donor, 0)
        given[line.donor] = begun + line.units
        transfers.append(
            Transfer(
                donor=line.donor,
                receiver=line.receiver,
                units=line.units,
                saved_cents=float((could.saved[line.receiver][: line.units] + held[line.receiver]).sum()),
                donor_loss_cents=float((could.lost[line.donor][begun : begun + line.units] + held[line.donor]).sum()),
                hold_cents=float(held[line.receiver] - held[line.donor]) * line.units,
                cost_cents=rules.transfer_line_cents + rules.transfer_unit_cents * line.units,
                gap_cents=found.gap,
            )
        )
    return transfers


def _shelves(state: ItemState) -> Shelves:
    facts, stores = state.item.facts, state.item.store_ids
    return Shelves(
        item_ids=[facts.item_id],
        starts=np.array([0, len(stores)]),
        store_ids=stores,
        pack=np.full(len(stores), facts.pack_milli / _UNIT),
        price_cents=np.full(len(stores), float(facts.price_cents or 0)),
    )


def _plans(state: ItemState, spread: Spread, day: int) -> Plans:
    """What a review kept of the close's plans, in the terms of the close."""
    plan = state.plan
    rows = len(plan.store_ids)
    nothing = np.zeros(rows)
    week = plan.rate * _WEEK
    return Plans(
        day=day,
        demand=Forecast(
            day=day,
            features=np.zeros((0, rows)),
            factors=np.ones((_WEEK, rows)),
            tomorrow=plan.rate,
            week=week,
            rate=plan.rate,
            lifts=np.ones((0, rows)),
            vouchers=np.zeros((0, rows)),
        ),
        spread=spread,
        need_mean=nothing,
        need_deviation=nothing,
        safety=nothing,
        trigger=plan.trigger_milli // _UNIT,
        target=plan.order_up_to_milli // _UNIT,
        can_order=np.ones(rows, dtype=np.bool_),
        days_seen=plan.shelf_days,
    )


def _supply(state: ItemState, now: datetime, around: Surroundings, refusals: Refusals) -> Supply:
    """How each store is supplied; where every lane said no today, nothing new comes before what is ordered tomorrow."""
    today = day_of(now)
    category = state.item.facts.category
    known: dict[str, Rhythm] = {}
    rhythms = []
    for store_id in state.item.store_ids:
        lane = around.lanes.find(store_id, category)
        if lane.lane_id not in known:
            known[lane.lane_id] = rhythm_of(lane, today)
        rhythms.append(known[lane.lane_id])
    late_until = np.zeros(len(rhythms), dtype=np.int64)
    for command in state.commands.values():
        place = state.place(command.store_id)
        if place is not None and command.incoming_milli and command.arrives_at > command.needed_at:
            late_until[place] = max(late_until[place], day_of(command.arrives_at))
    for store_id in refusals.lanes:
        place = state.place(store_id)
        if place is not None and refusals.lane_for(around.lanes, store_id, category) is None:
            tomorrow = around.lanes.find(store_id, category).arrives_at(start_of(today + 1))
            late_until[place] = max(late_until[place], day_of(tomorrow))
    return supply_of(rhythms, np.zeros_like(late_until), late_until)


def _position(state: ItemState, day: int, refusals: Refusals) -> Position:
    """What is free now and what comes on which morning; goods that are overdue are expected tomorrow.

    A store that said no has what it has, and nothing to give: as if it came tomorrow.
    """
    free = np.maximum(state.free_milli, 0) / _UNIT
    coming: dict[tuple[int, int], float] = {}
    for store_id in refusals.donors:
        refusing = state.place(store_id)
        if refusing is not None:
            coming[0, refusing], free[refusing] = float(free[refusing]), 0.0
    for command in state.commands.values():
        place = state.place(command.store_id) if command.incoming_milli else None
        if place is not None:
            ahead = max(day_of(command.arrives_at) - day - 1, 0)
            coming[ahead, place] = coming.get((ahead, place), 0.0) + command.incoming_milli / _UNIT
    days = max([2, *(ahead + 1 for ahead, _ in coming)])
    table = np.zeros((days, len(state.item.store_ids)))
    for key, units in coming.items():
        table[key] = units
    return Position(free=free, coming=table, served_else=state.plan.served_else)

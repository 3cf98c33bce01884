"""The review: what to order, what to move and what to tell offers, for a batch of items as of one moment; called by the reviewer.

Every item is decided by itself from its own stores, so batches may be cut anywhere. A review that runs again on the same state
finds what it asked for already on its way and asks for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from services.inventory.domain.availability import HORIZON_DAYS, Availability, statuses
from services.inventory.domain.command import Command, expired
from services.inventory.domain.decisions import decide
from services.inventory.domain.item_state import ItemState
from services.inventory.domain.planning import Surroundings, plan_items
from services.inventory.domain.shelves import ItemPlan, ItemView, day_of, start_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityChange:
    """An item's new availability in one store."""

    item_id: str
    store_id: str
    status: Availability
    on_hand_milli: int
    available_milli: int


@dataclass(slots=True)
class Outcome:
    """What a review decided; empty lists where nothing is to be done."""

    commands: list[Command] = field(default_factory=list)
    """New commands, and higher versions of unanswered ones."""

    expired: list[Command] = field(default_factory=list)
    plans: list[ItemPlan] = field(default_factory=list)
    """Plans that are new or whose availability changed."""

    availability: list[AvailabilityChange] = field(default_factory=list)
    look_again: dict[str, datetime] = field(default_factory=dict)
    """When an item must be looked at even if nothing touches it."""


def review(items: Sequence[ItemView], now: datetime, around: Surroundings) -> Outcome:
    """Decide for all `items`, which come in the order of their ids."""
    outcome = Outcome()
    if not items:
        return outcome
    day = day_of(now)
    stale = [item for item in items if item.needs_plan(day)]
    plans = {plan.item_id: plan for plan in plan_items(stale, now, around)}
    quiet = _quiet([item for item in items if item.facts.item_id not in plans and not item.commands])
    busy = [item for item in items if item.facts.item_id not in quiet]
    if not busy:
        return outcome
    states = [_state(item, plans.get(item.facts.item_id) or item.plan, now, outcome) for item in busy]
    for state in states:
        commands, waits = decide(state, now, around)
        outcome.commands.extend(commands)
        if waits:
            outcome.look_again[state.item.facts.item_id] = start_of(day + 1)
    _tell_availability(states, now, plans, outcome)
    for state in states:
        _remember_deadlines(state, outcome)
    return outcome


def _quiet(items: Sequence[ItemView]) -> set[str]:
    """Of items with a plan of today and nothing on its way, those where no shelf is short and offers has nothing new to hear."""
    plans = [item.plan for item in items if item.plan is not None]
    if not plans:
        return set()
    free = np.maximum(np.concatenate([item.on_hand_milli for item in items]), 0)
    rate = np.concatenate([plan.rate for plan in plans])
    news = free < np.concatenate([plan.trigger_milli for plan in plans])
    news |= statuses(free, np.zeros_like(free), rate) != np.concatenate([plan.statuses for plan in plans])
    starts = np.cumsum([0, *(len(plan.store_ids) for plan in plans)])[:-1]
    loud = np.logical_or.reduceat(news, starts)
    return {plan.item_id for plan, is_loud in zip(plans, loud.tolist(), strict=True) if not is_loud}


def _state(item: ItemView, plan: ItemPlan | None, now: datetime, outcome: Outcome) -> ItemState:
    """The item with its open commands netted; overdue ones end here."""
    if plan is None:
        raise ValueError(f"{item.facts.item_id} has no plan")
    ended = {command.command_id: expired(command) for command in item.commands if command.is_overdue(now)}
    outcome.expired.extend(ended.values())
    return ItemState.of(item, plan, [ended.get(command.command_id, command) for command in item.commands])


def _tell_availability(
    states: Sequence[ItemState], now: datetime, plans: dict[str, ItemPlan], outcome: Outcome
) -> None:
    """Note what changed since offers was told last, all shelves at once; keep the plans that know it."""
    free = np.concatenate([state.free_milli for state in states])
    soon = np.concatenate([state.arriving_milli(now + timedelta(days=HORIZON_DAYS)) for state in states])
    rate = np.concatenate([state.plan.rate for state in states])
    told = np.concatenate([state.plan.statuses for state in states])
    found = statuses(free, soon, rate)
    changed = found != told
    starts = np.cumsum([0, *(len(state.item.store_ids) for state in states)])
    for state, start, end in zip(states, starts[:-1], starts[1:], strict=True):
        item_id = state.item.facts.item_id
        places = np.flatnonzero(changed[start:end])
        if not places.size:
            if item_id in plans:
                outcome.plans.append(state.plan)
            continue
        outcome.plans.append(replace(state.plan, statuses=found[start:end]))
        outcome.availability.extend(
            AvailabilityChange(
                item_id=item_id,
                store_id=state.item.store_ids[place],
                status=Availability(int(found[start + place])),
                on_hand_milli=int(state.item.on_hand_milli[place]),
                available_milli=int(free[start + place] + soon[start + place]),
            )
            for place in places.tolist()
        )


def _remember_deadlines(state: ItemState, outcome: Outcome) -> None:
    """Look again when the first open command stops counting."""
    deadlines = [command.deadline for command in state.commands.values() if command.status.is_open]
    known = outcome.look_again.get(state.item.facts.item_id)
    if deadlines or known:
        outcome.look_again[state.item.facts.item_id] = min([*deadlines, *([known] if known else [])])

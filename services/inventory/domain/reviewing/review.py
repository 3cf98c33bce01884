"""The review: what to order, what to move and what to tell offers, for a batch of items as of one moment; called by the reviewer.

Every item is decided by itself from its own stores, so batches may be cut anywhere. A review that runs again on the same state
finds what it asked for already on its way and asks for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from services.inventory.domain.commands.changes import Change, What
from services.inventory.domain.commands.command import Command, Kind, Status
from services.inventory.domain.commands.patience import NO_SOURCE, look_again_at, waited_for
from services.inventory.domain.distribution import IntArray
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.planning.availability import (
    HORIZON_DAYS,
    Availability,
    status_of,
    statuses,
    with_surplus,
)
from services.inventory.domain.planning.planning import Surroundings, plan_items
from services.inventory.domain.planning.spoilage import spoilage_of
from services.inventory.domain.reviewing.decisions import decide
from services.inventory.domain.reviewing.quiet import quiet_items
from services.inventory.domain.stock.shelves import ItemPlan, ItemView, day_of, start_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityChange:
    """An item's new availability in one store."""

    item_id: str
    store_id: str
    status: Availability
    on_hand_milli: int
    available_milli: int
    surplus_milli: int = 0
    """Of what is on hand, what will probably end unsold within days."""
    surplus_day: int = 0
    """Its last day, counted from 1970-01-01; 0 where there is none."""


@dataclass(slots=True)
class Outcome:
    """What a review decided; empty lists where nothing is to be done."""

    commands: list[Command] = field(default_factory=list)
    """Drafts: new commands, and higher versions of known ones (settling.py says what becomes of them)."""

    replaced: dict[str, Command] = field(default_factory=dict)
    """What a draft is a higher version of, by id."""

    waiting: list[Change] = field(default_factory=list)
    """What waiting for open commands came to: sent again, escalated, expired."""

    categories: dict[str, str] = field(default_factory=dict)
    """Of the items that were decided."""

    plans: list[ItemPlan] = field(default_factory=list)
    """Plans that are new or whose availability changed."""

    availability: list[AvailabilityChange] = field(default_factory=list)
    look_again: dict[str, datetime] = field(default_factory=dict)
    """When an item must be looked at even if nothing touches it."""

    @property
    def expired(self) -> list[Command]:
        """Commands whose time is over."""
        return [change.command for change in self.waiting if change.what is What.EXPIRED]

    def look_at(self, item_id: str, at: datetime | None) -> None:
        """Look at the item again at `at`, unless it is to be looked at before."""
        known = self.look_again.get(item_id)
        if at is not None and (known is None or at < known):
            self.look_again[item_id] = at


def review(items: Sequence[ItemView], now: datetime, around: Surroundings) -> Outcome:
    """Decide for all `items`, which come in the order of their ids."""
    outcome = Outcome()
    if not items:
        return outcome
    day = day_of(now)
    stale = [item for item in items if item.needs_plan(day)]
    plans = {plan.item_id: plan for plan in plan_items(stale, now, around)}
    quiet = quiet_items(((item, item.plan) for item in items), day, around)
    busy = [item for item in items if item.facts.item_id not in quiet]
    if not busy:
        return outcome
    states = [_state(item, plans.get(item.facts.item_id) or item.plan, now, around, outcome) for item in busy]
    for state in states:
        before = dict(state.commands)
        commands, waits = decide(state, now, around)
        outcome.commands.extend(commands)
        outcome.replaced |= {one.command_id: before[one.command_id] for one in commands if one.command_id in before}
        outcome.categories[state.item.facts.item_id] = state.item.facts.category
        if waits or state.spoilage is not None:  # what ends today is there no more tomorrow
            outcome.look_at(state.item.facts.item_id, start_of(day + 1))
        _say_what_nobody_supplies(state, now, outcome)
        outcome.waiting.extend(
            Change(command=alarm, what=What.ESCALATED, actor="review", at=now, reason=reason)
            for alarm, reason in state.cramped
        )
    _tell_availability(states, now, plans, outcome)
    for state in states:
        for command in state.commands.values():
            outcome.look_at(state.item.facts.item_id, look_again_at(command, around.policy.patience))
    return outcome


def _state(item: ItemView, plan: ItemPlan | None, now: datetime, around: Surroundings, outcome: Outcome) -> ItemState:
    """The item with its open commands netted; those that were waited for long enough are sent again, escalated, or end here."""
    if plan is None:
        raise ValueError(f"{item.facts.item_id} has no plan")
    commands = []
    for known in item.commands:
        command, changes = waited_for(known, now, around.policy.patience)
        commands.append(command)
        outcome.waiting.extend(changes)
    state = ItemState.of(item, plan, commands)
    state.spoilage = spoilage_of(item, plan, state.commands, now, around)
    return state


def _say_what_nobody_supplies(state: ItemState, now: datetime, outcome: Outcome) -> None:
    """Escalate the last refused command of every store whose need nobody is left to ask for; once."""
    for store_id in state.unsourced:
        mine = [one for one in state.commands.values() if one.store_id == store_id]
        refused = [one for one in mine if one.kind is Kind.REORDER and one.status is Status.REJECTED]
        if not refused or any(one.alarm == NO_SOURCE for one in refused):
            continue
        moves = [one for one in mine if one.kind is Kind.REROUTE and one.status is Status.PROPOSED]
        help_from = ", ".join(sorted(str(one.from_store_id) for one in moves)) or "no other store"
        last = max(refused, key=lambda one: (one.changed_at or one.decided_at, one.command_id))
        asked = ", ".join(sorted({*last.refused, str(last.source)}))
        alarmed = replace(last, alarm=NO_SOURCE)
        state.commands[last.command_id] = alarmed
        reason = f"nobody is left to supply it today: {asked} said no; help comes from {help_from}"
        outcome.waiting.append(
            Change(command=alarmed, what=What.ESCALATED, actor="review", at=now, reason=reason, sends=True)
        )


def _tell_availability(
    states: Sequence[ItemState], now: datetime, plans: dict[str, ItemPlan], outcome: Outcome
) -> None:
    """Note what changed since offers was told last, all shelves at once; keep the plans that know it."""
    free = np.concatenate([state.free_milli for state in states])
    soon = np.concatenate([state.arriving_milli(now + timedelta(days=HORIZON_DAYS)) for state in states])
    rate = np.concatenate([state.plan.rate for state in states])
    told = np.concatenate([state.plan.statuses for state in states])
    surplus = np.concatenate([_surplus(state)[0] for state in states])
    ends = np.concatenate([_surplus(state)[1] for state in states])
    found = with_surplus(statuses(free, soon, rate), ends, day_of(now))
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
                status=status_of(int(found[start + place])),
                on_hand_milli=int(state.item.on_hand_milli[place]),
                available_milli=int(free[start + place] + soon[start + place]),
                surplus_milli=int(surplus[start + place]),
                surplus_day=int(ends[start + place]),
            )
            for place in places.tolist()
        )


def _surplus(state: ItemState) -> tuple[IntArray, IntArray]:
    """How much will probably end unsold within days, and its last day; nothing where nothing spoils."""
    if state.spoilage is None:
        nothing = np.zeros(len(state.item.store_ids), dtype=np.int64)
        return nothing, nothing
    return state.spoilage.surplus_milli, state.spoilage.surplus_day

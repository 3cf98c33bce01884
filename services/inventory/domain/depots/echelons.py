"""Decides the orders of an item that depots hold: stores first, then the depots, each after all that it supplies; called by decisions.

A depot sees in the same run what stores ask of it. What it has is promised to them; where it is too little it is shared by the sales that
each pack spares (fair_shares.py), and what a store does not get is asked of its next lane, or waits. Then the depot itself orders for
what they will ask for (depots.py).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.inventory.domain.catalog import Lane
from services.inventory.domain.commands.basis import Need
from services.inventory.domain.commands.command import Command
from services.inventory.domain.commands.revising import next_version, resized
from services.inventory.domain.depots.depots import Chain
from services.inventory.domain.depots.fair_shares import Ask, Step, fair_shares
from services.inventory.domain.depots.orders import depot_order
from services.inventory.domain.lanes.sources import Refusals
from services.inventory.domain.lanes.stage import pack_worth
from services.inventory.domain.measure import plain
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.ordering.rounding import NotOrdered
from services.inventory.domain.planning.planning import Surroundings

Drafter = Callable[[ItemState, int, int, datetime, Surroundings, Lane], Command | NotOrdered | None]
"""The draft of one store's order, by its place and position."""

_DAY_SECONDS = 86_400
_A_SALE_CENTS = 1.0
"""Sales are what is shared by: the item's margin is the same everywhere."""


def decide_in_echelons(
    draft_of: Drafter, state: ItemState, short: Sequence[int], now: datetime, around: Surroundings, refusals: Refusals
) -> tuple[Sequence[Command], bool]:
    """The orders of stores and depots that are needed now, and whether a need had to be left for later."""
    run = _Run(Chain.of(state, now, around), refusals, draft_of)
    for place in short:
        run.ask(state.item.store_ids[place], place)
    for group in run.chain.groups:
        run.share(group)
        for depot_id in group:
            run.ask(depot_id, None)
    while any(run.pending.values()):  # a next lane may begin at a depot that has decided: of what it has left
        run.share(sorted(run.pending))
    return run.orders, run.waits


@dataclass(slots=True)
class _Run:
    """One item's orders as they come to be."""

    chain: Chain
    refusals: Refusals
    draft_of: Drafter
    pending: dict[str, dict[str, Command]] = field(default_factory=lambda: defaultdict(dict))
    """What is asked of each depot, by who asks."""
    asked: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Lanes that had too little for a place in this run."""
    unserved: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """By depot and place, what it had not got to give, in thousandths."""
    orders: list[Command] = field(default_factory=list)
    waits: bool = False

    def ask(self, place_id: str, place: int | None) -> None:
        """Ask the next lane of a place that is short; `place` is a store's, None is a depot."""
        chain = self.chain
        if place is None:
            lanes = chain.lanes[place_id]
        else:
            lanes = chain.around.lanes.sources(place_id, chain.state.item.facts.category)
        lane = self.refusals.next_of([one for one in lanes if one.lane_id not in self.asked[place_id]], place_id)
        if lane is None:
            if place is not None and not self.asked[place_id]:
                chain.state.unsourced.append(place_id)
            self.waits = True
            return
        draft = self._draft(place_id, place, lane)
        if isinstance(draft, NotOrdered):
            self.waits |= draft is NotOrdered.WAITS_FOR_REVIEW
        elif draft is not None and next_version(chain.state.commands.get(draft.command_id), draft) is None:
            self.waits = True
        elif draft is not None and lane.depot_id in chain.shelves:
            self.pending[str(lane.depot_id)][place_id] = draft
        elif draft is not None:
            self._give(draft)

    def share(self, depot_ids: Sequence[str]) -> None:
        """Give what these depots have to those that ask them, until nobody asks them any more."""
        while waiting := [depot_id for depot_id in depot_ids if self.pending.get(depot_id)]:
            for depot_id in waiting:
                self._share(depot_id, self.pending.pop(depot_id))

    def _draft(self, place_id: str, place: int | None, lane: Lane) -> Command | NotOrdered | None:
        chain = self.chain
        state, now, around = chain.state, chain.now, chain.around
        if place is not None:
            position = int(state.position_milli[place])
            if position >= int(state.plan.trigger_milli[place]):
                return None
            if lane.wait_days(now.weekday()) > 0:  # decided on the day on which it can go out, knowing more
                return NotOrdered.WAITS_FOR_REVIEW
            return self.draft_of(state, place, position, now, around, lane)
        return depot_order(chain, place_id, lane, self.unserved[place_id])

    def _share(self, depot_id: str, drafts: dict[str, Command]) -> None:
        pack_milli = self.chain.state.item.facts.pack_milli
        free_milli = max(self.chain.stand(depot_id).free_milli, 0)
        packs = free_milli // pack_milli
        wanted = sum(draft.packs for draft in drafts.values())
        if wanted <= packs:
            for place_id in sorted(drafts):
                self._give(drafts[place_id])
            return
        given = fair_shares([self._ask_of(depot_id, place_id, drafts[place_id]) for place_id in drafts], packs)
        asking = "one place asks" if len(drafts) == 1 else f"{len(drafts)} places ask"
        reason = (
            f"depot {depot_id} has {plain(free_milli)} to give and {asking} for {plain(wanted * pack_milli)}; "
            "each pack goes where it spares the most missed sales, the rest is asked of the next lane or waits"
        )
        for place_id in sorted(drafts):
            draft, got = drafts[place_id], given[place_id]
            if got:
                whole = got == draft.packs
                self._give(draft if whole else replace(resized(draft, got, reason), version=draft.version))
            if got < draft.packs:
                self.unserved[depot_id][place_id] = (draft.packs - got) * pack_milli
                self.asked[place_id].add(str(draft.lane_id))
                self.waits = True
                self.ask(place_id, self.chain.state.place(place_id))

    def _ask_of(self, depot_id: str, place_id: str, draft: Command) -> Ask:
        """What its packs spare until goods that the depot is still to get could be there instead."""
        need = draft.basis
        if not isinstance(need, Need):
            raise TypeError(f"{draft.command_id} is no order with figures")
        then = self.chain.next_supply_at(depot_id) - self.chain.now + (need.arrives_at - self.chain.now)
        days = max(then.total_seconds() / _DAY_SECONDS, need.protection_days)
        least = min(max(self.chain.state.item.facts.least_packs, 1), draft.packs)
        sizes = [least, *[1] * (draft.packs - least)]
        worth = pack_worth(replace(need, horizon_days=days, margin_cents=_A_SALE_CENTS), sizes)
        return Ask(place_id, [Step(step.packs, step.value_cents) for step in worth])

    def _give(self, draft: Command) -> None:
        order = next_version(self.chain.state.commands.get(draft.command_id), draft)
        if order is None:
            self.waits = True
            return
        self.orders.append(order)
        self.chain.state.add(order)

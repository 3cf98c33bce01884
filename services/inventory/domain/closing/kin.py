"""A batch of items with links between them, as its close sees it: who is learned, with what, and what comes of it; used by the close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.inventory.domain.closing.items import ClosedItems, ClosingItem
from services.inventory.domain.closing.learned_plans import run_down_plan
from services.inventory.domain.closing.links import ClosingLinks, ItemLink, Tie
from services.inventory.domain.closing.succession import Succession, joined, only, settle_in, stands_in
from services.inventory.domain.distribution import FloatArray
from services.inventory.domain.learning.facts import BoolArray, DayFacts, Shelves
from services.inventory.domain.learning.state import ItemStates
from services.inventory.domain.learning.substitution import Sums, served_elsewhere
from services.inventory.domain.learning.ties import Look, Substitutes, Ties
from services.inventory.domain.stock.shelves import ItemPlan

_UNIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """The batch without the items that others supersede: these are run down."""

    whole: Sequence[ClosingItem]
    items: Sequence[ClosingItem]
    facts: DayFacts
    succession: Succession
    links: ClosingLinks
    ties: Ties
    own: Mapping[str, bytes]
    """What those that take over with this close had learned before."""
    day: int

    @classmethod
    def of(
        cls, items: Sequence[ClosingItem], shelves: Shelves, facts: DayFacts, links: ClosingLinks, day: int
    ) -> "Kin | None":
        """The batch with its links; None where none of them ties two of its items."""
        ids = [item.view.facts.item_id for item in items]
        ours = [link for link in links.links if len(set(link.item_ids) & set(ids)) > 1]
        if not ours:
            return None
        links = replace(links, links=ours)
        succession = Succession.of(links, ids, day)
        places = [place for place, item_id in enumerate(ids) if item_id not in succession.heirs]
        after, own = succession.states({item.view.facts.item_id: item.state for item in items})
        kept = [replace(items[place], state=after[ids[place]]) for place in places]
        if succession:
            facts = only(joined(succession, shelves, facts, _never_there(items)), shelves, places)
        return cls(
            whole=items,
            items=kept,
            facts=facts,
            succession=succession,
            links=links,
            ties=_ties(links, [ids[place] for place in places]),
            own=own,
            day=day,
        )

    def settle_in(self, states: ItemStates, shelves: Shelves) -> None:
        """Let those that take over with this close have what they are given."""
        settle_in(states, shelves, {link.item_id for link in self.succession.fresh(self.day)}, self.own)

    def completed(self, closed: ClosedItems, shelves: Shelves, sums: Sums) -> ClosedItems:
        """What a close came to, for the whole batch: what is left of old items counts for new ones, substitutes are noted."""
        ids = [item.view.facts.item_id for item in self.items]
        states = dict(zip(ids, closed.states, strict=True))
        else_served = self._served_else(shelves, closed.plans)
        plans = {
            plan.item_id: self._linked(plan, else_served[shelves.rows(place)])
            for place, plan in enumerate(closed.plans)
        }
        for item in self.whole:
            heir = self.succession.heirs.get(item.view.facts.item_id)
            if heir is not None:
                states[item.view.facts.item_id] = None
                plans[item.view.facts.item_id] = run_down_plan(item.view, item.told, self.day, heir)
        by_id = {link.link_id: link for link in self.links.links}
        learned = [
            replace(by_id[one.link_id], served=served, missed=missed)
            for one, (served, missed) in zip(self.ties.sets, sums, strict=True)
        ]
        whole = [item.view.facts.item_id for item in self.whole]
        return replace(
            closed,
            states=[states[item_id] for item_id in whole],
            plans=[plans[item_id] for item_id in whole],
            links=[*self.succession.fresh(self.day), *learned],
        )

    def _linked(self, plan: ItemPlan, served_else: FloatArray) -> ItemPlan:
        olds = self.succession.predecessors(plan.item_id)
        if olds:
            views = {item.view.facts.item_id: item.view for item in self.whole}
            left = stands_in(views[plan.item_id], [views[old] for old in olds])
            plan = replace(plan, predecessor=", ".join(olds), stands_in_milli=left)
        return replace(plan, served_else=served_else) if served_else.any() else plan

    def _served_else(self, shelves: Shelves, plans: Sequence[ItemPlan]) -> FloatArray:
        stock = np.concatenate([item.view.on_hand_milli for item in self.items]) / _UNIT
        ample = np.concatenate([plan.order_up_to_milli for plan in plans]) / _UNIT
        return served_elsewhere(shelves, self.ties.sets, stock, ample)


def _never_there(items: Sequence[ClosingItem]) -> BoolArray:
    """Shelves of which nothing was counted, delivered or sold yet."""
    return np.concatenate(
        [~item.view.counted & (item.view.on_hand_milli == 0) & (item.sold_milli == 0) for item in items]
    )


def _ties(links: ClosingLinks, ids: Sequence[str]) -> Ties:
    """Looks and sets by the places of their items."""
    place = {item_id: where for where, item_id in enumerate(ids)}

    def here(item_ids: Sequence[str]) -> Sequence[int]:
        return [place[item_id] for item_id in item_ids if item_id in place]

    looks = [
        Look(item=place[link.item_id], references=here(link.other_ids), ratio=link.ratio or 1.0)
        for link in links.tied(Tie.LOOKS_LIKE)
        if link.item_id in place and here(link.other_ids)
    ]
    sets = [_set(link, here(link.item_ids)) for link in links.tied(Tie.SUBSTITUTES) if len(here(link.item_ids)) > 1]
    return Ties(looks, sets)


def _set(link: ItemLink, items: Sequence[int]) -> Substitutes:
    return Substitutes(
        link_id=link.link_id, items=items, stated_ratio=link.ratio, served=link.served, missed=link.missed
    )

"""Supersession at the day's close: the new item goes on where the old one was, as if it had been renamed; used by the close.

From the close before a link's first day on, what the old item learned, sells and hides belongs to the new one: shelf by shelf its
state is handed over as it is, and its sales of later days are added to the new one's. The old one is not learned any more, has a
plan that orders nothing, and what there is of it counts for the new one's orders. So the chain's knowledge is that of a chain
in which the item had only changed its name; of the old item's state just the week under way is dropped, since weeks end
on a day of the item's own.

Where the new item was sold before the hand-over, both rates add up.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.inventory.domain.closing.links import ClosingLinks, ItemLink
from services.inventory.domain.commands.command import Command
from services.inventory.domain.distribution import IntArray
from services.inventory.domain.learning.facts import BoolArray, DayFacts, Shelves
from services.inventory.domain.learning.layout import PER_SHELF
from services.inventory.domain.learning.state import ItemStates, from_bytes
from services.inventory.domain.stock.shelves import ItemView

_TINY = 1e-9
_DROPPED = ("week_features", "week_sold", "week_mean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """Who follows whom in a batch, in the order in which it happened; all named items are in it."""

    handed: Sequence[ItemLink]

    @classmethod
    def of(cls, links: ClosingLinks, item_ids: Sequence[str], day: int) -> "Succession":
        """The hand-overs of a batch that its day's close must heed: a chain of them from its first item on."""
        here, present = links.handed(day), set(item_ids)
        by_old = {link.other_ids[0]: link for link in here if set(link.item_ids) <= present}
        news = {link.item_id for link in by_old.values()}
        ordered: list[ItemLink] = []
        for first in sorted(set(by_old) - news):
            one = first
            while one in by_old:
                ordered.append(by_old[one])
                one = by_old[one].item_id
        return cls(handed=ordered)

    def __bool__(self) -> bool:
        return bool(self.handed)

    @property
    def heirs(self) -> Mapping[str, str]:
        """By superseded item the one that has its demand in the end."""
        found: dict[str, str] = {}
        for link in reversed(self.handed):
            found[link.other_ids[0]] = found.get(link.item_id, link.item_id)
        return found

    def predecessors(self, item_id: str) -> Sequence[str]:
        """The items whose demand this one has, the first of all first."""
        heirs = self.heirs
        return [link.other_ids[0] for link in self.handed if heirs[link.other_ids[0]] == item_id]

    def fresh(self, day: int) -> Sequence[ItemLink]:
        """Those that happen with this close, as they are to be kept."""
        return [replace(link, handed_day=day) for link in self.handed if link.handed_day is None]

    def states(self, kept: Mapping[str, bytes | None]) -> tuple[dict[str, bytes | None], dict[str, bytes]]:
        """Every item's state after the hand-overs of this close, and what those that take over had learned themselves."""
        after, own = dict(kept), dict[str, bytes]()
        for link in self.handed:
            old = link.other_ids[0]
            mine, theirs = after[link.item_id], after[old]
            if link.handed_day is None and theirs is not None:
                before = own.pop(old, None) if mine is None else mine
                if before is not None:
                    own[link.item_id] = before
                after[link.item_id] = theirs
            after[old] = None
        return after, own


def joined(succession: Succession, shelves: Shelves, facts: DayFacts, never_there: BoolArray) -> DayFacts:
    """The day's facts with those of superseded items counted for their heirs; a shelf was open while there was either.

    `never_there` says of which rows nothing was ever heard but that they are to come: no book of theirs could be wrong.
    """
    sold, emptied = facts.sold.copy(), facts.emptied_by.copy()
    ratio = np.where(never_there, 0.0, facts.open_ratio)
    sizes = facts.line_sizes.copy()
    place = {item_id: where for where, item_id in enumerate(shelves.item_ids)}
    for old_id, heir_id in succession.heirs.items():
        old, new = _pairs(shelves, place[old_id], place[heir_id])
        bare = [(emptied[rows] > 0) | (ratio[rows] <= 0) for rows in (old, new)]
        emptied[new] = np.where(bare[0] & bare[1], np.maximum(emptied[old], emptied[new]), 0.0)
        sold[new] += sold[old]
        ratio[new] = np.maximum(ratio[old], ratio[new])
        sizes[place[heir_id]] += sizes[place[old_id]]
    return replace(facts, sold=sold, open_ratio=ratio, emptied_by=emptied, line_sizes=sizes)


def only(facts: DayFacts, shelves: Shelves, places: Sequence[int]) -> DayFacts:
    """The facts of some items."""
    rows = np.concatenate([np.arange(shelves.starts[place], shelves.starts[place + 1]) for place in places])
    return replace(
        facts,
        sold=facts.sold[rows],
        open_ratio=facts.open_ratio[rows],
        emptied_by=facts.emptied_by[rows],
        line_sizes=facts.line_sizes[list(places)],
    )


def settle_in(states: ItemStates, shelves: Shelves, fresh: Collection[str], own: Mapping[str, bytes]) -> None:
    """Make the states of those that took over today their own: the week under way is dropped, what they had learned is added."""
    for place, item_id in enumerate(shelves.item_ids):
        if item_id not in fresh:
            continue
        rows = shelves.rows(place)
        for name in _DROPPED:
            states.shelf[name][:, rows] = 0
        if item_id in own:
            _add(states, rows, place, from_bytes([own[item_id]], _one(shelves, place)))


def _add(states: ItemStates, rows: slice, place: int, own: ItemStates) -> None:
    """Rates add up where both were known; where only the new item was, its shelf stays as it was."""
    seen, theirs = own.shelf["days_seen"][0] > 0, states.shelf["days_seen"][0][rows] > 0
    days, own_days = states.read("own_days")[:, rows], own.read("own_days")
    sold = states.read("own_sold")
    more = own.read("own_sold") * days / np.maximum(own_days, _TINY)
    sold[:, rows] += np.where(seen & theirs, more, 0.0)
    states.keep("own_sold", sold)
    alone = np.flatnonzero(seen & ~theirs)
    for field in PER_SHELF:
        states.shelf[field.name][:, rows.start + alone] = own.shelf[field.name][:, alone]
    item_sold, item_days = states.read("item_sold"), states.read("item_days")[:, place]
    item_sold[:, place] += own.read("item_sold")[:, 0] * item_days / np.maximum(own.read("item_days")[:, 0], _TINY)
    states.keep("item_sold", item_sold)


def stands_in(view: ItemView, olds: Sequence[ItemView]) -> IntArray:
    """What there is of superseded items in each store of the new one, on the shelf and on its way, in thousandths."""
    place = {store_id: where for where, store_id in enumerate(view.store_ids)}
    units = np.zeros(len(view.store_ids), dtype=np.int64)
    for old in olds:
        for store_id, on_hand in zip(old.store_ids, old.on_hand_milli.tolist(), strict=True):
            if store_id in place:
                units[place[store_id]] += max(on_hand, 0)
        for command in old.commands:
            _net(units, place, command)
    return np.maximum(units, 0)


def _net(units: IntArray, place: Mapping[str, int], command: Command) -> None:
    if command.store_id in place:
        units[place[command.store_id]] += command.incoming_milli
    if command.from_store_id in place:
        units[place[str(command.from_store_id)]] -= command.outgoing_milli


def _pairs(shelves: Shelves, old: int, new: int) -> tuple[IntArray, IntArray]:
    """The rows of two items in the stores that have both."""
    news = shelves.rows(new)
    where = {store_id: row for row, store_id in enumerate(shelves.store_ids[news], news.start)}
    olds = shelves.rows(old)
    pairs = [
        (row, where[store_id]) for row, store_id in enumerate(shelves.store_ids[olds], olds.start) if store_id in where
    ]
    old_rows, new_rows = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return old_rows, new_rows


def _one(shelves: Shelves, place: int) -> Shelves:
    rows = shelves.rows(place)
    return Shelves(
        item_ids=[shelves.item_ids[place]],
        starts=np.array([0, rows.stop - rows.start]),
        store_ids=shelves.store_ids[rows],
        pack=shelves.pack[rows],
        price_cents=shelves.price_cents[rows],
    )

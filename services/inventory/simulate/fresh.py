"""Goods that spoil, played against the kernel alone: what knowing the age of stock saves against ordering that ignores it. Pure.

A day: what was ordered comes, customers come in the recorded order and take the oldest, what ends that day is thrown away in the evening,
then the review decides. Supply and costs are the scene's, a wasted piece costs what the price
leaves beside the margin.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from services.inventory.domain.catalog import ItemFacts, Lane
from services.inventory.domain.commands.command import Command, Kind, Status
from services.inventory.domain.demand.demand import CategoryLevel
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.ordering.perishing import waste_cents
from services.inventory.domain.planning.planning import WINDOW_DAYS, Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.reviewing.review import review
from services.inventory.domain.stock.shelves import DaySums, ItemPlan, ItemView, Levels, start_of
from services.inventory.simulate.shelves import Place, Scene

_CENTS = 100


@dataclass(slots=True)
class FreshTally:
    """What a play came to. Units, and money in minor units."""

    asked: int = 0
    lost: int = 0
    wasted: int = 0
    moved: int = 0
    cents: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def total_cents(self) -> float:
        """All that it cost: lost sales, waste, holding, order lines, transfers."""
        return sum(self.cents.values())


@dataclass(slots=True, kw_only=True)
class FreshShelves:
    """Lots on all shelves, what is on its way, and what the kernel is told of it. Days are the scene's."""

    scene: Scene
    life_days: Mapping[str, int]
    is_aware: bool
    """Whether the kernel is told of shelf lives and lots."""
    policy: Policy
    tally: FreshTally = field(default_factory=FreshTally)
    lots: dict[Place, dict[int, int]] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)
    plans: dict[str, ItemPlan] = field(default_factory=dict)
    sold: dict[Place, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    moved: dict[Place, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    sent: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """By transfer its lots: (last day, units)."""

    def __post_init__(self) -> None:
        first = self.scene.world.first_day
        self.lots = {
            (store, item): {first + self.life_days[item]: units}
            for store, item, units in self.scene.world.initial_stock
        }
        for day in range(first):
            for one in self.scene.lines[day]:
                self.sold[one.store, one.item][day] += one.qty
                self.moved[one.store, one.item][day] += one.qty

    def play(self) -> FreshTally:
        """All days after the history."""
        world = self.scene.world
        self._decide(world.first_day)
        for day in range(world.first_day, world.last_day + 1):
            self._arrive(day)
            for one in self.scene.lines[day]:
                self._sell(day, (one.store, one.item), one.qty)
            self._end(day)
            self._decide(day + 1)
        return self.tally

    def _arrive(self, day: int) -> None:
        for command_id, command in sorted(self.commands.items()):
            if command.arrives_at > start_of(day):
                continue
            del self.commands[command_id]
            place = command.store_id, command.item_id
            fresh = [(day + self.life_days[command.item_id], command.quantity_milli // 1000)]
            for last, units in self.sent.pop(command_id, fresh):
                self._change(place, day, last, units)

    def _change(self, place: Place, day: int, last: int, units: int) -> None:
        self.lots[place][last] = self.lots[place].get(last, 0) + units
        self.moved[place][day] += units

    def _sell(self, day: int, place: Place, wanted: int) -> None:
        lots, left = self.lots[place], wanted
        for last in sorted(lots):
            served = min(lots[last], left)
            lots[last] -= served
            left -= served
        self.sold[place][day] += wanted - left
        self.tally.asked += wanted
        self.tally.lost += left
        self.tally.cents["lost"] += left * self._price(place[1]) * self.policy.margin_ratio

    def _end(self, day: int) -> None:
        for place, lots in self.lots.items():
            gone = lots.pop(day, 0)
            price = self._price(place[1])
            self.moved[place][day] -= gone
            self.tally.wasted += gone
            self.tally.cents["wasted"] += gone * waste_cents(self._facts(place[1]), self.policy)
            self.tally.cents["held"] += sum(lots.values()) * price * self.policy.hold_ratio

    def _price(self, item: str) -> int:
        return round(self.scene.world.price[item] * _CENTS)

    def _facts(self, item: str) -> ItemFacts:
        return ItemFacts(
            item_id=item,
            category=item,
            pack_milli=self.scene.world.pack[item] * 1000,
            price_cents=self._price(item),
            shelf_life_days=self.life_days[item] if self.is_aware else None,
        )

    def _decide(self, day: int) -> None:
        """As of the night before `day`."""
        world = self.scene.world
        lane = Lane(lane_id="fresh", supplier_id="fresh", lead_time_hours=24 * (world.lead - 1))
        around = Surroundings(levels=self._levels(day), lanes=LaneBook({}, lane), policy=self.policy)
        for item in sorted(world.items):
            outcome = review([self._view(item, day)], start_of(day), around)
            self.plans |= {plan.item_id: plan for plan in outcome.plans}
            for command in outcome.commands:
                self._obey(command, day)

    def _view(self, item: str, day: int) -> ItemView:
        stores = sorted(self.scene.world.stores)
        rows = [
            (place, past, self.sold[store, item][past], self.moved[store, item][past])
            for place, store in enumerate(stores)
            for past in range(max(day - WINDOW_DAYS, 0), day)
        ]
        table = np.array(rows, dtype=np.int64).T
        return ItemView(
            facts=self._facts(item),
            store_ids=stores,
            on_hand_milli=np.array([sum(self.lots[store, item].values()) * 1000 for store in stores], dtype=np.int64),
            counted=np.ones(len(stores), dtype=np.bool_),
            first_day=np.zeros(len(stores), dtype=np.int64),
            commands=sorted(
                (one for one in self.commands.values() if one.item_id == item), key=lambda one: one.command_id
            ),
            plan=self.plans.get(item),
            history=DaySums(
                store_index=table[0], day=table[1], sold_milli=table[2] * 1000, moved_milli=table[3] * 1000
            ),
            ladder=[self._rungs(store, item) for store in stores] if self.is_aware else None,
        )

    def _rungs(self, store: str, item: str) -> tuple[tuple[int, int], ...]:
        return tuple((last, units * 1000) for last, units in sorted(self.lots[store, item].items()) if units)

    def _levels(self, day: int) -> Levels:
        """What each category sold by weekday over four weeks."""
        world = self.scene.world
        found = {}
        for item in world.items:
            milli, shelf_days = [0] * 7, [0] * 7
            for past in range(max(day - 28, 0), day):
                milli[(past + 3) % 7] += sum(self.sold[store, item][past] for store in world.stores) * 1000
                shelf_days[(past + 3) % 7] += len(world.stores)
            found[item] = CategoryLevel(category=item, weekday_milli=tuple(milli), weekday_shelf_days=tuple(shelf_days))
        return Levels(found, dict.fromkeys(found, 1.0))

    def _obey(self, command: Command, day: int) -> None:
        units = command.quantity_milli // 1000
        taken = replace(command, status=Status.ACKNOWLEDGED)
        if command.kind is Kind.REORDER:
            self.tally.cents["lines"] += self.policy.order_line_cents
        else:
            place = str(command.from_store_id), command.item_id
            least = getattr(command.basis, "last_day", None) or day
            self.sent[command.command_id] = self._take(place, day, units, least)
            units = sum(gone for _, gone in self.sent[command.command_id])
            taken = replace(taken, quantity_milli=units * 1000, shipped_milli=units * 1000)
            self.tally.moved += units
            self.tally.cents["moves"] += self.policy.transfer_line_cents + self.policy.transfer_unit_cents * units
            if not units:
                return
        self.commands[command.command_id] = taken

    def _take(self, place: Place, day: int, units: int, least: int) -> list[tuple[int, int]]:
        """The oldest that lasts until `least`, of what is there; the lots that leave."""
        gone = []
        for last in sorted(self.lots[place], key=lambda last: (last < least, last)):
            taken = min(self.lots[place][last], units)
            units -= taken
            if taken:
                self._change(place, day - 1, last, -taken)
                gone.append((last, taken))
        return gone

"""The rules that run shops today, in a played chain with a depot: stores and depot order each by itself; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import numpy as np

from services.inventory.simulate import protocol
from services.inventory.simulate.depot_world import DEPOT, DEPOT_NIGHTS, Asked, Sent, depot_opening
from services.inventory.simulate.rivals import USUAL_SAFETY, BaseStock
from services.inventory.simulate.shelves import Place, Scene, Wanted

_FORGETTING = 0.05


class Rule(Protocol):
    """Told of a day, it says what it wants."""

    async def close(self, day: int, arrived: Sequence[Sent], sold: Sequence[Wanted]) -> Sequence[Asked]:
        """What is asked for at the close of `day`, in the order in which it is to be sent; of history nothing is done."""
        ...

    async def hear(self, day: int, sent: Sequence[Sent]) -> None:
        """What becomes of it."""
        ...


@dataclass(slots=True)
class DepotByRule:
    """A depot that orders by what was asked of it: back to mean + 1.65 deviations of the days that its supplier needs."""

    scene: Scene
    first: bool
    """Whether it decides before tonight's orders of the stores are known to it, or after."""
    _stock: dict[str, int] = field(init=False)
    _coming: dict[str, int] = field(init=False)
    _mean: dict[str, float] = field(init=False)
    _variance: dict[str, float] = field(init=False)
    _asked: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        items, opening = self.scene.world.items, depot_opening(self.scene)
        self._stock, self._coming = dict(opening), dict.fromkeys(items, 0)
        first = self.scene.world.first_day
        days = {item: np.zeros(first) for item in items}
        for day, lines in enumerate(self.scene.lines[:first]):
            for one in lines:
                days[one.item][day] += one.qty
        self._mean = {item: float(found.mean()) for item, found in days.items()}
        self._variance = {item: float(found.var()) for item, found in days.items()}
        self._asked = dict.fromkeys(items, 0)

    def arrive(self, arrived: Sequence[Sent]) -> None:
        """Goods that came to the depot."""
        for one in arrived:
            if one.asked.place == DEPOT:
                self._stock[one.asked.item] += one.units
                self._coming[one.asked.item] -= one.units

    def orders(self, of_stores: Sequence[Asked]) -> Sequence[Asked]:
        """What it orders tonight."""
        asked = dict.fromkeys(self._asked, 0)
        for one in of_stores:
            pack = self.scene.world.pack[one.item]
            asked[one.item] += -(-one.units // pack) * pack
        seen = self._asked if self.first else asked
        self._asked = asked
        found = []
        for item in self.scene.world.items:
            change = seen[item] - self._mean[item]
            self._variance[item] += _FORGETTING * (change**2 - self._variance[item])
            self._mean[item] += _FORGETTING * change
            days = DEPOT_NIGHTS if not self.first else DEPOT_NIGHTS + 1
            point = self._mean[item] * days + USUAL_SAFETY * (self._variance[item] * days) ** 0.5
            here = self._stock[item] - (0 if self.first else min(asked[item], self._stock[item]))
            short = point - here - self._coming[item]
            if short > 0:
                found.append(Asked(place=DEPOT, item=item, units=int(np.ceil(short)), giver=None))
        return found

    def hear(self, sent: Sequence[Sent]) -> None:
        """What left it and what will come."""
        for one in sent:
            if one.asked.giver == DEPOT:
                self._stock[one.asked.item] -= one.units
            elif one.asked.place == DEPOT:
                self._coming[one.asked.item] += one.units


@dataclass(slots=True)
class BothByRule:
    """Stores and depot order by themselves, each by its moving average."""

    scene: Scene
    depot: DepotByRule
    _stores: BaseStock = field(init=False)
    _shelves: dict[Place, int] = field(init=False)
    _answers: list[protocol.Said] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stores = BaseStock(self.scene.world, learns=True)
        self._shelves = {(store, item): units for store, item, units in self.scene.world.initial_stock}

    async def close(self, day: int, arrived: Sequence[Sent], sold: Sequence[Wanted]) -> Sequence[Asked]:
        """Stores ask the depot, the depot its supplier."""
        is_history = day < self.scene.world.first_day
        self.depot.arrive(arrived)
        for one in arrived:
            if one.asked.place != DEPOT:
                self._shelves[one.asked.place, one.asked.item] += one.units
        said: list[protocol.Said] = [
            *self._answers,
            *(_received(day, one) for one in arrived if one.asked.place != DEPOT),
            *self._counted(said_sold(day, sold), is_history=is_history),
            protocol.Closed(day=day, history=is_history and day < self.scene.world.first_day - 1),
        ]
        self._answers = []
        wanted = [one for one in self._stores.answer(said) if isinstance(one, protocol.Reorder)]
        of_stores = [Asked(place=one.store, item=one.item, units=one.qty, giver=DEPOT) for one in wanted]
        if is_history and not of_stores:
            return ()
        return [*of_stores, *self.depot.orders(of_stores)]

    async def hear(self, day: int, sent: Sequence[Sent]) -> None:
        """Stores hear what will come of what they asked for."""
        self.depot.hear(sent)
        self._answers = [
            protocol.OrderAcknowledged(day=day, store=one.asked.place, item=one.asked.item, qty=one.units, eta=one.day)
            for one in sent
            if one.asked.place != DEPOT
        ]

    def _counted(self, sold: Sequence[protocol.Sold], *, is_history: bool) -> Sequence[protocol.Sold]:
        """With what is left on the shelf, as a till's system knows it."""
        if is_history:
            return sold
        found = []
        for one in sold:
            self._shelves[one.store, one.item] -= one.qty
            found.append(msgspec.structs.replace(one, stock=self._shelves[one.store, one.item]))
        return found


def _received(day: int, one: Sent) -> protocol.Received:
    return protocol.Received(day=day, store=one.asked.place, item=one.asked.item, qty=one.units, kind="supplier")


def said_sold(day: int, sold: Sequence[Wanted]) -> Sequence[protocol.Sold]:
    """What was sold, in a simulator's words."""
    return [protocol.Sold(day=day, t=one.t, store=one.store, item=one.item, qty=one.qty) for one in sold]

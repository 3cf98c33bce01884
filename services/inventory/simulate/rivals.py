"""What our commands are held against: two rules that run shops today, and the best fixed reorder points that hindsight can find. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from services.inventory.domain.distribution import FloatArray, IntArray
from services.inventory.simulate.protocol import (
    Asked,
    Closed,
    OrderAcknowledged,
    Received,
    Reorder,
    Said,
    Sold,
    World,
)
from services.inventory.simulate.shelves import Place, Scene

USUAL_SAFETY = 1.65
_FORGETTING = 0.05


@dataclass
class BaseStock:
    """Orders back to mean + 1.65 deviations of the days to cover. It believes that what was sold is what was asked for."""

    world: World
    learns: bool
    """False: the figures of the history, never changed. True: decayed means of what was sold."""

    points: IntArray | None = None
    """Reorder points of all shelves, where they are stated instead."""

    places: dict[Place, int] = field(default_factory=dict)
    _days: int = 0

    def __post_init__(self) -> None:
        self.places = {(store, item): row for row, (store, item, _) in enumerate(self.world.initial_stock)}
        rows = len(self.places)
        self._stock = np.array([units for *_, units in self.world.initial_stock], dtype=np.int64)
        self._coming: IntArray = np.zeros(rows, dtype=np.int64)
        self._today, self._mean, self._variance = np.zeros((3, rows))
        self._pack = np.array([self.world.pack[item] for _, item in self.places], dtype=np.int64)
        self._store = np.array([list(self.world.stores).index(store) for store, _ in self.places], dtype=np.int64)

    def answer(self, said: Sequence[Said]) -> Sequence[Asked]:
        """What it orders after a batch."""
        asked: list[Asked] = []
        for one in said:
            if isinstance(one, Sold):
                self._today[self.places[one.store, one.item]] += one.qty
                if one.stock is not None:
                    self._stock[self.places[one.store, one.item]] = one.stock
            elif isinstance(one, Received):
                self._stock[self.places[one.store, one.item]] += one.qty
                self._coming[self.places[one.store, one.item]] -= one.qty
            elif isinstance(one, OrderAcknowledged):
                self._coming[self.places[one.store, one.item]] += one.qty
            elif isinstance(one, Closed):
                asked += self._close(one)
        return asked

    def _close(self, closed: Closed) -> Sequence[Asked]:
        self._days += 1
        is_history = closed.day < self.world.first_day
        if self.learns or is_history:
            share = max(1 / self._days, _FORGETTING if self.learns else 0.0)
            self._variance += share * ((self._today - self._mean) ** 2 - self._variance)
            self._mean += share * (self._today - self._mean)
        self._today[:] = 0
        if closed.history:
            return ()
        days = self.world.lead + self.world.review - 1
        deviation = np.sqrt(np.maximum(self._variance, self._mean) * days)
        usual = np.floor(self._mean * days + USUAL_SAFETY * deviation).astype(np.int64)
        point = usual if self.points is None else self.points
        position = self._stock + self._coming
        on_day = (closed.day + self._store) % self.world.review == 0
        short = np.flatnonzero(on_day & (position <= point))
        names = list(self.places)
        return [
            Reorder(store=names[row][0], item=names[row][1], qty=int(point[row] + 1 - position[row]))
            for row in short.tolist()
        ]


def hindsight(scene: Scene) -> tuple[float, IntArray]:
    """The cost of the best constant reorder point of each shelf, chosen on the played days themselves, nothing moved; and the points.

    A bound to approach: nobody knows these points beforehand.
    """
    world = scene.world
    demand, price, pack, start = _tables(scene)
    greatest = int(np.quantile(demand[:, world.first_day :].mean(axis=1), 0.999) * (world.lead + world.review) * 4) + 10
    points = sorted({*range(-1, 16), *(round(1.15**power) for power in range(18, 60) if 1.15**power < greatest)})
    best, chosen = np.full(len(demand), np.inf), np.zeros(len(demand), dtype=np.int64)
    for point in points:
        cost = _replayed(world, demand, price, pack, start.copy(), point)
        chosen = np.where(cost < best, point, chosen)
        best = np.minimum(best, cost)
    return float(best.sum()), chosen


def _tables(scene: Scene) -> tuple[IntArray, FloatArray, IntArray, IntArray]:
    """Per shelf: units asked for by day, price, pack, stock at the start."""
    world = scene.world
    rows = {(store, item): row for row, (store, item, _) in enumerate(world.initial_stock)}
    demand = np.zeros((len(rows), len(scene.lines)), dtype=np.int64)
    for day, lines in enumerate(scene.lines):
        for one in lines:
            demand[rows[one.store, one.item], day] += one.qty
    price = np.array([world.price[item] for _, item in rows])
    pack = np.array([world.pack[item] for _, item in rows], dtype=np.int64)
    return demand, price, pack, np.array([units for *_, units in world.initial_stock], dtype=np.int64)


def _replayed(  # a shelf's figures and its rule
    world: World, demand: IntArray, price: FloatArray, pack: IntArray, stock: IntArray, point: int
) -> FloatArray:
    """What each shelf costs with one reorder point."""
    rows = len(demand)
    coming = np.zeros((rows, world.last_day + world.lead + 2), dtype=np.int64)
    cost, on_order = np.zeros(rows), np.zeros(rows, dtype=np.int64)
    store = np.array([list(world.stores).index(name) for name, *_ in world.initial_stock], dtype=np.int64)
    for day in range(world.first_day - 1, world.last_day + 1):
        if day >= world.first_day:
            stock += coming[:, day]
            on_order -= coming[:, day]
            closing = np.maximum(stock - demand[:, day], 0)
            lost = np.maximum(demand[:, day] - stock, 0)
            cost += price * (world.cost["hold"] * (stock + closing) / 2 + world.cost["lost"] * lost)
            stock = closing
        due = ((day + store) % world.review == 0) & (stock + on_order <= point)
        units = np.where(due, -(-(point + 1 - stock - on_order) // pack) * pack, 0)
        coming[:, day + world.lead] += units
        on_order += units
        cost += world.cost["line"] * due
    return cost

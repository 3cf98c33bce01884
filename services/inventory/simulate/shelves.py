"""A chain's shelves while they are played: what is asked for, what is there, what comes; the simulator in the product. Pure.

A day: goods arrive in the morning, customers come in order, a sale takes what is on the shelf and the rest is lost and not shown,
the close asks for commands. An order given at the close of day t is there on the morning of t + lead, what is moved on the morning
of t + transfer_lead. The same lines and commands give the same figures.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from services.inventory.simulate.protocol import (
    Asked,
    Closed,
    OrderAcknowledged,
    Received,
    Rejected,
    Reorder,
    Reroute,
    Said,
    Sold,
    TransferAcknowledged,
    TransferredOut,
    World,
)

Place: TypeAlias = tuple[str, str]
"""Store and item."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line that somebody asks for, `t` seconds into the day."""

    t: int
    store: str
    item: str
    qty: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A world and what is asked for on each of its days."""

    world: World
    lines: Sequence[Sequence[Wanted]]

    @property
    def history(self) -> Iterator[Sequence[Said]]:
        """The batches before the first day that is played; the last close of them asks for commands."""
        first = self.world.first_day
        for day in range(first):
            sold = [Sold(day=day, t=one.t, store=one.store, item=one.item, qty=one.qty) for one in self.lines[day]]
            yield [*sold, Closed(day=day, history=day < first - 1)]


@dataclass(slots=True)
class Tally:
    """What a play came to; money in the world's unit."""

    cost: Mapping[str, float]
    asked_units: int = 0
    lost_units: int = 0
    stock_days: float = 0.0
    """Units on all shelves, summed over days (the mean of opening and closing)."""

    transferred_units: int = 0
    order_lines: int = 0
    transfer_lines: int = 0
    rejected: int = 0
    hold: float = 0.0
    lost: float = 0.0
    stock_by_day: list[float] = field(default_factory=list)
    lost_by_day: list[int] = field(default_factory=list)
    asked_by_day: list[int] = field(default_factory=list)
    cost_by_day: list[float] = field(default_factory=list)

    @property
    def fill_ratio(self) -> float:
        """Units served of those asked for."""
        return 1 - self.lost_units / max(self.asked_units, 1)

    @property
    def moves(self) -> float:
        """What order lines and transfers cost."""
        cost = self.cost
        moved = self.transfer_lines * cost["tline"] + self.transferred_units * cost["tunit"]
        return self.order_lines * cost["line"] + moved

    @property
    def total(self) -> float:
        """All that it cost."""
        return self.hold + self.lost + self.moves


@dataclass(slots=True)
class Shelves:
    """The physical side of a world: only it knows what was asked for and not there."""

    scene: Scene
    tally: Tally = field(init=False)
    stock: dict[Place, int] = field(init=False)
    _coming: dict[int, list[tuple[Place, int, str]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.tally = Tally(self.scene.world.cost)
        self.stock = {(store, item): units for store, item, units in self.scene.world.initial_stock}

    def live(self, day: int) -> Sequence[Said]:
        """A day from its deliveries to its close."""
        said: list[Said] = []
        for place, units, kind in self._coming.pop(day, ()):
            self.stock[place] += units
            said.append(
                Received(
                    day=day, store=place[0], item=place[1], qty=units,
                    kind="supplier" if kind == "supplier" else "transfer", stock=self.stock[place],
                )
            )  # fmt: skip
        opening = dict(self.stock)
        lost, asked = self.tally.lost_units, self.tally.asked_units
        for wanted in self.scene.lines[day]:
            said += self._sell(day, wanted)
        self._count(opening, self.tally.lost_units - lost)
        self.tally.asked_by_day.append(self.tally.asked_units - asked)
        self.tally.cost_by_day.append(self.tally.total - sum(self.tally.cost_by_day))
        return [*said, Closed(day=day)]

    def obey(self, day: int, asked: Sequence[Asked]) -> Sequence[Said]:
        """Do what was asked for at the close of `day`; the answers, which come with the next batch."""
        return [answer for one in asked for answer in self._do(day, one)]

    def _sell(self, day: int, wanted: Wanted) -> Iterator[Said]:
        place = wanted.store, wanted.item
        served = min(wanted.qty, self.stock[place])
        self.tally.asked_units += wanted.qty
        self.tally.lost_units += wanted.qty - served
        price = self.scene.world.price[wanted.item]
        self.tally.lost += (wanted.qty - served) * price * self.scene.world.cost["lost"]
        if served:
            self.stock[place] -= served
            yield Sold(day=day, t=wanted.t, store=wanted.store, item=wanted.item, qty=served, stock=self.stock[place])

    def _count(self, opening: Mapping[Place, int], lost: int) -> None:
        world, tally = self.scene.world, self.tally
        mean = {place: (opening[place] + units) / 2 for place, units in self.stock.items()}
        units = sum(mean.values())
        tally.stock_days += units
        tally.hold += world.cost["hold"] * sum(each * world.price[item] for (_, item), each in mean.items())
        tally.stock_by_day.append(units)
        tally.lost_by_day.append(lost)

    def _do(self, day: int, asked: Asked) -> Sequence[Said]:
        return self._order(day, asked) if isinstance(asked, Reorder) else self._move(day, asked)

    def _order(self, day: int, asked: Reorder) -> Sequence[Said]:
        world = self.scene.world
        pack = world.pack[asked.item]
        if world.review > 1 and (day + list(world.stores).index(asked.store)) % world.review:
            return self._refused(day, {"cmd": "reorder", "store": asked.store, "item": asked.item}, "not an order day")
        units, eta = -(-asked.qty // pack) * pack, day + world.lead
        self._coming[eta].append(((asked.store, asked.item), units, "supplier"))
        self.tally.order_lines += 1
        return [OrderAcknowledged(day=day, store=asked.store, item=asked.item, qty=units, eta=eta)]

    def _move(self, day: int, asked: Reroute) -> Sequence[Said]:
        world, giver = self.scene.world, (asked.from_store, asked.item)
        units, eta = min(asked.qty, self.stock[giver]), day + world.transfer_lead
        if units <= 0:
            refused = {"cmd": "reroute", "from": asked.from_store, "to": asked.to_store, "item": asked.item}
            return self._refused(day, refused, "no stock to move")
        self.stock[giver] -= units
        self._coming[eta].append(((asked.to_store, asked.item), units, "transfer"))
        self.tally.transfer_lines += 1
        self.tally.transferred_units += units
        return [
            TransferredOut(day=day, store=asked.from_store, item=asked.item, qty=units, stock=self.stock[giver]),
            TransferAcknowledged(day=day, store=asked.to_store, item=asked.item, qty=units, eta=eta),
        ]

    def _refused(self, day: int, command: Mapping[str, str], why: str) -> Sequence[Said]:
        self.tally.rejected += 1
        return [Rejected(day=day, command=command, why=why)]

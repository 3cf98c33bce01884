"""A chain with a depot while it is played: stores are a night from their depot, the depot is three from its supplier; pure.

A day: goods arrive in the morning at stores and depot, customers come, the close asks. What the depot has not got it does not send.
Costs are those of `shelves.py`; a unit in the depot costs as much a day as one on a shelf, an order line of the depot as one of a store.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.inventory.simulate.shelves import Place, Scene, Tally, Wanted

DEPOT = "depot"
NIGHT, DEPOT_NIGHTS = 1, 3
_OPENING_DAYS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Goods that are wanted at a place, from the depot, another store, or (None) the supplier."""

    place: str
    item: str
    units: int
    giver: str | None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What becomes of it: units that are on their way, and when they are there; of none, 0 units."""

    asked: Asked
    units: int
    day: int
    """The morning on which they arrive."""


@dataclass(slots=True)
class DepotWorld:
    """The physical side: only it knows what was asked for and not there."""

    scene: Scene
    tally: Tally = field(init=False)
    stock: dict[Place, int] = field(init=False)
    depot_stock_days: float = 0.0
    unserved_units: int = 0
    """What stores asked of the depot and it had not got."""
    _coming: dict[int, list[Sent]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.tally = Tally(self.scene.world.cost)
        self.stock = {(store, item): units for store, item, units in self.scene.world.initial_stock}
        self.stock |= {(DEPOT, item): units for item, units in depot_opening(self.scene).items()}

    def morning(self, day: int) -> Sequence[Sent]:
        """What arrives."""
        arrived = self._coming.pop(day, [])
        for one in arrived:
            self.stock[one.asked.place, one.asked.item] += one.units
        return arrived

    def shop(self, day: int) -> Sequence[Wanted]:
        """The lines that were served, as far as they were; the day's stock and losses are counted."""
        world, tally = self.scene.world, self.tally
        opening, lost, served = dict(self.stock), tally.lost_units, list[Wanted]()
        for one in self.scene.lines[day]:
            units = min(one.qty, self.stock[one.store, one.item])
            self.stock[one.store, one.item] -= units
            tally.asked_units += one.qty
            tally.lost_units += one.qty - units
            tally.lost += (one.qty - units) * world.price[one.item] * world.cost["lost"]
            if units:
                served.append(Wanted(one.t, one.store, one.item, units))
        mean = {place: (opening[place] + units) / 2 for place, units in self.stock.items()}
        tally.hold += world.cost["hold"] * sum(each * world.price[item] for (_, item), each in mean.items())
        tally.stock_days += sum(mean.values())
        self.depot_stock_days += sum(each for (place, _), each in mean.items() if place == DEPOT)
        tally.stock_by_day.append(sum(mean.values()))
        tally.lost_by_day.append(tally.lost_units - lost)
        return served

    def obey(self, day: int, asked: Iterable[Asked]) -> Sequence[Sent]:
        """Send what is asked for at the close of `day`, in this order, as far as the giver has it."""
        return [self._send(day, one) for one in asked]

    def _send(self, day: int, one: Asked) -> Sent:
        units = -(-one.units // self.scene.world.pack[one.item]) * self.scene.world.pack[one.item]
        if one.giver is not None:
            here = self.stock[one.giver, one.item]
            wanted, units = (units, min(units, here)) if one.giver == DEPOT else (one.units, min(one.units, here))
            self.unserved_units += wanted - units if one.giver == DEPOT else 0
            self.stock[one.giver, one.item] -= units
        sent = Sent(asked=one, units=units, day=day + (DEPOT_NIGHTS if one.giver is None else NIGHT))
        if units:
            self._coming[sent.day].append(sent)
            self._count(one, units)
        return sent

    def _count(self, one: Asked, units: int) -> None:
        if one.giver in {None, DEPOT}:
            self.tally.order_lines += 1
        else:
            self.tally.transfer_lines += 1
            self.tally.transferred_units += units


def depot_opening(scene: Scene) -> Mapping[str, int]:
    """What lies in the depot on the first morning: some days of what its stores sold in the history, in whole packs."""
    world = scene.world
    sold: dict[str, int] = dict.fromkeys(world.items, 0)
    for lines in scene.lines[: world.first_day]:
        for one in lines:
            sold[one.item] += one.qty
    return {
        item: -(-round(units / world.first_day * _OPENING_DAYS) // world.pack[item]) * world.pack[item]
        for item, units in sold.items()
    }

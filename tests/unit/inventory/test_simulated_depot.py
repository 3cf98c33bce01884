"""Laws of a played chain with a depot: units are kept, nothing is sent that is not there, rules that do nothing sell what there was."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.inventory.simulate.depot_playing import play
from services.inventory.simulate.depot_rules import BothByRule, DepotByRule
from services.inventory.simulate.depot_world import DEPOT, Asked, DepotWorld, Sent, depot_opening
from services.inventory.simulate.shelves import Scene, Wanted
from tests.support.small_chain import small_chain


@dataclass
class Listening:
    """A rule that notes what it hears, and asks what it is told to ask."""

    asks: Sequence[Asked] = ()
    sent: list[Sent] = field(default_factory=list)
    sold: int = 0

    async def close(self, day: int, arrived: Sequence[Sent], sold: Sequence[Wanted]) -> Sequence[Asked]:
        self.sold += sum(one.qty for one in sold)
        return self.asks

    async def hear(self, day: int, sent: Sequence[Sent]) -> None:
        self.sent += sent


def units(scene: Scene) -> int:
    return sum(count for *_, count in scene.world.initial_stock) + sum(depot_opening(scene).values())


def history(scene: Scene) -> int:
    return sum(one.qty for lines in scene.lines[: scene.world.first_day] for one in lines)


async def test_no_unit_is_made_or_lost_on_its_way() -> None:
    scene = small_chain(days=5)
    store, item, _ = scene.world.initial_stock[0]
    rule = Listening(
        [
            Asked(place=store, item=item, units=4, giver=DEPOT),
            Asked(place=DEPOT, item=item, units=6, giver=None),
        ]
    )
    world = await play(scene, rule)
    bought = sum(one.units for one in rule.sent if one.asked.giver is None)
    under_way = sum(one.units for one in rule.sent if one.day > scene.world.last_day)
    sold = rule.sold - history(scene)
    assert units(scene) + bought == sum(world.stock.values()) + under_way + sold
    assert world.tally.asked_units == sold + world.tally.lost_units


async def test_a_depot_sends_what_it_has_and_no_more() -> None:
    scene = small_chain(days=2)
    store, item, _ = scene.world.initial_stock[0]
    world = DepotWorld(scene)
    here = world.stock[DEPOT, item]
    asked = Asked(place=store, item=item, units=here + 50, giver=DEPOT)
    first, second = world.obey(0, [asked, asked])
    assert (first.units, second.units, world.stock[DEPOT, item]) == (here, 0, 0)
    assert world.unserved_units >= 50


async def test_who_orders_by_rule_loses_less_than_who_orders_nothing() -> None:
    scene = small_chain(days=14)
    rules: dict[str, Any] = {
        "nothing": Listening(),
        "stores first": BothByRule(scene, DepotByRule(scene, first=False)),
        "depot first": BothByRule(scene, DepotByRule(scene, first=True)),
    }
    lost = {name: (await play(scene, rule)).tally.lost_units for name, rule in rules.items()}
    assert lost["stores first"] < lost["nothing"]
    assert lost["depot first"] < lost["nothing"]

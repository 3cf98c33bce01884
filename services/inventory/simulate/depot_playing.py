"""`usual simulate --depot`: plays a chain with a depot by our service and by rules that run shops today; tells what each comes to."""

from collections.abc import Callable, Mapping
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from libs.laptop.embedded_postgres import EmbeddedPostgres
from services.inventory.simulate.depot_rules import BothByRule, DepotByRule, Rule
from services.inventory.simulate.depot_service import Service
from services.inventory.simulate.depot_world import DEPOT_NIGHTS, NIGHT, DepotWorld
from services.inventory.simulate.shelves import Scene
from services.inventory.simulate.world import opened

OURS = "The Usual, with its depot"
OURS_BLIND = "The Usual, depot by rule"
STORES_FIRST = "rules, stores first"
DEPOT_FIRST = "rules, depot first"


async def play(scene: Scene, rule: Rule) -> DepotWorld:
    """What a rule comes to."""
    world = DepotWorld(scene)
    first, last = scene.world.first_day, scene.world.last_day
    for day in range(first):
        asked = await rule.close(day, (), scene.lines[day])
    for day in range(first, last + 1):
        sent = world.obey(day - 1, asked)
        await rule.hear(day - 1, sent)
        arrived = world.morning(day)
        asked = await rule.close(day, arrived, world.shop(day))
    return world


async def play_all(
    scene: Scene, folder: Path, *, reroute: bool, tell: Callable[[str], None]
) -> Mapping[str, DepotWorld]:
    """Our commands with and without knowing the depot, then the rules; PostgreSQL's data is in `folder`."""
    found: dict[str, DepotWorld] = {}
    server = EmbeddedPostgres(folder / "postgres", settings={"synchronous_commit": "off"})
    await server.start()
    try:
        for name, outside in ((OURS, None), (OURS_BLIND, DepotByRule(scene, first=False))):
            tell(name)
            async with opened(scene.world, server, "simulated", reroute=reroute) as played:
                service = Service(scene, played, outside)
                await service.begin()
                found[name] = await play(scene, service)
    finally:
        await server.stop()
    for name, is_first in ((STORES_FIRST, False), (DEPOT_FIRST, True)):
        found[name] = await play(scene, BothByRule(scene, DepotByRule(scene, first=is_first)))
    return found


def show(scene: Scene, played: Mapping[str, DepotWorld], console: Console) -> None:
    """The table and what it stands for."""
    world = scene.world
    days = world.last_day - world.first_day + 1
    title = f"{len(world.stores)} stores behind a depot, {len(world.items)} categories, {days} days; SYNTHETIC supply and costs"
    table = Table(title=title, box=SIMPLE, padding=(0, 1))
    table.add_column("rule", no_wrap=True)
    for heading in ("fill", "lost", "stock", "in depot", "unserved", "moved", "holding", "losses", "total"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, one in played.items():
        tally = one.tally
        table.add_row(
            name,
            f"{tally.fill_ratio:.1%}",
            str(tally.lost_units),
            f"{tally.stock_days / days:.0f}",
            f"{one.depot_stock_days / days:.0f}",
            str(one.unserved_units),
            str(tally.transferred_units),
            *(f"{money:.0f}" for money in (tally.hold, tally.lost, tally.total)),
        )
    console.print(table)
    console.print(
        f"The depot is supplied in {DEPOT_NIGHTS} nights, a store by its depot in {NIGHT}. Unserved: units that stores asked of the depot "
        "and it had not got. A unit costs as much a day in the depot as on a shelf."
    )

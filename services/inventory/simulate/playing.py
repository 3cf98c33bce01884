"""`usual simulate`: plays a part of a data set with our commands, beside naive rules and what hindsight could have done; tells and draws it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from libs.laptop.embedded_postgres import EmbeddedPostgres
from services.inventory.simulate.protocol import Asked, Said
from services.inventory.simulate.rivals import USUAL_SAFETY, BaseStock, hindsight
from services.inventory.simulate.shelves import Scene, Shelves, Tally
from services.inventory.simulate.world import opened

Answer = Callable[[Sequence[Said]], Awaitable[Sequence[Asked]]]
OURS, OURS_STILL = "The Usual", "The Usual, no moves"
FIXED = f"fixed points, z = {USUAL_SAFETY}"
MOVING = f"moving average, z = {USUAL_SAFETY}"
_BARS = " ▁▂▃▄▅▆▇█"
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Play:
    """All that was played, by the name of the rule, and the bound."""

    tallies: Mapping[str, Tally]
    hindsight: float
    bound: Tally
    """What those points come to when they are played."""


async def play(scene: Scene, answer: Answer) -> Tally:
    """What a rule comes to in a scene."""
    shelves = Shelves(scene)
    asked: Sequence[Asked] = ()
    for batch in scene.history:
        asked = await answer(batch)
    for day in range(scene.world.first_day, scene.world.last_day + 1):
        answers = shelves.obey(day - 1, asked)
        asked = await answer([*answers, *shelves.live(day)])
    return shelves.tally


async def play_all(scene: Scene, folder: Path, *, reroute: bool, tell: Callable[[str], None]) -> Play:
    """Our commands and the rivals', one after the other; PostgreSQL's data is in `folder`."""
    tallies: dict[str, Tally] = {}
    server = EmbeddedPostgres(folder / "postgres", settings={"synchronous_commit": "off"})
    await server.start()
    try:
        for name, moves in ((OURS, True), (OURS_STILL, False)):
            if reroute or not moves:
                tell(name)
                async with opened(scene.world, server, "simulated", reroute=moves) as world:
                    tallies[name] = await play(scene, world.answer)
                    tell(world.effort.summary())
    finally:
        await server.stop()
    for name, learns in ((MOVING, True), (FIXED, False)):
        tallies[name] = await play(scene, _at_once(BaseStock(scene.world, learns)))
    total, points = hindsight(scene)
    bound = await play(scene, _at_once(BaseStock(scene.world, learns=False, points=points)))
    return Play(tallies, total, bound)


def _at_once(rival: BaseStock) -> Answer:
    async def answer(said: Sequence[Said]) -> Sequence[Asked]:
        return rival.answer(said)

    return answer


def show(scene: Scene, played: Play, console: Console) -> None:
    """The table, the cost model in a line, and stock and losses by week."""
    world = scene.world
    days = world.last_day - world.first_day + 1
    title = f"{len(world.stores)} stores, {len(world.items)} categories, {days} days; SYNTHETIC supply and costs"
    table = Table(title=title, box=SIMPLE, padding=(0, 1))
    table.add_column("rule", no_wrap=True)
    for heading in ("fill", "lost", "stock", "moved", "holding", "losses", "total", "x hind"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, tally in played.tallies.items():
        table.add_row(
            name,
            f"{tally.fill_ratio:.1%}",
            str(tally.lost_units),
            f"{tally.stock_days / days:.0f}",
            str(tally.transferred_units),
            *(f"{money:.0f}" for money in (tally.hold, tally.lost, tally.total)),
            f"{tally.total / played.hindsight:.3f}",
        )
    console.print(table)
    cost = world.cost
    console.print(
        f"A unit costs {cost['hold']:.2%} of its price a day on the shelf, {cost['lost']:.0%} when it is asked for and not there; an order "
        f"line {cost['line']:.2f}, a transfer {cost['tline']:.2f} and {cost['tunit']:.2f} a unit. Hindsight: the best fixed reorder "
        f"point of every shelf, known only afterwards ({played.hindsight:.0f})."
    )
    console.print("by week (each on a scale of its own):")
    for name, tally in played.tallies.items():
        stock, lost = weekly(tally.stock_by_day), weekly([float(units) for units in tally.lost_by_day])
        console.print(f"  {bars(stock)} stock   {bars(lost)} lost   {name}")


def weekly(days: Sequence[float]) -> Sequence[float]:
    """Means by week."""
    return [sum(days[first : first + _WEEK]) / len(days[first : first + _WEEK]) for first in range(0, len(days), _WEEK)]


def bars(values: Sequence[float]) -> str:
    """A row of bars, the highest full.

    >>> bars([0, 1, 2])
    ' ▄█'
    """
    top = max([*values, 1e-9])
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in values)

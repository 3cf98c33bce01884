"""`python -m services.inventory simulate`: what `usual simulate` runs."""

import shutil
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console

from libs.common.observability.logs import configure_logs
from libs.laptop.complete_journey import DAYS_IN_WEEK, NAME, Cut, open_dataset
from services.inventory.simulate import depot_playing, depot_world
from services.inventory.simulate.bridge import serve
from services.inventory.simulate.fresh_play import FRESH_ITEMS, LIFE_DAYS, fresh_part, told
from services.inventory.simulate.playing import play_all, show
from services.inventory.simulate.scenes import Cast, scene_of

FOLDER = Path("var/simulate")
WEEKS = 21
_CAST = Cast()


def main(arguments: Sequence[str] | None = None) -> None:
    """`simulate [--bridge PORT] [--no-reroute] [--state FOLDER] ...`; the folder is deleted at the start. Raises InvalidInput."""
    chosen = _parser().parse_args(arguments)
    console = Console(stderr=chosen.bridge is not None)
    configure_logs("inventory", "simulate", "WARNING")
    shutil.rmtree(chosen.state, ignore_errors=True)
    chosen.state.mkdir(parents=True)
    if chosen.bridge is not None:
        uvloop.run(serve(chosen.state, chosen.bridge, reroute=chosen.reroute, tell=console.print))
        return
    dataset = open_dataset(chosen.source, Cut(weeks=chosen.weeks, stores=chosen.stores))
    if chosen.depot:
        scene = scene_of(dataset, Cast(stores=chosen.stores, items=chosen.items, lead=depot_world.NIGHT))
        found = uvloop.run(depot_playing.play_all(scene, chosen.state, reroute=chosen.reroute, tell=console.print))
        depot_playing.show(scene, found, console)
        return
    if chosen.fresh:
        told(fresh_part(scene_of(dataset, Cast(stores=chosen.stores, items=FRESH_ITEMS)), LIFE_DAYS), console.print)
        return
    cast = Cast(stores=chosen.stores, items=chosen.items, review=DAYS_IN_WEEK if chosen.weekly else 1)
    scene = scene_of(dataset, cast)
    played = uvloop.run(play_all(scene, chosen.state, reroute=chosen.reroute, tell=console.print))
    show(scene, played, console)
    if chosen.plot is not None:
        from services.inventory.simulate.picture import draw  # noqa: PLC0415  # a bridge need not wait for a library that draws

        draw(scene, played, chosen.plot)
        console.print(f"Drawn: {chosen.plot}")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--bridge", type=int, metavar="PORT", help="serve a simulator's protocol on loopback instead")
    parser.add_argument("--no-reroute", dest="reroute", action="store_false", help="move nothing between stores")
    parser.add_argument("--state", type=Path, default=FOLDER, help="deleted at the start")
    parser.add_argument("--in", dest="source", default=NAME, help=f"a data-set folder, or {NAME}")
    parser.add_argument("--weeks", type=int, default=WEEKS, help=f"of {NAME}; the first nine are history")
    parser.add_argument("--stores", type=int, default=_CAST.stores, help="the busiest ones")
    parser.add_argument("--items", type=int, default=_CAST.items, help="the categories that sell most")
    parser.add_argument("--weekly", action="store_true", help="a store may order on one day of the week only")
    parser.add_argument("--depot", action="store_true", help="stores are supplied by a depot, and that from outside")
    parser.add_argument(
        "--fresh", action="store_true", help="goods that spoil, the kernel alone: told of the age of stock or not"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="a picture of it, by week")
    return parser

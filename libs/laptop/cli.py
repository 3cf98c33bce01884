"""The `usual` command: everything on this machine, in a few words each."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
import uvloop
from rich.console import Console

from libs.common.errors import UsualError
from libs.laptop import report, supervise
from libs.laptop.child import ChildFailed
from libs.laptop.complete_journey import NAME as BUILT_IN
from libs.laptop.demo import DEMO_WEEKS, SUMMARY, play_demo
from libs.laptop.doors import DoorClosed
from libs.laptop.drain import NotDrained
from libs.laptop.keys import keys
from libs.laptop.played import PlayRequest, play_slice
from libs.laptop.slices import DEFAULT_CURRENCY, Choice
from libs.laptop.state_folder import AlreadyRunning, Run

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="The Usual on one machine.",
)
console = Console()

State = Annotated[Path | None, typer.Option(help="The folder that holds everything; it can be deleted.")]
Broker = Annotated[str, typer.Option(help="embedded, or kafka: a real Apache Kafka (needs Java and Maven).")]
Seed = Annotated[int, typer.Option(help="Of everything that is made up: shoppers, opening stock.")]


@app.command()
def up(
    *,
    state: State = None,
    broker: Broker = "embedded",
    play: Annotated[bool, typer.Option(help="Event time is the clock, so that a data set can be played.")] = False,
    campaigns: Annotated[Path | None, typer.Option(help="A YAML file; see deploy/campaigns/demo.yaml.")] = None,
    detach: Annotated[bool, typer.Option(help="Leave it running and return.")] = False,
) -> None:
    """Start everything: PostgreSQL, broker, topics, tables, services. Ctrl-C stops it all."""
    folder = supervise.choose_state(state)
    with console.status("starting") as status:
        if detach:
            report.show_run(
                console, asyncio.run(supervise.detach(folder, broker=broker, play=play, campaigns=campaigns))
            )
            return

        def on_up(run: Run) -> None:
            status.stop()
            report.show_run(console, run)
            console.print("Ctrl-C stops it all.")

        crashed = asyncio.run(
            supervise.supervise(folder, broker=broker, play=play, campaigns=campaigns, tell=status.update, on_up=on_up)
        )
    if crashed is not None:
        raise crashed


@app.command()
def down(state: State = None) -> None:
    """Stop what `usual up` or `usual demo --keep` left running; the data stays."""
    stopped = asyncio.run(supervise.down(supervise.choose_state(state)))
    console.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing runs")


@app.command()
def status(state: State = None) -> None:
    """What runs, where it is found, and what waits."""
    folder = supervise.choose_state(state)
    run = folder.read_run()
    if run is None:
        console.print(f"nothing runs in {folder.path}; start it with: usual up")
        raise typer.Exit(1)
    report.show_run(console, run)
    console.print(asyncio.run(report.standing(folder, run)))


@app.command()
def play(  # noqa: PLR0913 - each is an option of the command line
    dataset: Annotated[str, typer.Argument(help="complete-journey (built in), or a folder of your own.")],
    *,
    state: State = None,
    weeks: Annotated[int | None, typer.Option(help="How many; all if not given.")] = None,
    days: Annotated[int | None, typer.Option(help="More days, or days only.")] = None,
    first_week: Annotated[int, typer.Option(help="Where to begin, from 1.")] = 1,
    stores: Annotated[int | None, typer.Option(help="Only the busiest ones (built-in data set).")] = None,
    currency: Annotated[str, typer.Option(help="Of the data set's amounts; campaigns have theirs.")] = DEFAULT_CURRENCY,
    lockstep: Annotated[bool, typer.Option(help="Hour by hour, to the same end state every time; slow.")] = False,
    seed: Seed = 1,
) -> None:
    """Send a data set through the public doors of a system that was started with `usual up --play`."""
    folder = supervise.choose_state(state)
    choice = Choice(weeks=weeks, days=days, first_week=first_week, stores=stores)
    request = PlayRequest(dataset=dataset, choice=choice, currency=currency, seed=seed, lockstep=lockstep)
    outcome = uvloop.run(play_slice(folder, request, console))
    report.show_outcome(console, outcome)
    report.write_summary(folder.path / SUMMARY, report.summary_of(outcome))
    raise typer.Exit(1 if outcome.verdict.lost or outcome.verdict.doubled else 0)


@app.command()
def demo(
    *,
    keep: Annotated[bool, typer.Option(help="Leave it running at the end.")] = False,
    weeks: Annotated[int, typer.Option(help="How many weeks of real baskets.")] = DEMO_WEEKS,
    state: Annotated[Path, typer.Option(help="Deleted at the start.")] = supervise.DEFAULTS[1],
    seed: Seed = 1,
) -> None:
    """The whole main job on real baskets: start, play, check, report."""
    raise typer.Exit(uvloop.run(play_demo(state, weeks=weeks, seed=seed, keep=keep, console=console)))


@app.command()
def simulate(  # noqa: PLR0913 - each is an option of the command line
    *,
    bridge: Annotated[int | None, typer.Option(help="Serve a simulator's protocol on this port of loopback.")] = None,
    reroute: Annotated[bool, typer.Option(help="Whether stock is moved between stores at all.")] = True,
    data: Annotated[str, typer.Option("--in", help="A data-set folder, or complete-journey (built in).")] = BUILT_IN,
    weeks: Annotated[int, typer.Option(help="Of the built-in data set; the first nine are history.")] = 21,
    stores: Annotated[int, typer.Option(help="The busiest ones.")] = 12,
    items: Annotated[int, typer.Option(help="The categories that sell most.")] = 20,
    weekly: Annotated[bool, typer.Option(help="A store may order on one day of the week only.")] = False,
    depot: Annotated[bool, typer.Option(help="Stores are supplied by a depot, and that from outside.")] = False,
    fresh: Annotated[bool, typer.Option(help="Goods that spoil, the kernel alone: told of their age or not.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw it by week, to this .png (or .svg, .pdf).")] = None,
) -> None:
    """What inventory's commands come to in a played chain: fill rate, stock and cost, beside naive rules and a bound."""
    options = {"--bridge": bridge, "--in": data, "--weeks": weeks, "--stores": stores, "--items": items, "--plot": plot}
    argv = [sys.executable, "-m", "services.inventory", "simulate"]
    argv += [part for name, value in options.items() if value is not None for part in (name, str(value))]
    flags = {"--no-reroute": not reroute, "--weekly": weekly, "--depot": depot, "--fresh": fresh}
    argv += [flag for flag, is_set in flags.items() if is_set]
    _become(argv)


evaluate = typer.Typer(no_args_is_help=True, help="Judge what the product says of a data set.")
app.add_typer(evaluate, name="evaluate")
app.add_typer(keys, name="keys")


@evaluate.command("next-basket")
def next_basket(
    mode: Annotated[str, typer.Option(help="arrival: as the trip starts; till: at the end of the trip before.")],
    data: Annotated[str, typer.Option("--in", help="A data-set folder, or complete-journey (built in).")],
    out: Annotated[Path, typer.Option("--out", help="Where the lists go, as parquet.")],
) -> None:
    """List what each customer will want next, first listing, then learning, through the product's own code."""
    argv = [
        sys.executable,
        "-m",
        "services.profile",
        "evaluate",
        "--mode",
        mode,
        "--in",
        data,
        "--out",
        str(out),
    ]
    _become(argv)


Days = Annotated[Path, typer.Option("--in", help="A line a day: day, sales as [store, item, units].")]
Answers = Annotated[Path, typer.Option("--out", help="Where the forecasts go, a line per day, store and item.")]
Promotions = Annotated[
    str | None, typer.Option(help="complete-journey (built in) or a file: promotions that are known ahead.")
]


@evaluate.command("demand-category")
def demand_category(data: Days, out: Answers) -> None:
    """Forecast demand per store and category after each day, through the product's own learning."""
    _evaluate_demand(data, out, None)


@evaluate.command("demand-product")
def demand_product(data: Days, out: Answers, promotions: Promotions = None) -> None:
    """The same per store and product; promotions may be known ahead."""
    _evaluate_demand(data, out, promotions)


def _evaluate_demand(data: Path, out: Path, promotions: str | None) -> None:
    argv = [sys.executable, "-m", "services.inventory", "evaluate", "--in", str(data), "--out", str(out)]
    argv += ["--promotions", promotions] if promotions else []
    _become(argv)


@evaluate.command("assortment")
def assortment(
    data: Annotated[str, typer.Option("--in", help="A data-set folder, or complete-journey (built in).")] = BUILT_IN,
    stores: Annotated[int, typer.Option(help="So many of the busiest stores.")] = 60,
    least_units: Annotated[float, typer.Option(help="Items of so many units in the weeks learned.")] = 100.0,
    seed: Annotated[int, typer.Option(help="Which shelves are hidden.")] = 2026,
) -> None:
    """Hide shelves, rank them by what the assortment's rules expect, and hold that against what they sold later."""
    argv = [sys.executable, "-m", "services.inventory", "evaluate-assortment", "--in", data]
    _become([*argv, "--stores", str(stores), "--least-units", str(least_units), "--seed", str(seed)])


def _become(argv: Sequence[str]) -> NoReturn:
    """Go on as the service's own program, so that whoever ends this process ends the work."""
    os.execv(argv[0], list(argv))  # noqa: S606 - our own interpreter


def main() -> None:
    """Run the command; what is known to go wrong is told in a few lines, without a traceback."""
    try:
        app()
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    except AlreadyRunning as error:
        console.print(str(error), markup=False)
        sys.exit(1)
    except (ChildFailed, DoorClosed, NotDrained, UsualError) as error:
        console.print(str(error), markup=False, style="red")
        sys.exit(1)


if __name__ == "__main__":
    main()

"""What a person sees: what runs, how a play went, two receipts, where to look next; and the same as summary.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from libs.laptop.drain import Observer
from libs.laptop.played import Outcome, RunningSystem
from libs.laptop.state_folder import Run, StateFolder

MUST_BE_POSITIVE = (
    "events_sent",
    "events_accepted",
    "events_applied",
    "checkouts",
    "vouchers_issued",
    "vouchers_redeemed",
    "commands.reorder",
    "commands.reroute",
    "commands_acknowledged",
    "checkout_ms.p50",
    "freshness_ms.p50",
)
MUST_BE_ZERO = ("lost", "doubled")


def show_run(console: Console, run: Run) -> None:
    """What runs and where it is found."""
    table = Table(title="The Usual", title_justify="left", box=None, pad_edge=False)
    for heading in ("process", "pid", "port", "log"):
        table.add_column(heading)
    running = {part.name for part in run.running_parts()}
    for part in run.parts:
        state = str(part.identity.pid) if part.name in running else "ended"
        table.add_row(part.name, state, str(part.port or ""), part.log)
    console.print(table)
    for name, address in run.addresses.items():
        console.print(f"  {name}: {address}{'/docs' if address.startswith('http') else ''}", markup=False)


async def standing(state: StateFolder, run: Run) -> str:
    """What waits in a running system, in a line."""
    gone = [part.name for part in run.parts if part not in run.running_parts()]
    if gone:
        return f"ended: {', '.join(gone)}"
    async with Observer(RunningSystem.database_url(state, run), RunningSystem.stream_settings(run)) as observer:
        return f"waiting: {await observer.standing()}"


def summary_of(outcome: Outcome) -> dict[str, Any]:
    """The figures of a play."""
    tally, verdict = outcome.tally, outcome.verdict
    return {
        "baskets": outcome.baskets,
        "stores": outcome.stores,
        "customers": outcome.customers,
        "events_sent": outcome.events_sent,
        "events_accepted": outcome.events_accepted,
        "events_applied": verdict.applied,
        "checkouts": tally.checkouts,
        "vouchers_issued": tally.vouchers_issued,
        "vouchers_by_tier": dict(sorted(tally.vouchers_by_tier.items())),
        "vouchers_redeemed": tally.vouchers_redeemed,
        "relevance": tally.relevance,
        "uplift": tally.uplift,
        "commands": dict(outcome.commands),
        "commands_acknowledged": outcome.acknowledged,
        "commands_open": outcome.open_commands,
        "checkout_ms": _quantiles(tally.checkout_ms),
        "freshness_ms": dict(outcome.freshness_ms),
        "quarantined": tally.quarantined,
        "dead_letters": verdict.dead_letters,
        "requests_repeated": tally.repeats,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "seconds": round(outcome.seconds, 1),
        **({"digests": dict(outcome.digests)} if outcome.digests else {}),
    }


def shortcomings(summary: dict[str, Any], positive: Sequence[str] = MUST_BE_POSITIVE) -> list[str]:
    """Which figures are not what they must be."""
    wrong = [f"{name} is {_at(summary, name)}, must be 0" for name in MUST_BE_ZERO if _at(summary, name) != 0]
    return wrong + [f"{name} is {_at(summary, name)}, must be above 0" for name in positive if not _at(summary, name)]


def show_outcome(console: Console, outcome: Outcome) -> None:
    """Two receipts, the table, what is wrong."""
    for printed in outcome.printed:
        console.print(Panel(Text(printed.text.rstrip()), title=f"a receipt, tier {printed.tier}", expand=False))
    console.print(_table({name: value for name, value in summary_of(outcome).items() if name != "digests"}))
    for table, digest in outcome.digests.items():
        console.print(f" digest of {table}: {digest}", markup=False, highlight=False)
    console.print(Group(*(Text(example, style="red") for example in outcome.verdict.examples)))


def show_where_next(console: Console, run: Run, state: Path) -> None:
    """Where to look while it still runs, and what stays."""
    for line in (
        f"customer view, next basket: {run.addresses['profile']}/docs",
        f"checkouts, campaigns: {run.addresses['offers']}/docs",
        f"stock, forecasts, commands: {run.addresses['inventory']}/docs",
        f"send events: {run.addresses['ingest']}/docs  (keys: {state}/keys.json)",
        "what waits: usual status      stop it: usual down",
    ):
        console.print(f"  {line}", markup=False)


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write the figures for machines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(summary, indent=2) + "\n")


def _table(summary: dict[str, Any]) -> Table:
    table = Table(title="What happened", title_justify="left", show_header=False, box=None)
    notes = {
        "events_applied": "passed by every service that reads them",
        "relevance": "SYNTHETIC shoppers: the next real basket held it anyway; nobody bought because of it",
        "uplift": "SYNTHETIC shoppers: a line was added because of the voucher",
        "commands_open": "under way when the play ended",
        "checkout_ms": "as the till waits, HTTP included",
        "freshness_ms": "event accepted -> visible in what offers reads; estimated from a histogram",
        "lost": "journal of what was sent against the effects in each database",
        "doubled": "the same",
    }
    for name, value in summary.items():
        shown = ", ".join(f"{key}: {count}" for key, count in value.items()) if isinstance(value, dict) else str(value)
        style = "red" if name in MUST_BE_ZERO and value else ""
        table.add_row(name, Text(shown, style=style), Text(notes.get(name, ""), style="dim"))
    return table


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"p50": 0.0, "p99": 0.0}
    ordered = sorted(values)
    return {f"p{rank}": round(ordered[min(len(ordered) * rank // 100, len(ordered) - 1)], 2) for rank in (50, 99)}


def _at(summary: dict[str, Any], path: str) -> Any:
    value: Any = summary
    for name in path.split("."):
        value = value.get(name)
    return value

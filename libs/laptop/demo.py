"""`usual demo`: from nothing to the whole main job on real baskets, checked and reported; then everything is stopped."""

import asyncio
import signal
import time
from pathlib import Path

from rich.console import Console

from libs.laptop import report, supervise
from libs.laptop.complete_journey import NAME
from libs.laptop.played import PlayRequest, play_slice
from libs.laptop.slices import Choice
from libs.laptop.state_folder import StateFolder

DEMO_WEEKS = 4
SUMMARY = "summary.json"


async def play_demo(folder: Path, *, weeks: int, seed: int, keep: bool, console: Console) -> int:
    """Run the demo in a folder that is emptied first; returns the exit code: 1 when a figure is not what it must be.

    Raises AlreadyRunning, and whatever the start or the play raise; everything is stopped then.
    """
    started = time.monotonic()
    _end_in_order_on_sigterm()
    state = StateFolder(folder)
    state.delete()
    with console.status("starting PostgreSQL, a broker and nine services"):
        run = await supervise.detach(state, broker="embedded", play=True)
    console.print(f"everything runs after {time.monotonic() - started:.1f} s; playing {weeks} weeks of {NAME}")
    kept = False
    try:
        outcome = await play_slice(state, PlayRequest(dataset=NAME, choice=Choice(weeks=weeks), seed=seed), console)
        report.show_outcome(console, outcome)
        summary = report.summary_of(outcome)
        summary["seconds"] = round(time.monotonic() - started, 1)
        report.write_summary(state.path / SUMMARY, summary)
        console.print(f"the same figures: {folder / SUMMARY}; logs: {folder / 'logs'}", markup=False)
        kept = keep
    finally:
        if not kept:
            await supervise.down(state)
    if keep:
        report.show_where_next(console, run, folder)
    else:
        console.print("to look around while it runs: usual demo --keep, or usual up")
    wrong = report.shortcomings(summary)
    for line in wrong:
        console.print(line, style="red")
    return 1 if wrong else 0


def _end_in_order_on_sigterm() -> None:
    """A terminated demo stops what it has started, as an interrupted one does."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)

"""`usual up` and `usual down`: one supervisor process per state folder, in the foreground or on its own.

On its own it is `python -m libs.laptop.supervise`: the whole command would load what only a play needs.
"""

import argparse
import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from libs.laptop.child import Child, ChildFailed
from libs.laptop.children import stop_found
from libs.laptop.launch import PROCESSES, Service
from libs.laptop.state_folder import AlreadyRunning, Run, StateFolder
from libs.laptop.system import ERP, System

DEFAULTS = (Path("var/usual"), Path("var/demo"))
"""Where `usual` looks when it is not told: what `usual up` runs, and what `usual demo --keep` left."""
SUPERVISOR_LOG = "supervisor.log"
_UP_SECONDS = 120.0
_DOWN_SECONDS = 60.0

Tell = Callable[[str], None]


def choose_state(path: Path | None) -> StateFolder:
    """The folder that was named, else the first one where something runs, else the first one."""
    if path is not None:
        return StateFolder(path)
    found = [StateFolder(known) for known in DEFAULTS]
    return next((state for state in found if state.read_run() is not None), found[0])


async def supervise(  # noqa: PLR0913 - what to run, and whom to tell
    state: StateFolder,
    *,
    broker: str,
    play: bool,
    campaigns: Path | None = None,
    tell: Tell,
    on_up: Callable[[Run], None],
    services: Iterable[Service] = PROCESSES,
) -> ChildFailed | None:
    """Start everything and watch it until SIGINT or SIGTERM, then stop it.

    Returns what crashed if that was the reason. Raises AlreadyRunning, and ChildFailed when the start fails.
    """
    with state.locked(), _stop_signals() as stop:
        await _sweep(state)
        system = System(state, broker=broker, play=play, campaigns=campaigns, services=services, tell=tell)
        starting = asyncio.create_task(system.start())
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return None
        run = starting.result()
        state.write_run(run)
        on_up(run)
        crashed = asyncio.create_task(system.failed())
        try:
            await asyncio.wait({asked, crashed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tell("stopping")
            await system.stop()
        return crashed.result() if crashed.done() else None


async def detach(state: StateFolder, *, broker: str, play: bool, campaigns: Path | None = None) -> Run:
    """Start a supervisor that outlives this process, and return what runs once it is up.

    Raises AlreadyRunning, and ChildFailed with the end of its log.
    """
    if (run := state.read_run()) is not None or state.holder() is not None:
        raise AlreadyRunning(state.path, run)
    log = state.logs / SUPERVISOR_LOG
    argv = [sys.executable, "-m", "libs.laptop.supervise", "--broker", broker, "--state", str(state.path)]
    options = [*(["--play"] if play else []), *(["--campaigns", str(campaigns)] if campaigns else [])]
    child = _spawn_lasting([*argv, *options], log)

    async def up() -> bool:
        found = state.read_run()
        return found is not None and (not play or any(part.name == ERP for part in found.parts))

    try:
        await child.wait_ready(up, within_seconds=_UP_SECONDS)
    except BaseException:
        await child.stop(grace_seconds=_DOWN_SECONDS)
        raise
    found = state.read_run()
    if found is None:
        raise child.failed("ended")
    return found


async def down(state: StateFolder) -> list[str]:
    """Stop what runs or starts in a folder and return the names of what was running; nothing runs: nothing is returned."""
    run = state.read_run()
    if run is None:
        starting = state.holder()
        if starting is None:
            return []
        await stop_found(starting, grace_seconds=_DOWN_SECONDS)
        return ["what was starting"]
    names = [part.name for part in run.running_parts()]
    await stop_found(run.supervisor, grace_seconds=_DOWN_SECONDS)
    await _sweep(state)
    return names


async def _sweep(state: StateFolder) -> None:
    """Stop what a supervisor that was killed has left behind."""
    run = state.read_run()
    for part in reversed(run.parts if run else ()):
        await stop_found(part.identity)


def _spawn_lasting(argv: list[str], log: Path) -> Child:
    """Start a process that lives on when this one ends."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    return Child("supervisor", log, process)


@contextlib.contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def main() -> None:
    """Supervise in a process of one's own; what happens goes to its output."""
    parser = argparse.ArgumentParser(prog="python -m libs.laptop.supervise", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--broker", default="embedded")
    parser.add_argument("--play", action="store_true")
    parser.add_argument("--campaigns", type=Path)
    chosen = parser.parse_args()
    try:
        crashed = asyncio.run(
            supervise(
                StateFolder(chosen.state),
                broker=chosen.broker,
                play=chosen.play,
                campaigns=chosen.campaigns,
                tell=_say,
                on_up=lambda _: _say("up"),
            )
        )
    except (AlreadyRunning, ChildFailed) as error:
        sys.exit(str(error))
    if crashed is not None:
        sys.exit(str(crashed))


def _say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

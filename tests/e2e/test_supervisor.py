"""`usual up` and `usual down` on a small system: one supervisor per folder, a crash is told with its log, Ctrl-C stops all."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from libs.laptop.child import ChildFailed, spawn
from libs.laptop.launch import Service
from libs.laptop.state_folder import AlreadyRunning, Run, StateFolder
from libs.laptop.supervise import choose_state, down, supervise

pytestmark = pytest.mark.e2e

ONLY_INGEST = (Service("ingest", "api"),)


def unheard(_what: str) -> None:
    """Nobody waits here."""


class Up:
    """A supervisor at work in this process."""

    def __init__(self, state: StateFolder) -> None:
        self.state = state
        self._run: asyncio.Future[Run] = asyncio.get_running_loop().create_future()
        self.end = asyncio.create_task(self._supervise())

    async def run(self) -> Run:
        """What runs, once it is up."""
        self.end.add_done_callback(lambda end: None if self._run.done() else self._run.set_exception(_why(end)))
        return await self._run

    async def _supervise(self) -> ChildFailed | None:
        return await supervise(
            self.state, broker="embedded", play=False, tell=unheard, on_up=self._run.set_result, services=ONLY_INGEST
        )


def _why(end: "asyncio.Task[ChildFailed | None]") -> BaseException:
    return end.exception() or AssertionError("it ended before it was up")


def last_words(log: Path) -> None:
    with log.open("a") as file:
        file.write("the last words\n")


def pid_of(run: Run, name: str) -> int:
    return next(part.identity.pid for part in run.parts if part.name == name)


async def test_a_second_up_says_what_runs_and_ctrl_c_stops_it_all(tmp_path: Path) -> None:
    up = Up(StateFolder(tmp_path))
    run = await up.run()
    with pytest.raises(AlreadyRunning, match="ingest-api"):
        await Up(StateFolder(tmp_path)).run()
    os.kill(os.getpid(), signal.SIGINT)
    assert await up.end is None
    assert not run.running_parts()
    assert up.state.read_run() is None
    assert await down(up.state) == []


async def test_what_is_still_starting_is_stopped_too(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    argv = [sys.executable, "-m", "libs.laptop.supervise", "--state", str(state.path)]
    starting = spawn("supervisor", argv, log=tmp_path / "supervisor.log")

    async def begun() -> bool:
        return state.holder() is not None

    try:
        await starting.wait_ready(begun, within_seconds=30.0)
        assert await down(state) == ["what was starting"]
        assert await starting.wait_end(within_seconds=1.0)
        assert (state.holder(), state.read_run()) == (None, None)
        assert await down(state) == []
    finally:
        await starting.kill()


async def test_a_service_that_crashes_is_told_with_its_logs_last_lines_and_everything_stops(tmp_path: Path) -> None:
    up = Up(StateFolder(tmp_path))
    run = await up.run()
    last_words(Path(next(part.log for part in run.parts if part.name == "ingest-api")))
    os.kill(pid_of(run, "ingest-api"), signal.SIGKILL)
    crashed = await up.end
    assert crashed is not None
    assert (crashed.name, crashed.lines[-1]) == ("ingest-api", "the last words")
    assert not run.running_parts()


async def test_a_start_that_fails_stops_what_had_started_and_shows_why(tmp_path: Path) -> None:
    (tmp_path / "broker").write_text("no folder")
    up = Up(StateFolder(tmp_path))
    with pytest.raises((ChildFailed, OSError)):
        await up.run()
    assert up.state.read_run() is None


def test_a_folder_that_is_named_is_taken_whatever_runs_elsewhere(tmp_path: Path) -> None:
    assert choose_state(tmp_path / "mine").path == tmp_path / "mine"

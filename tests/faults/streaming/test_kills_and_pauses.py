"""Processes are killed and paused in the middle of their work: nothing is lost and nothing has its effect twice."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import pytest

from libs.common.persistence import unsent
from tests.faults.streaming.ledger_worker import Order
from tests.integration.streaming.harness import PATIENCE_SECONDS, Ledger, open_ledger, until
from tests.support.brokers import EMBEDDED, Broker
from tests.support.postgres import Database
from tests.support.stopwatch import stopwatch
from tests.unit.streaming.builders import movement

pytestmark = pytest.mark.faults
ROOT = Path(__file__).parents[3]


class Crew:
    """The worker processes of one test, with their logs."""

    def __init__(self, ledger: Ledger, database_url: str, folder: Path) -> None:
        self._ledger = ledger
        self._url = database_url
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, owner: str, *, linger_at: str = "") -> subprocess.Popen[bytes]:
        order = Order(
            stream=self._ledger.settings,
            database_url=self._url,
            topic=self._ledger.topic.name,
            output=self._ledger.output.name,
            group=self._ledger.group,
            owner=owner,
            linger_at=linger_at,
            marker=str(self.marker(owner)) if linger_at else "",
        )
        with self.log(owner).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.streaming.ledger_worker", order.model_dump_json()],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        self._started.append(process)
        return process

    def marker(self, owner: str) -> Path:
        return self._folder / f"{owner}.lingers"

    def log(self, owner: str) -> Path:
        return self._folder / f"{owner}.log"

    def end(self) -> None:
        for process in self._started:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(PATIENCE_SECONDS)


@contextlib.contextmanager
def a_crew(ledger: Ledger, database: Database, folder: Path) -> Iterator[Crew]:
    crew = Crew(ledger, database.url("inventory"), folder)
    try:
        yield crew
    finally:
        crew.end()


@pytest.fixture
async def ledger(broker: Broker, database: Database) -> AsyncIterator[Ledger]:
    async with open_ledger(broker, database.url("inventory"), batch_max_records=25) as opened:
        yield opened


async def _steady_load(ledger: Ledger, count: int, *, per_second: int) -> None:
    for start in range(0, count, 50):
        await ledger.publish(movement(number) for number in range(start, min(start + 50, count)))
        await asyncio.sleep(50 / per_second)  # noqa: TID251  # a steady load


async def _drained(ledger: Ledger) -> bool:
    async with ledger.transactions.begin() as tx:
        return await unsent(tx) == 0


async def _verify(ledger: Ledger, count: int) -> None:
    """Every event had its effect once, and every effect's event reached the output topic."""
    everything = Counter(f"event-{number}" for number in range(count))
    assert await ledger.effects() == everything
    assert {event_id for _, _, event_id in await ledger.published(ledger.output)} == set(everything)


@pytest.mark.parametrize("seed", [11])
async def test_kill_9_under_load_loses_and_doubles_nothing(
    ledger: Ledger, broker: Broker, database: Database, tmp_path: Path, seed: int
) -> None:
    count, kills, random = 4_000, 2 if broker.name == EMBEDDED else 6, Random(seed)
    with a_crew(ledger, database, tmp_path) as crew:
        crew.start("steady")
        victim = crew.start("victim-0")
        load = asyncio.create_task(_steady_load(ledger, count, per_second=400))
        for number in range(1, kills + 1):
            await asyncio.sleep(1.0 + random.random())  # noqa: TID251  # the schedule of faults
            victim.kill()
            victim = crew.start(f"victim-{number}")
        await load
        await until(lambda: ledger.applied(count))
        await until(lambda: _drained(ledger))
    await _verify(ledger, count)


async def test_killed_alone_in_the_middle_of_a_batch_it_goes_on_where_it_was(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    await ledger.publish(movement(number) for number in range(500))
    with a_crew(ledger, database, tmp_path) as crew:
        victim = crew.start("victim", linger_at="inside")
        await until(crew.marker("victim").exists)
        victim.kill()
        crew.start("successor")
        await until(lambda: ledger.applied(500))
        await until(lambda: _drained(ledger))
    await _verify(ledger, 500)


@pytest.mark.parametrize("where", ["before", "inside"])
async def test_a_zombie_comes_back_and_changes_nothing(
    ledger: Ledger, database: Database, tmp_path: Path, where: str
) -> None:
    await ledger.publish(movement(number) for number in range(500))
    with a_crew(ledger, database, tmp_path) as crew:
        zombie = crew.start("zombie", linger_at=where)
        await until(crew.marker("zombie").exists)
        zombie.send_signal(signal.SIGSTOP)
        crew.marker("zombie").unlink()
        crew.start("successor")
        await until(lambda: ledger.applied(500))
        zombie.send_signal(signal.SIGCONT)
        refused = "offset conflict" if where == "before" else "database-unavailable"
        await until(lambda: refused in crew.log("zombie").read_text())
        await ledger.publish(movement(number) for number in range(500, 600))
        await until(lambda: ledger.applied(600))
        await until(lambda: _drained(ledger))
    await _verify(ledger, 600)


async def test_sigterm_ends_a_worker_in_time_and_hands_its_partitions_over(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    with a_crew(ledger, database, tmp_path) as crew:
        worker = crew.start("worker")
        load = asyncio.create_task(_steady_load(ledger, 1_000, per_second=500))
        await _some_effects(ledger)
        with stopwatch() as watch:
            worker.terminate()
            await asyncio.wait_for(asyncio.to_thread(worker.wait), PATIENCE_SECONDS)
            assert watch.seconds < 15
        assert worker.returncode == 0
        await load
        crew.start("next")
        await until(lambda: ledger.applied(1_000))
        await until(lambda: _drained(ledger))
    await _verify(ledger, 1_000)


async def _some_effects(ledger: Ledger) -> None:
    async def some() -> bool:
        return len(await ledger.effects()) > 100

    await until(some)

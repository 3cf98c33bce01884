"""Broker, doors, worker and database are killed and paused under load: each valid event has its effect once, each bad one waits once.

`USUAL_FAULT_SEEDS=1,2,3` runs other schedules than the one that is run always. A broker is killed here as a process: what it
has acknowledged survives in the page cache. What a power cut would do is for more than one broker to answer.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.support.ingest_client import IngestClient
from tests.support.ingest_faults import schedule
from tests.support.ingest_journal import Logbook
from tests.support.ingest_lab import IngestLab, running_lab, wait
from tests.support.ingest_laws import broken_laws, read_book
from tests.support.ingest_plan import Plan

pytestmark = [pytest.mark.faults, pytest.mark.kafka]

SEEDS = [int(seed) for seed in os.environ.get("USUAL_FAULT_SEEDS", "11").split(",")]  # noqa: TID251 - the test run's own
TILL = "till"
CLIENTS = {TILL: 0.0, "web": 0.2, "erp": 0.1, "kiosk": 0.4}
"""How often each of them errs."""
DATABASE_AWAY_SECONDS, SALES_WITHOUT_DATABASE = 4.0, 80


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[IngestLab]:
    with running_lab(tmp_path / "lab") as running:
        yield running


class Load:
    """All clients, sending until told to end."""

    def __init__(self, lab: IngestLab, folder: Path, seed: int) -> None:
        self._goes_on = True
        self.clients = {
            name: IngestClient(
                Plan(name, Random(f"{seed} {name}"), invalid_ratio=ratio, only_sales=name == TILL),
                lab.doors,
                lab.keys.key("erp"),
                Logbook(folder / f"{name}.jsonl"),
            )
            for name, ratio in CLIENTS.items()
        }

    async def run(self) -> None:
        async with asyncio.TaskGroup() as running:
            for client in self.clients.values():
                running.create_task(client.run(goes_on=lambda: self._goes_on, pause_seconds=0.02))

    def end(self) -> None:
        self._goes_on = False


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_dies_under_load_each_event_has_its_one_fate(
    lab: IngestLab, tmp_path: Path, seed: int, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = schedule(seed)
    load = Load(lab, tmp_path, seed)
    running = asyncio.create_task(load.run())
    await faults.run(lab)
    till = load.clients[TILL]
    before = till.accepted
    await lab.kill_database_for(DATABASE_AWAY_SECONDS, until=lambda: till.accepted - before > SALES_WITHOUT_DATABASE)
    entered = till.accepted - before
    await wait(1.0)
    load.end()
    await running
    found = await lab.found()
    journals = [list(client.logbook.read()) for client in load.clients.values()]
    book = read_book(journals)
    told = [
        str(faults),
        f"{len(book.offered)} events ({len(book.offered) - len(book.valid)} invalid), answers {dict(book.answers)}",
        f"{len(found.records)} records, {found.repeats} of them repeats; {entered} sales while PostgreSQL was away",
    ]
    with capsys.disabled():
        request.config.get_terminal_writer().line("\n" + "\n".join(told))
    broken = broken_laws(journals, found, lab.known_as)
    assert not broken, "\n".join([*told, *broken])
    assert entered > SALES_WITHOUT_DATABASE, f"sales must enter while PostgreSQL is away: {told}"
    quiet = [what for what in ("unknown", "duplicate", "refused", "quarantined") if not book.answers[what]]
    assert not quiet, f"too quiet to prove anything: {quiet}, {told}"

"""The front door as it runs: two door processes, the profile worker, real Apache Kafka, PostgreSQL; and what they hold."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from libs.common.contracts import TOPICS
from libs.common.streaming import StreamSettings
from libs.common.streaming.reader import TopicReader
from libs.laptop.apache_kafka import ApacheKafka
from libs.laptop.child import Child
from libs.laptop.drain import Observer
from libs.laptop.launch import Service
from libs.laptop.state_folder import StateFolder
from libs.laptop.system import System
from tests.integration.ingest.running import PATIENT
from tests.support.ingest_journal import Name
from tests.support.ingest_laws import Effect, Found, Place

APPLIED_WITHIN_SECONDS = 120.0
INGEST_TOPICS = tuple(topic.name for topic in TOPICS if topic.owner == "ingest")


@dataclass(frozen=True, slots=True)
class Door(Service):
    """One of several door processes."""

    number: int = 1

    @property
    def name(self) -> str:
        return f"door-{self.number}"


FIRST_DOOR = Door("ingest", "api", 1)
SECOND_DOOR = Door("ingest", "api", 2)
WORKER = Service("profile", "worker")


class IngestLab(System):
    """What the clients talk to, and what may be killed and paused meanwhile."""

    patient = False
    """Whether the doors wait until a busy machine answers them, for laws that are not about time."""

    def environment_of(self, process: Service) -> dict[str, str]:
        """The same, and patience where it is wanted."""
        patience = {f"USUAL_{name.upper()}": str(seconds) for name, seconds in PATIENT.items()}
        return super().environment_of(process) | (patience if self.patient else {})

    @cached_property
    def _known_as(self) -> Callable[[str], str]:
        return self.keys.pseudonyms(play=False).key_of

    @property
    def kafka(self) -> ApacheKafka:
        """The broker."""
        assert isinstance(self.broker, ApacheKafka)
        return self.broker

    @property
    def doors(self) -> list[str]:
        """The addresses of the doors."""
        return [f"http://127.0.0.1:{self._port(door.name)}" for door in (FIRST_DOOR, SECOND_DOOR)]

    def known_as(self, identifier: str) -> str:
        """What topics and tables hold in place of an identifier that a client sent."""
        return self.keys.pseudonyms(play=self._play).key_of(identifier)

    async def kill_for(self, process: Service, seconds: float) -> None:
        """Kill a process at once and start it again after a while."""
        await self.kill(process.name)
        await wait(seconds)
        await self.start_service(process)

    async def kill_broker_for(self, seconds: float) -> None:
        """Kill the broker at once, so that clients see cut connections, and start it again on its log after a while."""
        await self.kafka.kill()
        await wait(seconds)
        await self.kafka.restart()

    async def kill_database_for(self, seconds: float, *, until: Callable[[], bool] = lambda: True) -> None:
        """Kill PostgreSQL with all its backends and start it again after a while, and not before `until`; raises TimeoutError."""
        await self.postgres.kill()
        await wait(seconds)
        async with asyncio.timeout(APPLIED_WITHIN_SECONDS):
            while not until():
                await wait(0.1)
        await self.postgres.start()

    async def found(self) -> Found:
        """Wait until the worker has applied and folded all that the topics hold; then what lies where."""
        settings = StreamSettings(bootstrap=self.broker.bootstrap, client_id="verifier")
        records = [record async for record in _records(settings)]
        async with Observer(self.postgres.url().replace("+asyncpg", ""), settings, services=("profile",)) as observer:
            await _until_applied(observer, records)
            rows = await observer.connection.fetch(_QUARANTINE)
            facets = await observer.connection.fetch(_FACETS)
        return Found(
            records=records,
            quarantine={str(row["quarantine_id"]): _name(row["source"], row["event_id"]) for row in rows},
            facets={identifier: Effect(*counts) for identifier, *counts in facets},
        )

    async def _migrate(self, service: str) -> None:
        await super()._migrate(service)
        if service == WORKER.service:
            await super()._migrate("offers")  # the worker reads a topic of theirs


_QUARANTINE = "SELECT quarantine_id, source, event_id FROM ingest.quarantine"
_FOLDED = "SELECT NOT EXISTS (SELECT FROM profile.dirty_customers)"
_FACETS = "SELECT identifier, receipts_count, amount_cents, contacts_count FROM profile.facets"


@contextlib.contextmanager
def running_lab(
    folder: Path,
    *,
    broker: str = "kafka",
    processes: Sequence[Service] = (FIRST_DOOR, SECOND_DOOR, WORKER),
    patient: bool = False,
) -> Iterator[IngestLab]:
    """Everything up; in the end everything stopped."""
    lab = IngestLab(StateFolder(folder), broker=broker, services=processes)
    lab.patient = patient
    with lab.state.locked():
        asyncio.run(lab.start())
        try:
            yield lab
        finally:
            asyncio.run(lab.stop())


async def pause_for(child: Child, seconds: float) -> None:
    """Stop a process where it stands and let it go on after a while."""
    child.process.send_signal(signal.SIGSTOP)
    try:
        await wait(seconds)
    finally:
        child.process.send_signal(signal.SIGCONT)


async def wait(seconds: float) -> None:
    """Let time pass: part of a schedule of faults."""
    await asyncio.sleep(seconds)  # noqa: TID251  # the schedule of faults


async def _until_applied(observer: Observer, records: Sequence[tuple[Place, Name]]) -> None:
    """Return once the worker's offsets are past these records and all of it is folded; raises TimeoutError."""
    ends: dict[tuple[str, int], int] = {}
    for (topic, partition, offset), _ in records:
        ends[topic, partition] = max(offset + 1, ends.get((topic, partition), 0))
    async with asyncio.timeout(APPLIED_WITHIN_SECONDS):
        while True:
            passed = {(topic, part): offset for (_, topic, part), offset in (await observer.offsets()).items()}
            applied = all(passed.get(place, 0) >= end for place, end in ends.items())
            if applied and await observer.connection.fetchval(_FOLDED):
                return
            await wait(0.1)


def _name(source: str | None, event_id: str | None) -> Name | None:
    return None if source is None or event_id is None else (source, event_id)


async def _records(settings: StreamSettings) -> AsyncIterator[tuple[Place, Name]]:
    """Every record of the door's topics."""
    async with TopicReader(settings, INGEST_TOPICS) as reader:
        while True:
            records = await reader.read()
            for record in records:
                name = (record.header("ce_source") or "", record.header("ce_id") or "")
                yield (record.topic, record.partition, record.offset), name
            if not records and await reader.at_end():
                return

"""Servers with the year in their topics, and processes of ours over it: started, watched until nothing waits, weighed."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import asyncpg
import psutil

from benchmarks.profile.year import Progress
from libs.common.contracts import TOPICS
from libs.common.persistence import Timeouts, make_engine, run_migrations
from libs.common.streaming import StreamSettings, ensure_topics
from libs.laptop.child import Child, free_port, spawn
from libs.laptop.embedded_broker import EmbeddedBroker
from libs.laptop.embedded_postgres import EmbeddedPostgres
from libs.laptop.launch import Keys, Service, Surroundings

PARTITIONS = 4


class _Bare(Service):
    """The worker that applies nothing."""

    @property
    def argv(self) -> list[str]:
        return [sys.executable, "-m", "benchmarks.profile.bare", self.role]


WORKER, LEARNER = Service("profile", "worker"), Service("profile", "learner")
_BARE = _Bare("profile", "worker")
_LOOK_SECONDS = 0.1
_SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB"}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run of ours took from claiming its partitions until everything was applied, and folded; CPU seconds by process."""

    seconds: float
    applied_seconds: float
    cpu_seconds: Mapping[str, float]
    metrics: str


@dataclass(slots=True)
class Servers:
    """A broker and a database of this run alone."""

    folder: Path
    broker: EmbeddedBroker
    postgres: EmbeddedPostgres
    settings: StreamSettings
    fold_processes: int

    async def worker(self, topic: str, events: int, progress: Progress) -> Measured:
        """Run our worker until it has passed so many events of a topic, and folded what they changed."""
        return await _worked(self, WORKER, (topic, events), progress)

    async def bare(self, topic: str, events: int, progress: Progress) -> Measured:
        """The same for a worker that applies nothing; leaves the events as unread as they were."""
        measured = await _worked(self, _BARE, (topic, events), progress)
        connection = await asyncpg.connect(self.postgres.url().replace("+asyncpg", ""))
        await connection.execute("TRUNCATE profile.inbox")
        await connection.close()
        return measured


@asynccontextmanager
async def serving(
    folder: Path, fold_processes: int, changed: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Servers]:
    """Started, with every topic and the tables of this service; `changed` are settings of PostgreSQL."""
    broker = EmbeddedBroker(folder / "broker")
    postgres = EmbeddedPostgres(folder / "postgres", settings={**_SETTINGS, **changed})
    settings = StreamSettings(bootstrap=await broker.start(), idempotence=broker.idempotence)
    try:
        await postgres.start()
        await ensure_topics(
            settings, [replace(topic, partitions=min(topic.partitions, PARTITIONS)) for topic in TOPICS]
        )
        engine = make_engine(
            postgres.url("profile"), schema="profile", application_name="bench", timeouts=Timeouts.migrate()
        )
        await run_migrations(engine, "services.profile.migrations", "profile")
        await engine.dispose()
        yield Servers(folder, broker, postgres, settings, fold_processes)
    finally:
        await postgres.stop()
        await broker.stop()


async def _worked(servers: Servers, service: Service, wanted: tuple[str, int], progress: Progress) -> Measured:
    topic, _ = wanted
    connection = await asyncpg.connect(servers.postgres.url().replace("+asyncpg", ""))
    # Claimed by a run before that read nothing of it: this run's clock begins with its own claim.
    await connection.execute("DELETE FROM profile.offsets WHERE topic = $1 AND consumer_group = 'profile'", topic)
    async with started(servers, service) as (worker, port):
        try:
            begun, applied, ended = await _until_done(connection, servers, worker, wanted, progress)
        finally:
            await connection.close()
        spent = {name: seconds - begun.cpu_seconds.get(name, 0.0) for name, seconds in ended.cpu_seconds.items()}
        return Measured(ended.at - begun.at, applied.at - begun.at, spent, await _metrics(port))


@asynccontextmanager
async def started(servers: Servers, service: Service, **settings: str) -> AsyncIterator[tuple[Child, int]]:
    """One process of profile over these servers, and its port; stopped at the end."""
    keys = Keys(servers.folder)
    keys.make()
    port = free_port()
    surroundings = Surroundings(
        bootstrap=servers.broker.bootstrap, idempotence=servers.broker.idempotence, keys=keys, play=True
    )
    environment = surroundings.environment(servers.postgres.url("profile"), port) | {
        "USUAL_FOLD_PROCESSES": str(servers.fold_processes),
        **settings,
    }
    child = spawn(service.name, service.argv, log=servers.folder / f"{service.name}.log", env=environment)
    try:
        yield child, port
    finally:
        await child.stop()


_STANDING = """
    SELECT (SELECT count(*) FROM profile.offsets WHERE topic = $1 AND consumer_group = 'profile') AS claimed,
           (SELECT coalesce(sum(next_offset), 0) FROM profile.offsets
            WHERE topic = $1 AND consumer_group = 'profile')::bigint AS applied,
           EXISTS (SELECT FROM profile.dirty_customers) AS dirty
"""


@dataclass(frozen=True, slots=True)
class _Moment:
    at: float
    cpu_seconds: Mapping[str, float]


async def _until_done(
    connection: asyncpg.Connection, servers: Servers, worker: Child, wanted: tuple[str, int], progress: Progress
) -> tuple[_Moment, _Moment, _Moment]:
    """When the partitions were claimed, when the last batch was committed, and when no customer waited to be folded."""
    topic, events = wanted
    begun = applied = None
    while True:
        row = await connection.fetchrow(_STANDING, topic)
        if begun is None and row["claimed"]:
            begun = _moment(servers, worker)
        if applied is None and row["applied"] >= events:
            applied = _moment(servers, worker)
        progress(f"{topic} applied", row["applied"], events)
        if begun is not None and applied is not None and not row["dirty"]:
            return begun, applied, _moment(servers, worker)
        if worker.process.returncode is not None:
            raise worker.failed("ended")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), _LOOK_SECONDS)


def _moment(servers: Servers, worker: Child) -> _Moment:
    alone = cpu_seconds(worker, tree=False)
    return _Moment(
        time.monotonic(),
        {
            "worker": alone,
            "processes that fold": cpu_seconds(worker) - alone,
            "postgres": cpu_seconds(servers.postgres.child),
            "broker": cpu_seconds(servers.broker.child),
        },
    )


async def _metrics(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.decode()


def cpu_seconds(child: Child, *, tree: bool = True) -> float:
    """What a process, and with `tree` those that it started, have spent; of those that ended too."""
    process = psutil.Process(child.pid)
    some = (process, *process.children(recursive=True)) if tree else (process,)
    return sum(_spent(one, tree=tree) for one in some)


def _spent(process: psutil.Process, *, tree: bool) -> float:
    try:
        return float(sum(process.cpu_times()[: 4 if tree else 2]))
    except psutil.NoSuchProcess:
        return 0.0  # it ended since it was listed: its parent has its seconds

"""Servers with the year in their topics, and processes of ours over it: started, watched until nothing waits, weighed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import psutil

from benchmarks.profile.year import Progress, Year, lay
from libs.common.contracts import TOPICS, Topic
from libs.common.persistence import Timeouts, make_engine, run_migrations
from libs.common.streaming import StreamSettings, ensure_topics
from libs.laptop.child import Child, free_port, spawn
from libs.laptop.embedded_broker import EmbeddedBroker
from libs.laptop.embedded_postgres import EmbeddedPostgres
from libs.laptop.launch import Keys, Service, Surroundings

PARTITIONS = 4
WORKER = Service("profile", "worker")
_LOOK_SECONDS = 0.1
_SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB"}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run of ours took, until everything was applied and folded; CPU seconds by process."""

    seconds: float
    applied_seconds: float
    cpu_seconds: dict[str, float]
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
        return await _worked(self, topic, events, progress)


@asynccontextmanager
async def serving(folder: Path, fold_processes: int) -> AsyncIterator[Servers]:
    """Started, with every topic and the tables of this service."""
    broker = EmbeddedBroker(folder / "broker")
    postgres = EmbeddedPostgres(folder / "postgres", settings=_SETTINGS)
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


async def laid_for_peers(servers: Servers, year: Year, topic: str, progress: Progress) -> None:
    """All baskets in the peer's topic."""
    declared = Topic(name=topic, owner="bench", key="customer", types=(), description="", partitions=PARTITIONS)
    await ensure_topics(servers.settings, [declared])
    await lay(servers.settings, year.for_peers(), year.baskets, progress)


async def _worked(servers: Servers, topic: str, events: int, progress: Progress) -> Measured:
    keys = Keys(servers.folder)
    keys.make()
    port = free_port()
    surroundings = Surroundings(
        bootstrap=servers.broker.bootstrap, idempotence=servers.broker.idempotence, keys=keys, play=True
    )
    environment = surroundings.environment(servers.postgres.url("profile"), port) | {
        "USUAL_FOLD_PROCESSES": str(servers.fold_processes)
    }
    connection = await asyncpg.connect(servers.postgres.url().replace("+asyncpg", ""))
    watched = {"broker": servers.broker.child, "postgres": servers.postgres.child}
    before = {name: _cpu(child) for name, child in watched.items()}
    worker = spawn(WORKER.name, WORKER.argv, log=servers.folder / "worker.log", env=environment)
    try:
        began, applied_at, idle_cpu = await _until_done(connection, worker, (topic, events), progress)
        ended = time.monotonic()
        cpu = {name: _cpu(child) - before[name] for name, child in watched.items()}
        cpu["worker"] = _cpu(worker) - idle_cpu
        metrics = await _metrics(port)
    finally:
        await connection.close()
        await worker.stop()
    return Measured(ended - began, applied_at - began, cpu, metrics)


_STANDING = """
    SELECT (SELECT coalesce(sum(next_offset), 0) FROM profile.offsets WHERE topic = $1)::bigint AS applied,
           EXISTS (SELECT FROM profile.dirty_customers) AS dirty
"""


async def _until_done(
    connection: asyncpg.Connection, worker: Child, wanted: tuple[str, int], progress: Progress
) -> tuple[float, float, float]:
    """When the partitions were claimed, when the last batch was committed, and the worker's CPU seconds before it all.

    It returns when no customer waits to be folded.
    """
    topic, events = wanted
    began = applied_at = idle_cpu = 0.0
    while True:
        row = await connection.fetchrow(_STANDING, topic)
        now = time.monotonic()
        if row["applied"] == 0 or not began:
            began, idle_cpu = now, _cpu(worker)
        if row["applied"] < events:
            applied_at = now
        progress(f"{topic} applied", row["applied"], events)
        if row["applied"] >= events and not row["dirty"]:
            return began, applied_at, idle_cpu
        if worker.process.returncode is not None:
            raise worker.failed("ended")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), _LOOK_SECONDS)


async def _metrics(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.decode()


def _cpu(child: Child) -> float:
    process = psutil.Process(child.pid)
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))

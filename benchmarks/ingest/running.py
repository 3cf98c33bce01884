"""The servers of a run: started together, loaded in turns, stopped; each load checked against what the topics hold."""

import asyncio
import os
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import psutil

from benchmarks.cores import load_core, pin_server
from benchmarks.ingest import load
from benchmarks.ingest.contenders import PEERS, Contender, Karapace, contenders
from libs.common.contracts import Topic
from libs.common.http.credentials import new_key, write_credentials
from libs.common.streaming import Cluster, StreamSettings, ensure_topics
from libs.laptop.child import Child, spawn
from libs.laptop.launch import PARTITIONS_CAP, Service
from libs.laptop.state_folder import StateFolder
from libs.laptop.system import System

DOOR_SERVICE = Service("ingest", "api")
READY_SECONDS = 30.0
_LIMIT_PER_SECOND = 10_000_000.0
"""The limit is on, and never reached."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one contender did under one load."""

    events_per_second: float
    cpu_us_per_event: float
    p50_ms: float
    p99_ms: float
    refused: int


class Run:
    """The servers and their contenders."""

    def __init__(self, folder: Path, settings: StreamSettings, found: Sequence[Contender]) -> None:
        self.contenders = found
        self._folder = folder
        self._settings = settings
        self._servers: dict[str, Child] = {}

    async def start(self) -> None:
        """Start every server and return when each has taken what it will be sent; raises ChildFailed."""
        for one in self.contenders:
            if one.server not in self._servers:
                environment = {**os.environ, **one.environment}  # noqa: TID251 - children inherit it
                log = self._folder / f"{one.server.replace(' ', '-')}.log"
                self._servers[one.server] = spawn(one.server, one.argv, log=log, env=environment)

            async def answers(one: Contender = one) -> bool:
                return await asyncio.to_thread(_takes, one)

            await self._servers[one.server].wait_ready(answers, within_seconds=READY_SECONDS)
            pin_server(self._servers[one.server].pid)

    async def stop(self) -> None:
        """Stop them."""
        await asyncio.gather(*(server.stop() for server in self._servers.values()))

    async def measure(self, one: Contender, *, connections: int, seconds: int) -> Measured:
        """Load one of them; only events that it took count. Raises ValueError when one of those is not on its topic."""
        before, cpu_before = await self._on_topic(one), self._cpu_seconds(one)
        answered = await asyncio.to_thread(
            load.run, one.request, connections=connections, seconds=seconds, folder=self._folder, core=load_core()
        )
        cpu = self._cpu_seconds(one) - cpu_before
        events = (answered.requests - answered.refused) * one.request.events
        if not events or answered.failed:
            raise ValueError(
                f"{one.name}: of {answered.requests} requests {answered.refused} refused, {answered.failed} failed"
            )
        arrived = await self._on_topic(one) - before
        if one.topic is not None and arrived < events:
            raise ValueError(f"{one.name}: {events} acknowledged, {arrived} there")
        return Measured(
            events / answered.seconds, cpu / events * 1e6, answered.p50_ms, answered.p99_ms, answered.refused
        )

    async def _on_topic(self, one: Contender) -> int:
        if one.topic is None:
            return 0
        async with Cluster(self._settings) as cluster:
            return sum((await cluster.end_offsets([one.topic])).values())

    def _cpu_seconds(self, one: Contender) -> float:
        process = psutil.Process(self._servers[one.server].pid)
        each = [process, *process.children(recursive=True)]
        return sum(sum(found.cpu_times()[:2]) for found in each)


@asynccontextmanager
async def running(folder: Path, karapace: Karapace | None) -> AsyncIterator[Run]:
    """PostgreSQL, the broker and all contenders, in `folder`."""
    state = StateFolder(folder / "state")
    # The door that the system starts migrates and makes the topics; the one that is measured is a process like its peers.
    system = System(state, services=[DOOR_SERVICE])
    with state.locked():
        await system.start()
        try:
            run = await _prepare(folder, system, karapace)
            try:
                await run.start()
                yield run
            finally:
                await run.stop()
        finally:
            await system.stop()


async def _prepare(folder: Path, system: System, karapace: Karapace | None) -> Run:
    settings = StreamSettings(bootstrap=system.broker.bootstrap, idempotence=system.broker.idempotence)
    peers = Topic(name=PEERS, owner="bench", key="card", types=(), description="", partitions=PARTITIONS_CAP)
    await ensure_topics(settings, [peers])
    key, credential = new_key("bench", frozenset({"events:write"}), events_per_second=_LIMIT_PER_SECOND)
    write_credentials(folder / "credentials.json", [credential])
    environment = system.environment_of(DOOR_SERVICE) | {"USUAL_CREDENTIALS_FILE": str(folder / "credentials.json")}
    return Run(folder, settings, contenders(environment, settings.bootstrap, key, karapace))


def _takes(one: Contender) -> bool:
    """Whether it takes one of its requests."""
    body = next(load.bodies(one.request.body, load.unused_prefix()))
    asked = urllib.request.Request(one.request.url, data=body, headers=dict(one.request.headers))  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(asked, timeout=3.0) as answer:  # noqa: S310 - our own
            text = answer.read()
            return b"quarantined" not in text and b"refused" not in text
    except (URLError, OSError):
        return False

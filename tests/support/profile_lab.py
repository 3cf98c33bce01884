"""Profile's workers and learner as processes on real Apache Kafka, to be killed and paused."""

import asyncio
import contextlib
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import psutil

from libs.common.contracts import TOPICS
from libs.common.persistence import Timeouts, make_engine, run_migrations
from libs.common.streaming import StreamSettings, ensure_topics
from libs.laptop.child import Child, Ready, free_port, spawn
from libs.laptop.children import answers
from libs.laptop.embedded_postgres import EmbeddedPostgres
from libs.laptop.launch import Keys, Service, Surroundings
from tests.support.brokers import real_kafka
from tests.support.postgres import FAST
from tests.support.profile_faults import FIRST, GUEST, LEARNER, SECOND, SESSION_SECONDS, Strike

PARTITIONS = 4
FOLD_PROCESSES = {FIRST: 1}
"""The first worker folds in a process beside it, the others by themselves."""
HOLDS_WITHIN_SECONDS = 3.0
READY_WITHIN_SECONDS = 60.0
LEAVES_WITHIN_SECONDS = 40.0
# A backend that moved an offset and has not committed: its batch is open.
_HOLDS = """
    SELECT EXISTS (
        SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE relation = 'profile.offsets'::regclass AND mode = 'RowExclusiveLock' AND client_port = ANY($1::int[])
    )
"""
_STABLE = re.compile(r"Stabilized group (\S+) generation (\d+)")


class ProfileLab:
    """One broker, one database, two workers in one group, a learner; a third worker comes and goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kafka = real_kafka(folder / "kafka", settings={"group.min.session.timeout.ms": "1000"})
        self.postgres = EmbeddedPostgres(folder / "postgres", settings={**FAST, "shared_buffers": "256MB"})
        self.settings = StreamSettings(bootstrap=self.kafka.bootstrap, client_id="lab")
        self.caught_with_a_batch = 0
        """Pauses that left a batch's transaction open."""
        self._keys = Keys(folder)
        self._children: dict[str, Child] = {}
        self._ready: dict[str, Ready] = {}
        self._pauses: dict[str, asyncio.Task[None]] = {}

    @property
    def url(self) -> str:
        """The database with the superuser's eyes, as asyncpg has it."""
        return self.postgres.url().replace("+asyncpg", "")

    async def start(self) -> None:
        """Servers, topics, tables, and the processes that are always there."""
        self._keys.make()
        await asyncio.gather(self.postgres.start(), self.kafka.start())
        await ensure_topics(
            self.settings, [replace(topic, partitions=min(topic.partitions, PARTITIONS)) for topic in TOPICS]
        )
        url = self.postgres.url("profile")
        engine = make_engine(url, schema="profile", application_name="lab", timeouts=Timeouts.migrate())
        await run_migrations(engine, "services.profile.migrations", "profile")
        await engine.dispose()
        for name in (FIRST, SECOND, LEARNER):
            self._spawn(name)

    async def stop(self) -> None:
        """End everything, however it fares."""
        for pause in self._pauses.values():
            pause.cancel()
        for child in self._children.values():
            await child.kill()
        await asyncio.gather(self.kafka.stop(), self.postgres.stop())

    async def strike(self, strike: Strike) -> None:
        """Wait, then do it: to nobody who is paused or not up yet. A pause ends by itself while the play goes on."""
        await self._back(strike.victim)
        if strike.fault != "guest comes":
            await self._up(strike.victim)
        await wait(strike.after_seconds)
        self.check()
        match strike.fault:
            case "kill":
                await self._children[strike.victim].kill()
                await wait(strike.lasts_seconds)
                self._spawn(strike.victim)
            case "pause":
                await self._pause(strike.victim, strike.lasts_seconds)
            case "guest comes":
                self._spawn(GUEST)
            case "guest goes":
                await self._leave(GUEST)

    async def all_back(self) -> None:
        """Return when every pause is over."""
        for name in tuple(self._pauses):
            await self._back(name)

    def check(self) -> None:
        """Raise ChildFailed if a process ended of which nobody asked it."""
        for child in self._children.values():
            if not child.running and not child.stopping:
                raise child.failed(f"ended with exit code {child.process.returncode}")

    def told(self) -> str:
        """What the faults did, as far as logs tell: conflicts and batches put off, and how often partitions were dealt out."""
        logs = "".join(path.read_text() for path in (self.folder / "logs").glob("*.log"))
        put_off = Counter(re.findall(r"put off: ([a-z-]+)", logs))
        return f"{logs.count('offset conflict')} conflicts, put off {dict(put_off)}, generations {self.generations()}"

    def generations(self) -> Mapping[str, int]:
        """Each group's last generation, as the broker's log tells it."""
        return {
            group: int(number) for group, number in _STABLE.findall((self.folder / "kafka/kafka-1.log").read_text())
        }

    def _spawn(self, name: str) -> None:
        role = "learner" if name == LEARNER else "worker"
        surroundings = Surroundings(
            bootstrap=self.kafka.bootstrap, idempotence=self.kafka.idempotence, keys=self._keys, play=True
        )
        port = free_port()
        self._ready[name] = answers(f"http://127.0.0.1:{port}/readyz")
        environment = surroundings.environment(self.postgres.url("profile"), port) | {
            "USUAL_KAFKA_SESSION_SECONDS": str(SESSION_SECONDS),
            "USUAL_FOLD_PROCESSES": str(FOLD_PROCESSES.get(name, 0)),
        }
        argv = Service("profile", role).argv
        self._children[name] = spawn(name, argv, log=self.folder / "logs" / f"{name}.log", env=environment)

    async def _leave(self, name: str) -> None:
        child = self._children[name]
        await child.wait_ready(
            self._ready[name], within_seconds=READY_WITHIN_SECONDS
        )  # before that it takes no signals
        await child.stop(grace_seconds=LEAVES_WITHIN_SECONDS)
        if child.process.returncode != 0:
            raise child.failed(f"was asked to end and ended with exit code {child.process.returncode}")

    async def _pause(self, name: str, seconds: float) -> None:
        """Stop a process where it stands, if possible with a batch's transaction open, and let it go on later."""
        process = self._children[name].process
        ports = [found.laddr.port for found in psutil.Process(process.pid).net_connections("tcp")]
        connection = await asyncpg.connect(self.url)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HOLDS_WITHIN_SECONDS):
                    while not await connection.fetchval(_HOLDS, ports):
                        await wait(0.002)
            process.send_signal(signal.SIGSTOP)
            self.caught_with_a_batch += await connection.fetchval(_HOLDS, ports)
        finally:
            await connection.close()

        async def go_on() -> None:
            try:
                await wait(seconds)
            finally:
                process.send_signal(signal.SIGCONT)

        self._pauses[name] = asyncio.create_task(go_on())

    async def _up(self, name: str) -> None:
        await self._children[name].wait_ready(self._ready[name], within_seconds=READY_WITHIN_SECONDS)

    async def _back(self, name: str) -> None:
        pause = self._pauses.pop(name, None)
        if pause is not None:
            await pause


@asynccontextmanager
async def running_profile_lab(folder: Path) -> AsyncIterator[ProfileLab]:
    """Everything up; in the end everything stopped."""
    lab = ProfileLab(folder)
    try:
        await lab.start()
        yield lab
    finally:
        await lab.stop()


async def wait(seconds: float) -> None:
    """Let time pass: part of a schedule of faults."""
    await asyncio.sleep(seconds)  # noqa: TID251  # the schedule of faults

"""A profile worker on a real database and broker, and rebuilds beside it: for laws of checkpoints and rebuilds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg

from libs.common.contracts import TOPIC_OF_TYPE, TOPICS, Event
from libs.common.contracts.topics import PROFILE_PROGRESS
from libs.common.persistence import OutboxMessage, stored_offsets
from libs.common.streaming import Cluster, Producer, ensure_topics, run_until_stopped
from services.profile.bootstrap import Parts, assemble, worker_of
from services.profile.bootstrap.checkpointing import take_checkpoint
from services.profile.bootstrap.parts import assemble_job
from services.profile.bootstrap.rebuilding import Comparison, Rebuild
from services.profile.bootstrap.roles import WORKER_GROUP, WORKER_TOPICS
from services.profile.domain.checkpoint import CheckpointHeader
from services.profile.handlers.erasing import Erasing
from services.profile.handlers.intake import own_customer_id
from services.profile.ports.privacy import Asker
from services.profile.settings import Settings
from services.profile.store import PostgresProfileStore
from tests.support.brokers import Broker
from tests.support.postgres import Database
from tests.support.profile_events import a_history, a_voucher, card
from tests.support.profile_running import migrated, settings_for

ASKER = Asker(key_id="privacy-officer", roles="privacy")
_PATIENCE_SECONDS = 120.0


@dataclass
class LiveProfile:
    """One worker that runs, and what may be asked of it from outside."""

    settings: Settings
    parts: Parts
    database: Database
    working: "asyncio.Task[None]"
    stopping: asyncio.Event

    async def stop(self) -> None:
        """End the worker; its tables and topics stay."""
        self.stopping.set()
        await self.working

    async def send(self, events: Sequence[Event], *, at_once: int = 50) -> None:
        """Put events on their topics, some at a time."""
        producer = Producer(self.settings.stream("test"))
        messages = [OutboxMessage.of(event, TOPIC_OF_TYPE[event.type]) for event in events]
        for first in range(0, len(messages), at_once):
            assert set(await producer.send_many(messages[first : first + at_once])) == {None}
        await producer.stop()

    async def applied(self, records: int) -> None:
        """Wait until at least so many records are."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while await self.stands_at() < records:
                await self._look_again()

    async def stands_at(self, schema: str = "profile") -> int:
        """How many records are applied in a schema, which need not be made yet."""
        (made,) = await self.rows("SELECT to_regclass('offsets') IS NOT NULL AS made", schema=schema)
        if not made["made"]:
            return 0
        (stands,) = await self.rows("SELECT coalesce(sum(next_offset), 0)::int AS records FROM offsets", schema=schema)
        return int(stands["records"])

    async def at_rest(self) -> None:
        """Wait until everything that is on the topics is applied, folded, published, and of the forgotten nothing is left."""
        async with asyncio.timeout(_PATIENCE_SECONDS), Cluster(self.settings.stream("test")) as cluster:
            names = [topic.name for topic in WORKER_TOPICS]
            while not await self._stands_at(await cluster.end_offsets(names), await cluster.incarnation()):
                await self._look_again()

    async def rows(self, sql: str, *arguments: Any, schema: str = "profile") -> list[dict[str, Any]]:
        """As the superuser, in any schema."""
        connection = await asyncpg.connect(self.database.url().replace("+asyncpg", ""))
        try:
            await connection.execute(f'SET search_path TO "{schema}"')
            return [dict(row) for row in await connection.fetch(sql, *arguments)]
        finally:
            await connection.close()

    async def run(self, statements: str) -> None:
        """As the superuser."""
        connection = await asyncpg.connect(self.database.url().replace("+asyncpg", ""))
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    async def published(self) -> Mapping[tuple[str, int], int]:
        """How much lies on every topic that profile writes about somebody."""
        names = [topic.name for topic in TOPICS if "profile" in topic.writers and topic is not PROFILE_PROGRESS]
        async with Cluster(self.settings.stream("test")) as cluster:
            return await cluster.end_offsets(names)

    async def erase(self, customer_id: str) -> None:
        """As the API does it for ASKER."""
        erasing = Erasing(self.parts.transactions, PostgresProfileStore, self.parts.clock, play_mode=False)
        await erasing.erase(customer_id, ASKER)

    async def checkpoint(self, path: Path) -> CheckpointHeader:
        parts = assemble_job(self.settings.model_copy(update={"checkpoint_file": path}), "checkpoint")
        try:
            return await take_checkpoint(parts)
        finally:
            await parts.engine.dispose()

    async def rebuild_settings(self, name: str, checkpoint: Path | None = None) -> Settings:
        """Settings of a rebuild whose schema the superuser has made."""
        await self.rows(f"CREATE SCHEMA IF NOT EXISTS profile_rebuild_{name} AUTHORIZATION usual_profile")
        return self.settings.model_copy(update={"rebuild_name": name, "rebuild_from": checkpoint})

    async def rebuild(self, name: str, checkpoint: Path | None = None) -> Comparison:
        return await rebuilt(await self.rebuild_settings(name, checkpoint))

    async def _look_again(self) -> None:
        await rest(0.05)

    async def _stands_at(self, ends: Any, incarnation: str) -> bool:
        async with self.parts.transactions.begin() as tx:
            stored = await stored_offsets(tx, WORKER_GROUP, incarnation)
        (waits,) = await self.rows("""
            SELECT EXISTS (SELECT FROM dirty_customers) OR EXISTS (SELECT FROM erasures WHERE NOT swept)
                OR EXISTS (SELECT FROM outbox) AS waits
        """)
        return not waits["waits"] and all(stored.get(place, 0) == end for place, end in ends.items())


async def rest(seconds: float) -> None:
    """Let the others work."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)


async def rebuilt(settings: Settings) -> Comparison:
    """One run of the role, in this process."""
    rebuild = Rebuild(settings)
    try:
        return await rebuild.run()
    finally:
        await rebuild.close()


@asynccontextmanager
async def live_profile(database: Database, broker: Broker) -> AsyncIterator[LiveProfile]:
    """A worker from here to the end of the block, or to `stop`; what it fails of is raised."""
    settings = settings_for(
        database, kafka_bootstrap=broker.bootstrap, kafka_idempotence=broker.idempotence, play_mode=False
    )
    await migrated(settings)
    topics = [replace(topic, partitions=min(topic.partitions, 3)) for topic in TOPICS]
    await ensure_topics(settings.stream("test"), topics)
    parts, stopping = assemble(settings, "api"), asyncio.Event()
    working = asyncio.create_task(run_until_stopped(worker_of(assemble(settings, "worker")), stopping))
    live = LiveProfile(settings, parts, database, working, stopping)
    try:
        yield live
    finally:
        await live.stop()
        await parts.engine.dispose()


def a_crowd(seed: int, *, people: int = 25, receipts: int = 240) -> list[Event]:
    """A history with vouchers for those who have bought."""
    vouchers = [a_voucher(f"v{n}", own_customer_id(card(n % people).key), day=60.0) for n in range(people)]
    return [*a_history(seed, people=people, receipts=receipts), *vouchers]


def halves(events: Sequence[Event]) -> Iterator[list[Event]]:
    """The first and the second half."""
    middle = len(events) // 2
    yield list(events[:middle])
    yield list(events[middle:])

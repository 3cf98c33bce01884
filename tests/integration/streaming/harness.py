"""A small ledger service on the real streaming and persistence code: the laws of delivery are stated on it."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from libs.common.clock import SystemClock
from libs.common.contracts import Event, Topic
from libs.common.persistence import (
    Backoff,
    OutboxMessage,
    RelayMetrics,
    RelayRuntime,
    Sender,
    Timeouts,
    Transaction,
    Transactions,
    append,
    make_engine,
    run_migrations,
)
from libs.common.streaming import (
    Batch,
    BatchHandler,
    Cluster,
    Consumer,
    Producer,
    StreamMetrics,
    StreamRuntime,
    StreamSettings,
    Subscription,
    ensure_topics,
)
from libs.common.streaming.batch import OwnershipListener
from libs.common.streaming.memory import MemoryBroker, MemorySender, MemorySource
from libs.common.streaming.source import RecordSource
from libs.common.streaming.worker import Part
from tests.support.brokers import Broker, unique

SCHEMA = "inventory"
PATIENCE_SECONDS = 120.0
MIGRATIONS = "tests.integration.streaming.ledger_migrations"


def stream_settings(broker: Broker, **changes: object) -> StreamSettings:
    """Settings for the broker under test, with a short session so that takeovers are quick."""
    defaults: dict[str, object] = {
        "bootstrap": broker.bootstrap,
        "idempotence": broker.idempotence,
        "session_timeout_seconds": 6.0,
        "heartbeat_seconds": 1.0,
        "poll_seconds": 0.05,
        "fetch_max_wait_ms": 50,
    }
    return StreamSettings.model_validate({**defaults, **changes})


def quick_backoff(seed: int = 7) -> Backoff:
    return Backoff(random=Random(seed), base_seconds=0.01, cap_seconds=0.2)


@dataclass
class Ledger:
    """One test's database, topics and parts."""

    settings: StreamSettings
    transactions: Transactions
    topic: Topic
    output: Topic
    producer: Producer
    cluster: Cluster
    memory: MemoryBroker | None = None
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    group: str = field(default_factory=lambda: unique("ledger"))
    side_by_side: int = 1

    def __post_init__(self) -> None:
        self.stream_metrics = StreamMetrics(self.registry)
        self.relay_metrics = RelayMetrics(self.registry)

    def runtime(self, owner: str = "owner") -> StreamRuntime:
        return StreamRuntime(
            settings=self.settings,
            transactions=self.transactions,
            clock=SystemClock(),
            metrics=self.stream_metrics,
            backoff=quick_backoff(),
            owner=owner,
            look_seconds=0.5,
        )

    def relays(self, sender: Sender | None = None, **changes: int) -> RelayRuntime:
        return RelayRuntime(
            transactions=self.transactions,
            sender=sender or self.producer,
            clock=SystemClock(),
            metrics=self.relay_metrics,
            backoff=quick_backoff(),
            idle_seconds=0.01,
            **changes,
        )

    def consumer(
        self,
        handler: BatchHandler | None = None,
        *,
        runtime: StreamRuntime | None = None,
        source: RecordSource | None = None,
        on_ownership_lost: OwnershipListener | None = None,
        **subscription: object,
    ) -> Consumer:
        """A consumer of the input topic that notes effects, unless told otherwise."""
        defaults: dict[str, object] = {"group": self.group, "topics": (self.topic,), "side_by_side": self.side_by_side}
        if source is None and self.memory is not None:
            source = self.memory_source()
        return Consumer(
            runtime or self.runtime(),
            Subscription(**{**defaults, **subscription}),  # type: ignore[arg-type]  # the dataclass checks its keywords
            handler or note_effects,
            source=source,
            on_ownership_lost=on_ownership_lost,
        )

    def memory_source(self, *, batch_max_records: int = 500) -> MemorySource:
        assert self.memory is not None
        return MemorySource(
            self.memory, group=self.group, topics=[self.topic.name], batch_max_records=batch_max_records
        )

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry `labels`."""
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def publish(self, events: Iterable[Event]) -> None:
        """Send and insist on every acknowledgement."""
        await self.publish_messages([OutboxMessage.of(event, self.topic) for event in events])

    async def publish_messages(self, messages: Sequence[OutboxMessage]) -> None:
        sender: Sender = self.producer if self.memory is None else MemorySender(self.memory)
        outcomes = await sender.send_many(messages)
        assert [outcome for outcome in outcomes if outcome is not None] == []

    async def publish_raw(
        self, key: str | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        """One record with any bytes."""
        named = None if key is None else key.encode()
        await self.publish_messages([OutboxMessage(topic=self.topic.name, key=named, headers=headers, value=value)])

    async def applied(self, count: int) -> bool:
        """Whether that many effects are there."""
        return (await self.query("SELECT count(*) FROM effects"))[0][0] == count

    async def effects(self) -> Counter[str]:
        """How often each event had its effect, by event id without its source."""
        rows = await self.query("SELECT event_id FROM effects")
        return Counter(str(row[0]).rpartition("#")[2] for row in rows)

    async def query(self, sql: str, **parameters: object) -> Sequence[Sequence[object]]:
        async with self.transactions.begin() as tx:
            return [tuple(row) for row in await tx.connection.execute(text(sql), parameters)]

    async def published(self, topic: Topic) -> list[tuple[str, int, str]]:
        """Everything on `topic` as (key, partition, event id or body), in log order per partition."""
        ends = await self.cluster.end_offsets([topic.name])
        reader = AIOKafkaConsumer(bootstrap_servers=self.settings.bootstrap, auto_offset_reset="earliest")
        await reader.start()
        found: list[tuple[str, int, str]] = []
        try:
            parts = [KafkaPartition(*name) for name, end in ends.items() if end]
            reader.assign(parts)
            for part in parts:
                reader.seek(part, 0)
            while parts and any([await reader.position(part) < ends[part.topic, part.partition] for part in parts]):
                for part, records in (await reader.getmany(timeout_ms=200)).items():
                    for record in records:
                        headers = dict(record.headers)
                        named = headers.get("ce_id", record.value or b"").decode()
                        found.append((record.key.decode(), part.partition, named))
        finally:
            await reader.stop()
        return found


async def note_effects(tx: Transaction, batch: Batch) -> None:
    """The ledger's handler: one effect per event."""
    if batch.events:
        await tx.connection.execute(
            text("INSERT INTO effects (event_id, item_id, partition) VALUES (:event_id, :item_id, :partition)"),
            [
                {"event_id": event.event_id, "item_id": event.partition_key, "partition": batch.partition.partition}
                for event in batch.events
            ],
        )


def forwarding(output: Topic) -> BatchHandler:
    """Note the effects and put one event per effect on the way to `output`."""

    async def handler(tx: Transaction, batch: Batch) -> None:
        await note_effects(tx, batch)
        await append(tx, [OutboxMessage.of(event, output) for event in batch.events])

    return handler


def a_topic(name: str, *, partitions: int = 4, compacted: bool = False) -> Topic:
    return Topic(
        name=unique(name),
        owner="laws",
        key="item",
        types=("usual.stock.moved.v1",),
        description="A topic of one test.",
        partitions=partitions,
        compacted=compacted,
    )


@contextlib.asynccontextmanager
async def open_ledger(broker: Broker, url: str, *, partitions: int = 4, **changes: Any) -> AsyncIterator[Ledger]:
    """A ledger with fresh topics on `broker` and migrated tables at `url`."""
    settings = stream_settings(broker, **changes)
    topic, output = a_topic("laws.in", partitions=partitions), a_topic("laws.out", partitions=partitions)
    await ensure_topics(settings, [topic, output])
    engine = make_engine(url, schema=SCHEMA, application_name="laws", timeouts=Timeouts.worker(), pool_size=12)
    await run_migrations(engine, MIGRATIONS, SCHEMA)
    producer, cluster = Producer(settings), Cluster(settings)
    try:
        yield Ledger(settings, Transactions(engine, SCHEMA), topic, output, producer, cluster)
    finally:
        await producer.stop()
        await cluster.close()
        await engine.dispose()


@contextlib.asynccontextmanager
async def memory_ledger(url: str, *, partitions: int = 4, compacted: bool = False) -> AsyncIterator[Ledger]:
    """The same on a broker in memory, for laws that no broker changes."""
    topic = a_topic("laws.in", partitions=partitions, compacted=compacted)
    output = a_topic("laws.out", partitions=partitions)
    settings = StreamSettings(bootstrap="nowhere:1")
    memory = MemoryBroker(dict.fromkeys((topic.name, output.name), partitions))
    engine = make_engine(url, schema=SCHEMA, application_name="laws", timeouts=Timeouts.worker(), pool_size=12)
    await run_migrations(engine, MIGRATIONS, SCHEMA)
    try:
        yield Ledger(
            settings, Transactions(engine, SCHEMA), topic, output, Producer(settings), Cluster(settings), memory
        )
    finally:
        await engine.dispose()


@contextlib.asynccontextmanager
async def running(*parts: Part) -> AsyncIterator[None]:
    """Run the parts during the block; what one of them raises is raised at its end."""
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for part in parts:
            part.stop()
        await asyncio.gather(*tasks)


async def until(condition: Callable[[], object]) -> None:
    """Wait for an (async) condition; raises TimeoutError when it hangs, and not when the machine is slow."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.05)  # noqa: TID251  # the test waits for other processes

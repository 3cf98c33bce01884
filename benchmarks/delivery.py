"""What exactly once in effect costs: the same log read plainly, and through the consumer into PostgreSQL."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from prometheus_client import CollectorRegistry
from sqlalchemy import text

from benchmarks.report import Figure
from libs.common.clock import SystemClock
from libs.common.contracts import Topic, decode, new_event
from libs.common.contracts.stock import StockDelivered
from libs.common.persistence import (
    Backoff,
    OutboxMessage,
    Timeouts,
    Transaction,
    Transactions,
    make_engine,
    run_migrations,
)
from libs.common.streaming import (
    Batch,
    Consumer,
    Producer,
    StreamMetrics,
    StreamRuntime,
    StreamSettings,
    Subscription,
    ensure_topics,
)
from libs.common.streaming.reader import TopicReader
from libs.laptop.embedded_broker import EmbeddedBroker
from libs.laptop.embedded_postgres import EmbeddedPostgres

EVENTS = 20_000
ROUNDS = 3
SCHEMA = "inventory"
_ADD = text("""
    INSERT INTO delivered (item_id, pieces)
    SELECT item_id, sum(pieces) FROM unnest(CAST(:item_ids AS text[]), CAST(:pieces AS bigint[])) AS added (item_id, pieces)
    GROUP BY item_id ORDER BY item_id
    ON CONFLICT (item_id) DO UPDATE SET pieces = delivered.pieces + excluded.pieces
""")


@dataclass(frozen=True, slots=True)
class Bench:
    """The servers and the log that both ways read."""

    settings: StreamSettings
    transactions: Transactions
    topic: Topic

    async def plainly(self) -> float:
        """Events a second when they are only fetched and decoded."""
        began, seen = time.perf_counter(), 0
        async with TopicReader(self.settings, [self.topic.name]) as reader:
            while seen < EVENTS:
                for record in await reader.read():
                    decode(record.headers, record.value)
                    seen += 1
        return EVENTS / (time.perf_counter() - began)

    async def durably(self, group: str, *, deduplicate: bool) -> float:
        """Events a second from the first to the last commit of state, offset and (if asked) inbox."""
        clock, seen = SystemClock(), 0
        began = ended = 0.0

        async def handler(tx: Transaction, batch: Batch) -> None:
            nonlocal seen, began, ended
            began = began or time.perf_counter()
            rows = [event.data for event in batch.events if isinstance(event.data, StockDelivered)]
            await tx.connection.execute(
                _ADD, {"item_ids": [row.item_id for row in rows], "pieces": [int(row.quantity) for row in rows]}
            )
            seen += len(rows)
            ended = time.perf_counter()
            if seen >= EVENTS:
                consumer.stop()

        consumer = Consumer(
            StreamRuntime(
                settings=self.settings,
                transactions=self.transactions,
                clock=clock,
                metrics=StreamMetrics(CollectorRegistry()),
                backoff=Backoff(random=Random(1)),
                owner="bench",
            ),
            Subscription(group=group, topics=(self.topic,), deduplicate=deduplicate),
            handler,
        )
        await consumer.run()
        return EVENTS / (ended - began)


async def measure(folder: Path) -> Sequence[Figure]:
    """Both ways in turn, several rounds, on servers of their own."""
    broker, postgres = EmbeddedBroker(folder / "broker"), EmbeddedPostgres(folder / "postgres")
    settings = StreamSettings(bootstrap=await broker.start(), idempotence=broker.idempotence, fetch_max_wait_ms=20)
    await postgres.start()
    engine = make_engine(postgres.url(SCHEMA), schema=SCHEMA, application_name="bench", timeouts=Timeouts.worker())
    try:
        bench = await _prepare(settings, Transactions(engine, SCHEMA))
        rates: dict[str, list[float]] = {
            "fetched and decoded, nothing kept": [],
            "state and offset in one transaction": [],
            "state, offset and inbox in one transaction": [],
        }
        for round_no in range(ROUNDS):
            found = (
                await bench.plainly(),
                await bench.durably(f"bench-{round_no}", deduplicate=False),
                await bench.durably(f"bench-inbox-{round_no}", deduplicate=True),
            )
            for name, rate in zip(rates, found, strict=True):
                rates[name].append(rate)
    finally:
        await engine.dispose()
        await postgres.stop()
        await broker.stop()
    return [Figure(name, tuple(found), "events") for name, found in rates.items()]


async def _prepare(settings: StreamSettings, transactions: Transactions) -> Bench:
    topic = Topic(name="bench.in", owner="bench", key="item", types=(), description="", partitions=4)
    await ensure_topics(settings, [topic])
    await run_migrations(transactions.engine, "services.inventory.migrations", SCHEMA)
    async with transactions.begin() as tx:
        await tx.connection.execute(text("CREATE TABLE delivered (item_id text PRIMARY KEY, pieces bigint NOT NULL)"))
    producer = Producer(settings)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for start in range(0, EVENTS, 1_000):
        bodies = [
            StockDelivered.model_validate({"store_id": "1", "item_id": f"item-{n % 500}", "quantity": "1"})
            for n in range(start, start + 1_000)
        ]
        events = [
            new_event(body, event_id=f"{start + n}", source="urn:bench", occurred_at=at)
            for n, body in enumerate(bodies)
        ]
        await producer.send_many([OutboxMessage.of(event, topic) for event in events])
    await producer.stop()
    return Bench(settings, transactions, topic)


def run() -> Sequence[Figure]:
    """Measure in a temporary folder."""
    with TemporaryDirectory() as folder:
        return asyncio.run(measure(Path(folder)))

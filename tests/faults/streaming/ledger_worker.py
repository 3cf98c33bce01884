"""A worker process to kill and to pause: consumer and relay of the ledger, until SIGTERM."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from libs.common.clock import SystemClock
from libs.common.contracts import Topic
from libs.common.persistence import (
    OutboxRelay,
    RelayMetrics,
    RelayRuntime,
    Timeouts,
    Transaction,
    Transactions,
    make_engine,
)
from libs.common.streaming import (
    Batch,
    Consumer,
    Producer,
    StreamMetrics,
    StreamRuntime,
    StreamSettings,
    Subscription,
    Worker,
    run_until_stopped,
    stop_on_signals,
)
from tests.integration.streaming.harness import SCHEMA, forwarding, quick_backoff

QUICK = Timeouts(statement_ms=5_000, lock_ms=1_000, idle_in_transaction_ms=3_000)


class Order(BaseModel):
    """What one worker is started with."""

    stream: StreamSettings
    database_url: str
    topic: str
    output: str
    group: str
    owner: str
    deduplicate: bool = False
    linger_at: str = ""
    """Where to linger once: "" nowhere, "before" or "inside" the transaction."""
    marker: str = ""
    """The file that says "here I linger"; taken away, it lets the worker go on."""


@dataclass
class Linger:
    """Stays at one place, once, and says so: the moment to be paused or killed; goes on when the marker is taken away."""

    marker: Path
    armed: bool = field(default=True)

    async def here(self) -> None:
        if self.armed:
            self.armed = False
            self.marker.write_text("here")
            while self.marker.exists():  # noqa: ASYNC110 - another process takes it away
                await asyncio.sleep(0.02)  # noqa: TID251 - see above


class LingeringTransactions(Transactions):
    """Lingers before each transaction that moves an offset."""

    linger: Linger | None = None
    begun = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        self.begun += 1
        if self.linger and self.begun > 3:  # the first ones claim
            await self.linger.here()
        async with super().begin() as tx:
            yield tx


def _topic(name: str) -> Topic:
    return Topic(name=name, owner="laws", key="item", types=(), description="A topic of one test.")


async def main(order: Order) -> None:
    engine = make_engine(order.database_url, schema=SCHEMA, application_name=order.owner, timeouts=QUICK, pool_size=4)
    registry, clock = CollectorRegistry(), SystemClock()
    transactions = LingeringTransactions(engine, SCHEMA)
    linger = Linger(Path(order.marker)) if order.marker else None
    transactions.linger = linger if order.linger_at == "before" else None
    forward = forwarding(_topic(order.output))

    async def handler(tx: Transaction, batch: Batch) -> None:
        await forward(tx, batch)
        if linger and order.linger_at == "inside":
            await linger.here()

    producer = Producer(order.stream)
    consumer = Consumer(
        StreamRuntime(
            settings=order.stream,
            transactions=transactions,
            clock=clock,
            metrics=StreamMetrics(registry),
            backoff=quick_backoff(),
            owner=order.owner,
        ),
        Subscription(group=order.group, topics=(_topic(order.topic),), deduplicate=order.deduplicate),
        handler,
    )
    relay = OutboxRelay(
        RelayRuntime(
            transactions=Transactions(engine, SCHEMA),
            sender=producer,
            clock=clock,
            metrics=RelayMetrics(registry),
            backoff=quick_backoff(),
        )
    )
    stop = asyncio.Event()
    with stop_on_signals(stop):
        await run_until_stopped(Worker(first=[consumer], last=[relay], producer=producer, engine=engine), stop)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main(Order.model_validate_json(sys.argv[1])))

"""How soon a sale at a till is a command on the topic, the worker running live over a broker and PostgreSQL; and what a line costs."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
from sqlalchemy import text

from benchmarks.inventory.filling import Chain, fill
from benchmarks.inventory.rejecting import pause, reject, show_rejections
from benchmarks.profile.running import cpu_seconds
from libs.common.clock import SystemClock
from libs.common.contracts import TOPICS, Event, decode, new_event
from libs.common.contracts.inventory import Command
from libs.common.contracts.pos import Sale
from libs.common.contracts.topics import INGEST_POS, INVENTORY_COMMANDS
from libs.common.contracts.values import ReceiptLine
from libs.common.persistence import OutboxMessage, Timeouts, make_engine
from libs.common.streaming import Producer, StreamSettings, ensure_topics
from libs.common.streaming.reader import TopicReader
from libs.laptop.child import free_port, spawn
from libs.laptop.embedded_broker import EmbeddedBroker
from libs.laptop.embedded_postgres import EmbeddedPostgres
from libs.laptop.launch import Keys, Service, Surroundings

BAR_SECONDS = 1.0
SALES_PER_SECOND = 40.0
"""More than `make demo` sends: four weeks of 188 stores in a few minutes."""

_DATABASE = "reacting"
_STORES = 4
_REJECTED = 300
_PATIENCE_SECONDS = 60.0
_AT_THE_TRIGGER = text("""
    UPDATE stock SET on_hand_milli = levels.trigger_milli, counted_milli = levels.trigger_milli, counted_at = :now
    FROM (SELECT item_id, unnest(store_ids) AS store_id, unnest(trigger_milli) AS trigger_milli FROM plans) AS levels
    WHERE (stock.item_id, stock.store_id) = (levels.item_id, levels.store_id)
""")

_SECOND_LANE = text("""
    INSERT INTO lanes (lane_id, supplier_id, store_id, lead_time_hours, order_weekdays, occurred_at, event_id, rank)
    VALUES ('second', 'second', '*', 73, '{0,1,2,3,4,5,6}', :now, 'fill', 1)
""")
"""Who is asked when the first says no."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """From handing a sale to the broker until its command was read; CPU per sale."""

    seconds: Sequence[float]
    sales: int
    worker_cpu_us: float
    postgres_cpu_us: float
    replanned_seconds: Sequence[float]
    """From handing a rejection to the broker until the next command for that need was read."""


async def react(folder: Path, server: EmbeddedPostgres, sales: int) -> Reaction:
    """Each sale is the first of its item since its shelf stood at the trigger."""
    broker, keys = EmbeddedBroker(folder / "broker"), Keys(folder)
    keys.make()
    settings = StreamSettings(bootstrap=await broker.start(), idempotence=broker.idempotence)
    port = free_port()
    try:
        await ensure_topics(settings, [replace(topic, partitions=min(topic.partitions, 2)) for topic in TOPICS])
        url = await _prepared(server, sales)
        surroundings = Surroundings(bootstrap=broker.bootstrap, idempotence=broker.idempotence, keys=keys, play=False)
        environment = surroundings.environment(url, port) | {"USUAL_ORDER_LINE_CENTS": "0"}
        service = Service("inventory", "worker")
        worker = spawn(service.name, service.argv, log=folder / "worker.log", env=environment)
        try:
            await _sold(settings, [_sale("warm", 0)])
            await _heard(settings, 1)
            before = cpu_seconds(worker), cpu_seconds(server.child)
            seconds, given = await _timed(settings, sales)
            after = cpu_seconds(worker), cpu_seconds(server.child)
            replanned = await reject(settings, given[:_REJECTED])
        finally:
            await worker.stop()
    finally:
        await broker.stop()
    worker_us, postgres_us = ((end - begin) / sales * 1e6 for begin, end in zip(before, after, strict=True))
    return Reaction(seconds, sales, worker_us, postgres_us, replanned)


def show_reaction(found: Reaction) -> None:
    """Print it beside the bar."""
    middle, late = np.quantile(found.seconds, [0.5, 0.99])
    print(
        f"  sale to command at {SALES_PER_SECOND:.0f} sales a second: p50 {middle:.2f} s, p99 {late:.2f} s (bar {BAR_SECONDS:.0f}); "
        f"{len(found.seconds)} of {found.sales} answered; a sale costs the worker {found.worker_cpu_us:.0f} us, "
        f"PostgreSQL {found.postgres_cpu_us:.0f} us of CPU, its review and command in it"
    )
    show_rejections(found.replanned_seconds, min(len(found.seconds), _REJECTED))


async def _prepared(server: EmbeddedPostgres, sales: int) -> str:
    """A chain whose last day is closed, every shelf at its trigger, nothing left to review."""
    await server.make_database(_DATABASE)
    url = server.url("inventory", database=_DATABASE)
    today = SystemClock().now().replace(hour=0, minute=0, second=0, microsecond=0)
    await fill(url, Chain(_STORES, sales + 1, today, 3))
    await _night(url, today, "close")
    engine = make_engine(url, schema="inventory", application_name="bench", timeouts=Timeouts.migrate())
    async with engine.begin() as connection:
        await connection.execute(_AT_THE_TRIGGER, {"now": today + timedelta(minutes=1)})
        await connection.execute(_SECOND_LANE, {"now": today})
    await engine.dispose()
    await _night(url, SystemClock().now(), "review")
    return url


async def _night(url: str, until: datetime, what: str) -> None:
    argv = [sys.executable, "-m", "benchmarks.inventory.night", url, until.isoformat(), what]
    started = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    await started.communicate(b"go\n")
    if started.returncode:
        raise ValueError(f"the {what} failed")


async def _timed(settings: StreamSettings, sales: int) -> tuple[Sequence[float], Sequence[Command]]:
    """Send at a steady pace while reading; the seconds of every sale that became a command, and these commands."""
    sent: dict[str, float] = {}

    async def send() -> None:
        producer = Producer(settings)
        began = time.perf_counter()
        for number in range(1, sales + 1):
            wait = began + number / SALES_PER_SECOND - time.perf_counter()
            if wait > 0:
                await pause(wait)
            sent[_item(number)] = time.perf_counter()
            await producer.send_many([OutboxMessage.of(_sale(f"r{number}", number), INGEST_POS)])
        await producer.stop()

    sending = asyncio.create_task(send())
    heard = await _heard(settings, sales + 1)
    await sending
    answered = [(at - sent[item_id], command) for item_id, (at, command) in heard.items() if item_id in sent]
    return [seconds for seconds, _ in answered], [command for _, command in answered]


async def _sold(settings: StreamSettings, events: Sequence[Event]) -> None:
    producer = Producer(settings)
    await producer.send_many([OutboxMessage.of(event, INGEST_POS) for event in events])
    await producer.stop()


async def _heard(settings: StreamSettings, items: int) -> Mapping[str, tuple[float, Command]]:
    """When each item's first command was read, and the command, until so many items have one or patience ends."""
    first: dict[str, tuple[float, Command]] = {}
    deadline = time.perf_counter() + _PATIENCE_SECONDS
    async with TopicReader(settings, [INVENTORY_COMMANDS.name]) as reader:
        while len(first) < items and time.perf_counter() < deadline:
            records = await reader.read()
            now = time.perf_counter()
            for record in records:
                fact = decode(record.headers, record.value).data if record.value else None
                if isinstance(fact, Command):
                    first.setdefault(fact.item_id, (now, fact))
    return first


def _item(number: int) -> str:
    return f"i{number:06}"


def _sale(name: str, number: int) -> Event:
    line = ReceiptLine(line_no=1, item_id=_item(number), quantity=Decimal(1), amount_cents=100)
    sale = Sale(receipt_id=name, store_id="s0001", currency="EUR", lines=(line,), total_cents=100)
    now = SystemClock().now().astimezone(UTC)
    return new_event(sale, event_id=name, source="urn:bench:till", occurred_at=now, received_at=now)

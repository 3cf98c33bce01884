"""A broker that goes away, hangs or comes back with an empty log: every call ends, nothing is mistaken for success."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import OutOfOrderSequenceNumber

from libs.common.persistence import OutboxMessage, OutboxRelay, unsent
from libs.common.streaming import (
    BrokerUnavailable,
    Producer,
    SendTooLarge,
    SendUnknown,
    StreamSettings,
    ensure_topics,
)
from libs.laptop.embedded_broker import EmbeddedBroker
from tests.integration.streaming.harness import (
    PATIENCE_SECONDS,
    Ledger,
    a_topic,
    forwarding,
    open_ledger,
    running,
    stream_settings,
    until,
)
from tests.support.brokers import Broker
from tests.support.postgres import Database
from tests.support.stopwatch import stopwatch
from tests.unit.streaming.builders import movement

QUICK: dict[str, Any] = {"call_deadline_seconds": 1.0, "stop_deadline_seconds": 2.0}
SOON: dict[str, Any] = {"call_deadline_seconds": 5.0, "stop_deadline_seconds": 2.0}
"""As long as a broker that is there may need on a busy machine."""


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[EmbeddedBroker]:
    """A broker of this test's own."""
    broker = EmbeddedBroker(tmp_path / "broker")
    await broker.start()
    yield broker
    await broker.stop()


async def _send(producer: Producer, topic: str, number: int) -> None:
    event = movement(number)
    await producer.send(topic, key=event.partition_key.encode(), headers=event.headers(), value=event.body())


async def test_an_acknowledged_send_is_in_the_log_where_every_client_looks_for_its_key(
    broker: Broker, database: Database
) -> None:
    async with open_ledger(broker, database.url("inventory")) as ledger:
        for number in range(20):
            await _send(ledger.producer, ledger.topic.name, number)
        await ledger.publish(movement(number) for number in range(20))
        found = await ledger.published(ledger.topic)
        assert Counter(event_id for _, _, event_id in found) == {f"event-{number}": 2 for number in range(20)}
        homes = {(key, partition) for key, partition, _ in found}
        assert len(homes) == 20, "single sends and batches disagree about a key's partition"


async def test_too_large_is_found_before_anything_is_sent() -> None:
    producer = Producer(StreamSettings(bootstrap="127.0.0.1:1"))
    with pytest.raises(SendTooLarge):
        await producer.send("t", key=b"k", headers=(), value=b"x" * 900_001)


async def test_no_broker_at_all_is_said_within_the_deadline() -> None:
    producer = Producer(StreamSettings(bootstrap="127.0.0.1:1", **QUICK))
    with stopwatch() as watch:
        with pytest.raises(BrokerUnavailable):
            await producer.send("t", key=b"k", headers=(), value=b"x")
        assert watch.seconds < 3
    await producer.stop()


async def test_a_hanging_broker_makes_a_send_unknown_and_a_stop_short(mortal: EmbeddedBroker) -> None:
    settings, topic = stream_settings(mortal, **(QUICK | {"call_deadline_seconds": 2.0})), a_topic("t")
    await ensure_topics(settings, [topic])
    producer = Producer(settings)
    await _send(producer, topic.name, 1)
    mortal.child.process.send_signal(signal.SIGSTOP)
    try:
        with stopwatch() as watch:
            with pytest.raises(SendUnknown):
                await _send(producer, topic.name, 2)
            outcomes = await producer.send_many([OutboxMessage.of(movement(3), topic)])
            assert [type(outcome) for outcome in outcomes] == [SendUnknown]
            await producer.stop()
            assert watch.seconds < 8
    finally:
        mortal.child.process.send_signal(signal.SIGCONT)


async def test_a_producer_with_a_broken_sequence_is_replaced(mortal: EmbeddedBroker) -> None:
    class Broken:
        """What was seen in the field: every send fails until the producer is another one."""

        _sender = None

        async def send(self, *_: object, **__: object) -> None:
            raise OutOfOrderSequenceNumber

        async def stop(self) -> None:
            """Nothing to flush."""

    settings, topic = stream_settings(mortal), a_topic("t")
    await ensure_topics(settings, [topic])
    producer = Producer(settings)
    producer._producer = Broken()
    with pytest.raises(SendUnknown):
        await _send(producer, topic.name, 1)
    await _send(producer, topic.name, 2)
    await producer.stop()


async def test_while_the_broker_is_away_consumers_stay_healthy_and_stop_in_time(
    mortal: EmbeddedBroker, database: Database
) -> None:
    async with open_ledger(mortal, database.url("inventory"), **SOON) as ledger:
        await ledger.publish(movement(number) for number in range(50))
        consumer = ledger.consumer()
        run = asyncio.create_task(consumer.run())
        await until(lambda: ledger.applied(50))
        await mortal.kill()
        await asyncio.sleep(3.0)  # noqa: TID251  # several looks of the watchdog
        assert await consumer.healthy()
        assert not run.done()
        with stopwatch() as watch:
            consumer.stop()
            await asyncio.wait_for(run, PATIENCE_SECONDS)
            assert watch.seconds < 10


async def test_a_broker_that_comes_back_empty_gets_read_from_its_start_and_the_outbox_drains(
    mortal: EmbeddedBroker, database: Database
) -> None:
    async with open_ledger(mortal, database.url("inventory"), **SOON) as ledger:
        consumer = ledger.consumer(forwarding(ledger.output), deduplicate=True)
        async with running(consumer, OutboxRelay(ledger.relays())):
            await ledger.publish(movement(number) for number in range(200))
            await until(lambda: ledger.applied(200))
            await mortal.kill()
            await mortal.start()
            await ensure_topics(ledger.settings, [ledger.topic, ledger.output])
            await until(lambda: _published(ledger, range(150, 260)))
            await until(lambda: ledger.applied(260))
            await until(lambda: _drained(ledger))
        assert set((await ledger.effects()).values()) == {1}
        incarnations = await ledger.query("SELECT count(DISTINCT incarnation) FROM offsets")
        assert incarnations == [(2,)]


async def _published(ledger: Ledger, numbers: range) -> bool:
    outcomes = await ledger.producer.send_many([OutboxMessage.of(movement(number), ledger.topic) for number in numbers])
    return not any(outcomes)


async def _drained(ledger: Ledger) -> bool:
    async with ledger.transactions.begin() as tx:
        return await unsent(tx) == 0


async def test_the_end_of_every_log_is_known_exactly(broker: Broker, database: Database) -> None:
    async with open_ledger(broker, database.url("inventory"), partitions=3) as ledger:
        assert set((await ledger.cluster.end_offsets([ledger.topic.name])).values()) == {0}
        for size in (10, 1, 25):
            await ledger.publish(movement(number) for number in range(size))
        ends = await ledger.cluster.end_offsets([ledger.topic.name])
        assert (len(ends), sum(ends.values())) == (3, 36)


async def test_topics_are_made_once_and_kept(broker: Broker, database: Database) -> None:
    async with open_ledger(broker, database.url("inventory")) as ledger:
        await ledger.publish([movement(1)])
        await ensure_topics(ledger.settings, [ledger.topic])
        assert sum((await ledger.cluster.end_offsets([ledger.topic.name])).values()) == 1
        assert len(await ledger.cluster.partitions([ledger.topic.dead_letter_name])) == 1

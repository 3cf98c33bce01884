"""Batches of several partitions at once: none waits for another's, none overtakes its own. Real PostgreSQL, a broker in memory."""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from random import Random

import msgspec
import pytest

from libs.common.clock import SystemClock
from libs.common.errors import RetryableError
from libs.common.persistence import Transaction
from libs.common.streaming import Batch, Record, StreamSettings, TopicPartition
from libs.common.streaming.bounded_source import BoundedSource
from libs.common.streaming.memory import MemoryBroker, MemorySource
from tests.integration.streaming.harness import Ledger, memory_ledger, note_effects, running, until
from tests.support.postgres import Database
from tests.unit.streaming.builders import movement

PLACES = 3


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    async with memory_ledger(database.url("inventory"), partitions=8) as opened:
        opened.side_by_side = PLACES
        yield opened


def memory_of(ledger: Ledger) -> MemoryBroker:
    assert ledger.memory is not None
    return ledger.memory


async def test_a_partition_reads_on_while_anothers_batch_is_under_way(ledger: Ledger) -> None:
    await ledger.publish(movement(number) for number in range(100))
    slow, *_ = (partition for partition, log in memory_of(ledger).logs.items() if log)
    others = sum(len(log) for partition, log in memory_of(ledger).logs.items() if partition != slow)
    go_on = asyncio.Event()

    async def note(tx: Transaction, batch: Batch) -> None:
        if batch.partition == slow:
            await go_on.wait()
        await note_effects(tx, batch)

    async with running(ledger.consumer(note, source=ledger.memory_source(batch_max_records=2))):
        try:
            await until(lambda: ledger.applied(others))
        finally:
            go_on.set()
        await until(lambda: ledger.applied(100))


async def test_a_partitions_next_batch_waits_for_the_one_before_also_when_the_group_changes_meanwhile(
    ledger: Ledger,
) -> None:
    await ledger.publish(movement(number) for number in range(200))
    random, under_way, overtaken = Random(5), set[TopicPartition](), list[TopicPartition]()

    async def note(tx: Transaction, batch: Batch) -> None:
        if batch.partition in under_way:
            overtaken.append(batch.partition)
        under_way.add(batch.partition)
        try:
            await note_effects(tx, batch)
            await asyncio.wait({asyncio.create_task(asyncio.Event().wait())}, timeout=random.random() / 50)
            if random.random() < 0.2:
                memory_of(ledger).rebalance(ledger.group)
            if random.random() < 0.1:
                raise RetryableError("away")
        finally:
            under_way.discard(batch.partition)

    async with running(ledger.consumer(note, source=ledger.memory_source(batch_max_records=3))):
        await until(lambda: ledger.applied(200))
    assert not overtaken
    assert await ledger.effects() == Counter(f"event-{number}" for number in range(200))
    assert ledger.metric("stream_offset_conflicts_total") == 0


async def test_a_bug_in_one_batch_ends_all_of_them_uncommitted(ledger: Ledger) -> None:
    await ledger.publish(movement(number) for number in range(100))
    first, *_ = (partition for partition, log in memory_of(ledger).logs.items() if log)

    async def note(tx: Transaction, batch: Batch) -> None:
        await note_effects(tx, batch)
        if batch.partition == first:
            raise ZeroDivisionError
        await asyncio.Event().wait()

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(ledger.consumer(note).run(), 10)
    assert not await ledger.effects()
    gc.collect()  # says what was begun and never awaited


async def test_what_is_under_way_says_how_late_it_comes(ledger: Ledger) -> None:
    class OfLastWeek(MemorySource):
        """Its records were written a week ago."""

        async def poll(
            self, partitions: Collection[TopicPartition] | None = None
        ) -> Mapping[TopicPartition, Sequence[Record]]:
            written_ms = int((SystemClock().now().timestamp() - WEEK_SECONDS) * 1000)
            return {
                partition: [msgspec.structs.replace(record, timestamp_ms=written_ms) for record in records]
                for partition, records in (await super().poll(partitions)).items()
            }

    late = list[float]()

    async def look(tx: Transaction, batch: Batch) -> None:
        late.append(consumer.behind_seconds)
        await note_effects(tx, batch)

    consumer = ledger.consumer(
        look, source=OfLastWeek(memory_of(ledger), group=ledger.group, topics=[ledger.topic.name])
    )
    assert consumer.behind_seconds == 0
    await ledger.publish([movement(1)])
    async with running(consumer):
        await until(lambda: ledger.applied(1))
        assert late == [pytest.approx(WEEK_SECONDS, abs=60)]
        await until(lambda: _true(consumer.behind_seconds == 0))


async def test_a_stretch_of_a_log_is_not_read_to_its_end_while_a_batch_of_it_is_under_way() -> None:
    source = BoundedSource(StreamSettings(bootstrap="127.0.0.1:1", poll_seconds=0.01), {})
    with pytest.raises(AttributeError):  # it is not connected: this is no question of whether all is done
        await source.poll([])
    assert not source.reached.is_set()
    assert await source.poll() == {}
    assert source.reached.is_set()


WEEK_SECONDS = 7 * 86_400.0


async def _true(said: bool) -> bool:  # noqa: FBT001 - what is waited for
    return said

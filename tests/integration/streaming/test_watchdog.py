"""A stuck consumer is noticed; a broker or a database that is away is not blamed on it."""

import asyncio
from dataclasses import replace

from libs.common.persistence import Transaction
from libs.common.streaming import Batch, StreamRuntime
from libs.common.streaming.watchdog import Watchdog
from tests.integration.streaming.harness import Ledger, memory_ledger, note_effects, running, until
from tests.support.postgres import Database
from tests.unit.streaming.builders import movement

SINCE = "stream_offset_progress_timestamp_seconds"


async def test_lag_without_progress_is_unhealthy_until_it_moves_again(database: Database) -> None:
    go_on = asyncio.Event()

    async def frozen(tx: Transaction, batch: Batch) -> None:
        await go_on.wait()
        await note_effects(tx, batch)

    async with memory_ledger(database.url("inventory"), partitions=2) as ledger:
        consumer = ledger.consumer(frozen, runtime=_impatient(ledger))
        async with running(consumer):
            await until(lambda: consumer.owned)
            assert await consumer.healthy()
            await ledger.publish(movement(number) for number in range(20))
            await until(lambda: _unhealthy(consumer.healthy()))
            assert ledger.metric("stream_lag_records") == 20
            go_on.set()
            await until(consumer.healthy)
            await until(lambda: ledger.metric("stream_lag_records") == 0)


async def test_since_when_a_partition_stands_is_told_though_this_process_never_moved_it(database: Database) -> None:
    go_on = asyncio.Event()

    async def frozen(tx: Transaction, batch: Batch) -> None:
        await go_on.wait()
        await note_effects(tx, batch)

    async with memory_ledger(database.url("inventory"), partitions=1) as ledger:
        consumer = ledger.consumer(frozen, runtime=_impatient(ledger))
        async with running(consumer):
            await ledger.publish([movement(1)])
            await until(lambda: _unhealthy(consumer.healthy()))
            since = ledger.metric(SINCE)
            await asyncio.sleep(0.2)  # noqa: TID251  # some looks
            later = ledger.metric(SINCE)
            go_on.set()
            assert later == since > 0
            await until(lambda: ledger.metric(SINCE) > since)


async def test_of_a_partition_that_is_somebody_elses_now_nothing_is_told(database: Database) -> None:
    async with memory_ledger(database.url("inventory"), partitions=2) as ledger:
        source, runtime = ledger.memory_source(), ledger.runtime()
        await source.start(lambda: None)
        first, second = sorted(source.assignment(), key=lambda one: one.partition)
        watchdog = Watchdog(source, runtime, ledger.group)
        for assigned in ((first, second), (second,)):
            await watchdog.look(assigned, stopped=(), newest_applied_ms=lambda _: None)
        for figure in (SINCE, "stream_lag_records", "stream_lag_seconds"):
            told = [
                sample for family in ledger.registry.collect() for sample in family.samples if sample.name == figure
            ]
            assert [sample.labels["partition"] for sample in told] == ["1"]


async def test_a_long_batch_that_says_its_steps_is_healthy_until_it_says_no_more(database: Database) -> None:
    go_on, steps_end = asyncio.Event(), asyncio.Event()

    async def long(tx: Transaction, batch: Batch) -> None:
        while not go_on.is_set():
            if not steps_end.is_set():
                batch.progressed()
            await asyncio.sleep(0.02)  # noqa: TID251  # work in other transactions
        await note_effects(tx, batch)

    async with memory_ledger(database.url("inventory"), partitions=1) as ledger:
        consumer = ledger.consumer(long, runtime=_impatient(ledger))
        async with running(consumer):
            await ledger.publish([movement(1)])
            for _ in range(20):
                await asyncio.sleep(0.05)  # noqa: TID251  # many looks, longer than the limit
                assert await consumer.healthy()
            steps_end.set()
            await until(lambda: _unhealthy(consumer.healthy()))
            go_on.set()
            await until(consumer.healthy)
            await until(lambda: ledger.applied(1))


async def test_a_broker_that_is_away_is_not_the_consumers_fault(database: Database) -> None:
    async with memory_ledger(database.url("inventory"), partitions=2) as ledger:
        consumer = ledger.consumer(runtime=_impatient(ledger))
        async with running(consumer):
            await ledger.publish(movement(number) for number in range(20))
            await until(lambda: ledger.applied(20))
            await until(consumer.healthy)
            assert ledger.memory is not None
            ledger.memory.down = True
            for _ in range(20):
                await asyncio.sleep(0.05)  # noqa: TID251  # many looks
                assert await consumer.healthy()


async def test_not_even_a_stuck_consumer_is_restarted_while_the_broker_is_away(database: Database) -> None:
    go_on = asyncio.Event()

    async def frozen(tx: Transaction, batch: Batch) -> None:
        await go_on.wait()

    async with memory_ledger(database.url("inventory"), partitions=1) as ledger:
        consumer = ledger.consumer(frozen, runtime=_impatient(ledger))
        async with running(consumer):
            await ledger.publish([movement(1)])
            await until(lambda: _unhealthy(consumer.healthy()))
            assert ledger.memory is not None
            ledger.memory.down = True
            await until(consumer.healthy)
            go_on.set()


async def _unhealthy(healthy: object) -> bool:
    assert asyncio.iscoroutine(healthy)
    return not await healthy


def _impatient(ledger: Ledger) -> StreamRuntime:
    return replace(ledger.runtime(), stall_seconds=0.4, look_seconds=0.05)

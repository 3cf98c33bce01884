"""Exactly once in effect, on the embedded broker and on a real Apache Kafka."""

import asyncio
from collections import Counter
from functools import partial

import pytest
from sqlalchemy import text

from libs.common.persistence import Transaction
from libs.common.streaming import Batch, Consumer, LogRangeMissing
from libs.common.streaming.kafka_source import KafkaSource
from tests.integration.streaming.harness import (
    PATIENCE_SECONDS,
    Ledger,
    forwarding,
    note_effects,
    open_ledger,
    running,
    until,
)
from tests.support.brokers import Broker, unique
from tests.support.postgres import Database
from tests.unit.streaming.builders import movement


async def test_three_owners_of_the_same_partitions_apply_each_event_once(broker: Broker, database: Database) -> None:
    async with open_ledger(broker, database.url("inventory"), partitions=2, batch_max_records=20) as ledger:
        owners = [
            # Groups of their own at the broker, one group in PostgreSQL: each is given every partition.
            ledger.consumer(
                runtime=ledger.runtime(f"owner-{number}"),
                source=KafkaSource(ledger.settings, group=unique("zombie"), topics=[ledger.topic.name]),
            )
            for number in range(3)
        ]
        async with running(*owners):
            await until(lambda: all(len(owner.owned) == 2 for owner in owners))
            for start in range(0, 2_000, 100):
                await ledger.publish(movement(number) for number in range(start, start + 100))
            await until(lambda: ledger.applied(2_000))
        assert await ledger.effects() == Counter(f"event-{number}" for number in range(2_000))
        assert ledger.metric("stream_offset_conflicts_total") > 0


async def test_members_that_come_and_go_lose_and_double_nothing(broker: Broker, database: Database) -> None:
    async with open_ledger(broker, database.url("inventory"), batch_max_records=50) as ledger:
        stayer = ledger.consumer(runtime=ledger.runtime("stayer"))
        async with running(stayer):
            publishing = asyncio.create_task(_trickle(ledger, 3_000))
            for number in range(2):
                guest = ledger.consumer(runtime=ledger.runtime(f"guest-{number}"))
                async with running(guest):
                    await until(partial(_owns_some, guest))
            await publishing
            await until(lambda: ledger.applied(3_000))
        assert await ledger.effects() == Counter(f"event-{number}" for number in range(3_000))


def _owns_some(consumer: Consumer) -> bool:
    return bool(consumer.owned)


async def _trickle(ledger: Ledger, count: int) -> None:
    for start in range(0, count, 100):
        await ledger.publish(movement(number) for number in range(start, start + 100))
        await asyncio.sleep(0.05)  # noqa: TID251  # a steady load


async def test_order_within_a_key_is_kept(broker: Broker, database: Database) -> None:
    async with open_ledger(broker, database.url("inventory")) as ledger:
        async with running(ledger.consumer()):
            await ledger.publish(movement(number) for number in range(1_000))
            await until(lambda: ledger.applied(1_000))
        rows = await ledger.query("SELECT event_id, item_id FROM effects ORDER BY place")
        by_item: dict[object, list[int]] = {}
        for event_id, item in rows:
            by_item.setdefault(item, []).append(int(str(event_id).rpartition("-")[2]))
        assert all(numbers == sorted(numbers) for numbers in by_item.values())


async def test_a_repeat_by_the_producer_has_no_further_effect(broker: Broker, database: Database) -> None:
    async with open_ledger(broker, database.url("inventory")) as ledger:
        await ledger.publish(movement(number) for number in range(300))
        async with running(ledger.consumer(forwarding(ledger.output), deduplicate=True)):
            await ledger.publish(movement(number) for number in (*range(100), *range(100), 300))
            await until(lambda: ledger.applied(301))
            await until(lambda: _all_read(ledger, 501))
        assert set((await ledger.effects()).values()) == {1}
        assert ledger.metric("stream_deduplicated_total") == 200
        assert (await ledger.query("SELECT count(*) FROM outbox"))[0][0] == 301


async def _all_read(ledger: Ledger, count: int) -> bool:
    return (await ledger.query("SELECT sum(next_offset) FROM offsets"))[0][0] == count


async def test_a_crash_in_a_handler_commits_nothing_and_the_next_run_finishes(
    broker: Broker, database: Database
) -> None:
    async def bug(tx: Transaction, batch: Batch) -> None:
        await note_effects(tx, batch)
        if any(event.id == "event-70" for event in batch.events):
            raise ZeroDivisionError("a bug")

    async with open_ledger(broker, database.url("inventory"), batch_max_records=20) as ledger:
        await ledger.publish(movement(number) for number in range(100))
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(ledger.consumer(bug).run(), PATIENCE_SECONDS)
        assert "event-70" not in await ledger.effects()
        async with running(ledger.consumer()):
            await until(lambda: ledger.applied(100))
        assert set((await ledger.effects()).values()) == {1}


async def test_connections_cut_by_the_database_lose_and_double_nothing(broker: Broker, database: Database) -> None:
    async with open_ledger(broker, database.url("inventory"), batch_max_records=50) as ledger:
        async with running(ledger.consumer(forwarding(ledger.output))):
            await ledger.publish(movement(number) for number in range(200))
            await until(lambda: ledger.applied(200))
            for round_ in range(1, 4):
                await ledger.publish(movement(number) for number in range(200 * round_, 200 * round_ + 200))
                await _cut_all_connections(ledger)
                await until(partial(ledger.applied, 200 * round_ + 200))
        assert await ledger.effects() == Counter(f"event-{number}" for number in range(800))


async def _cut_all_connections(ledger: Ledger) -> None:
    """All are gone when this returns: one that is only about to go would be handed to whoever asks next."""
    async with ledger.transactions.engine.connect() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'laws' AND pid <> pg_backend_pid()"
            )
        )


async def test_a_stored_offset_past_the_log_is_an_error_and_never_silence(broker: Broker, database: Database) -> None:
    async with open_ledger(broker, database.url("inventory"), partitions=1) as ledger:
        await ledger.publish(movement(number) for number in range(10))
        async with running(ledger.consumer()):
            await until(lambda: ledger.applied(10))
        async with ledger.transactions.begin() as tx:
            await tx.connection.execute(text("UPDATE offsets SET next_offset = 11"))
        with pytest.raises(LogRangeMissing, match=r"stored 11, log 0\.\.10"):
            await asyncio.wait_for(ledger.consumer().run(), PATIENCE_SECONDS)

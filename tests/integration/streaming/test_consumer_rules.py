"""The consumer's rules that no broker changes: real PostgreSQL, a broker in memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from libs.common.errors import InvalidMessage, RetryableError
from libs.common.persistence import Transaction, Transactions
from libs.common.persistence.messages import OutboxMessage
from libs.common.streaming import Batch, BrokerUnavailable, DeadLetterLimit, LogRangeMissing, Record, TopicPartition
from libs.common.streaming.memory import MemoryBroker, MemorySource
from tests.integration.streaming.harness import PATIENCE_SECONDS, Ledger, memory_ledger, note_effects, running, until
from tests.support.postgres import Database
from tests.unit.streaming.builders import movement


@pytest.fixture(params=[1, 3], ids=["one batch at a time", "batches side by side"])
async def ledger(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Ledger]:
    async with memory_ledger(database.url("inventory")) as opened:
        opened.side_by_side = request.param
        yield opened


def memory_of(ledger: Ledger) -> MemoryBroker:
    assert ledger.memory is not None
    return ledger.memory


async def test_an_outage_of_a_dependency_brings_the_same_batch_again(ledger: Ledger) -> None:
    calls: list[int] = []

    async def away_twice(tx: Transaction, batch: Batch) -> None:
        await note_effects(tx, batch)
        calls.append(len(batch.events))
        if len(calls) <= 2:
            raise RetryableError("away")

    await ledger.publish(movement(number, item="milk") for number in range(30))
    async with running(ledger.consumer(away_twice)):
        await until(lambda: ledger.applied(30))
    assert calls == [30, 30, 30]
    assert set((await ledger.effects()).values()) == {1}
    assert ledger.metric("stream_retries_total", reason="unavailable") == 2


async def test_one_partition_in_trouble_does_not_hold_up_the_others(ledger: Ledger) -> None:
    await ledger.publish(movement(number) for number in range(100))
    troubled = next(iter(memory_of(ledger).logs))

    async def trouble(tx: Transaction, batch: Batch) -> None:
        if batch.partition == troubled:
            raise RetryableError("away")
        await note_effects(tx, batch)

    rest = sum(len(log) for partition, log in memory_of(ledger).logs.items() if partition != troubled)
    async with running(ledger.consumer(trouble)):
        await until(lambda: ledger.applied(rest))


async def test_as_many_batches_are_under_way_as_are_allowed(ledger: Ledger) -> None:
    under_way: set[TopicPartition] = set()
    most = 0

    async def note(tx: Transaction, batch: Batch) -> None:
        nonlocal most
        under_way.add(batch.partition)
        most = max(most, len(under_way))
        await tx.connection.execute(text("SELECT pg_sleep(0.2)"))
        await note_effects(tx, batch)
        under_way.discard(batch.partition)

    await ledger.publish(movement(number) for number in range(100))
    async with running(ledger.consumer(note)):
        await until(lambda: ledger.applied(100))
    assert most == ledger.side_by_side


async def test_records_that_were_fetched_but_not_applied_are_read_again(ledger: Ledger) -> None:
    class Forgetful(MemorySource):
        """Every third question is not answered, some of them between a poll and its batch."""

        asked = 0

        async def incarnation(self) -> str:
            self.asked += 1
            if self.asked % 3 == 0:
                raise BrokerUnavailable("no answer")
            return await super().incarnation()

    source = Forgetful(memory_of(ledger), group=ledger.group, topics=[ledger.topic.name], batch_max_records=7)
    await ledger.publish(movement(number) for number in range(200))
    async with running(ledger.consumer(source=source)):
        await until(lambda: ledger.applied(200))
    assert await ledger.effects() == Counter(f"event-{number}" for number in range(200))


async def test_a_commit_whose_answer_was_lost_still_counts_once(ledger: Ledger) -> None:
    class Ambiguous(Transactions):
        """Every third transaction commits and then says that it does not know."""

        begun = 0

        @asynccontextmanager
        async def begin(self) -> AsyncIterator[Transaction]:
            self.begun += 1
            lost = self.begun % 3 == 0
            async with super().begin() as tx:
                yield tx
            if lost:
                raise RetryableError("connection lost during commit")

    certain = ledger.transactions
    ledger.transactions = Ambiguous(certain.engine, certain.schema)
    consumer = ledger.consumer(source=ledger.memory_source(batch_max_records=11))
    ledger.transactions = certain
    await ledger.publish(movement(number) for number in range(300))
    async with running(consumer):
        await until(lambda: ledger.applied(300))
    assert await ledger.effects() == Counter(f"event-{number}" for number in range(300))


async def test_memory_is_dropped_whenever_ownership_is_in_doubt(ledger: Ledger) -> None:
    lost: list[TopicPartition] = []

    def forget(partitions: Iterable[TopicPartition]) -> None:
        lost.extend(partitions)

    consumer = ledger.consumer(on_ownership_lost=forget)
    await ledger.publish(movement(number) for number in range(50))
    async with running(consumer):
        await until(lambda: ledger.applied(50))
        async with ledger.transactions.begin() as tx:  # somebody else owns everything now
            await tx.connection.execute(text("UPDATE offsets SET next_offset = next_offset + 100"))
        for partition in tuple(memory_of(ledger).logs):
            for _ in range(100):
                memory_of(ledger).logs[partition].append(Record(offset=0, key=b"k", headers=(), value=None))
        _renumber(memory_of(ledger))
        await until(lambda: ledger.metric("stream_offset_conflicts_total") >= 1)
        await until(lambda: len(set(lost)) >= 1)
    assert set(lost) <= set(memory_of(ledger).logs)


def _renumber(memory: MemoryBroker) -> None:
    for partition, log in memory.logs.items():
        memory.logs[partition] = [
            Record(offset=place, key=found.key, headers=found.headers, value=found.value)
            for place, found in enumerate(log)
        ]


async def test_another_log_begins_anew_although_the_old_offsets_are_higher(ledger: Ledger) -> None:
    async with running(ledger.consumer()):
        await ledger.publish(movement(number) for number in range(100))
        await until(lambda: ledger.applied(100))
        memory_of(ledger).replace("memory-2")
        await ledger.publish(movement(number) for number in range(100, 140))
        await until(lambda: ledger.applied(140))
    assert await ledger.effects() == Counter(f"event-{number}" for number in range(140))


async def test_what_a_new_log_says_is_never_booked_on_the_old_one(ledger: Ledger) -> None:
    memory = memory_of(ledger)

    class ReplacedBehindOurBack(MemorySource):
        """The broker is replaced and refilled past our position, and the group notices late."""

        replaced = False

        async def poll(
            self, partitions: Collection[TopicPartition] | None = None
        ) -> Mapping[TopicPartition, Sequence[Record]]:
            if not self.replaced and await ledger.applied(40):
                self.replaced = True
                positions, members = dict(self.assigned), memory.members
                memory.members = {}
                memory.replace("memory-2")
                memory.members = members
                await ledger.publish(movement(number) for number in range(40, 140))
                self.assigned = positions
            return await super().poll(partitions)

    source = ReplacedBehindOurBack(memory, group=ledger.group, topics=[ledger.topic.name])
    async with running(ledger.consumer(source=source)):
        await ledger.publish(movement(number) for number in range(40))
        await until(lambda: ledger.applied(140))
    assert await ledger.effects() == Counter(f"event-{number}" for number in range(140))


async def test_what_another_member_fetched_and_never_applied_is_applied_by_the_next_owner(ledger: Ledger) -> None:
    async with running(ledger.consumer()):
        await ledger.publish(movement(number) for number in range(40))
        await until(lambda: ledger.applied(40))
        fleeting = ledger.memory_source()
        await fleeting.start(lambda: None)
        await ledger.publish(movement(number) for number in range(40, 140))
        assert await fleeting.poll()
        await fleeting.stop()
        await until(lambda: ledger.applied(140))
    assert await ledger.effects() == Counter(f"event-{number}" for number in range(140))


async def test_an_offset_below_the_log_is_an_error(ledger: Ledger) -> None:
    await ledger.publish(movement(number, item="milk") for number in range(10))
    async with running(ledger.consumer()):
        await until(lambda: ledger.applied(10))
    await ledger.publish(movement(number, item="milk") for number in range(10, 30))
    partition = next(found for found, log in memory_of(ledger).logs.items() if log)
    memory_of(ledger).trim(partition, 20)
    with pytest.raises(LogRangeMissing, match=r"stored 10, log 20\.\.30"):
        await asyncio.wait_for(ledger.consumer().run(), PATIENCE_SECONDS)


async def test_a_partition_never_seen_begins_at_the_start_of_its_log(ledger: Ledger) -> None:
    await ledger.publish(movement(number, item="milk") for number in range(30))
    partition = next(found for found, log in memory_of(ledger).logs.items() if log)
    memory_of(ledger).trim(partition, 20)
    async with running(ledger.consumer()):
        await until(lambda: ledger.applied(10))


POISON: Mapping[str, tuple[bytes | None, dict[str, bytes], str]] = {
    "no headers": (b"{}", {"ce_id": b"", "ce_type": b""}, "invalid-headers"),
    "headers that are not UTF-8": (b"{}", {"ce_source": b"\xff\xfe"}, "invalid-headers"),
    "a time that is none": (None, {"ce_time": b"soon"}, "missing-body"),
    "no body": (None, {}, "missing-body"),
    "an empty body": (b"", {}, "contract-violation"),
    "a body that is not JSON": (b"{", {}, "contract-violation"),
    "a body that is not UTF-8": (b'{"item_id": "\xff"}', {}, "contract-violation"),
    "a list": (b"[]", {}, "contract-violation"),
    "a missing field": (b'{"store_id": "s"}', {}, "contract-violation"),
    "not a number": (
        b'{"store_id":"s","item_id":"i","change":NaN,"reason":"adjustment"}',
        {},
        "contract-violation",
    ),
    "JSON without end": (b"[" * 100_000, {}, "contract-violation"),
    "a version to come": (b"{}", {"ce_type": b"usual.stock.moved.v9"}, "unsupported-version"),
}


def poisoned(value: bytes | None, headers: Mapping[str, bytes], topic: str) -> OutboxMessage:
    event = movement(0, item="milk")
    return OutboxMessage(
        topic=topic,
        key=b"milk",
        headers=tuple({**dict(event.headers()), **headers}.items()),
        value=value,
    )


async def test_poison_of_every_kind_is_set_aside_and_stops_nothing(ledger: Ledger) -> None:
    for number, (value, headers, _) in enumerate(POISON.values()):
        await ledger.publish([movement(number, item="milk")])
        await ledger.publish_messages([poisoned(value, headers, ledger.topic.name)])
    async with running(ledger.consumer(deduplicate=True)):
        await until(lambda: ledger.applied(len(POISON)))
        await until(lambda: _letters(ledger, len(POISON)))
    reasons = [row[0] for row in await ledger.query("SELECT reason FROM dead_letters ORDER BY log_offset")]
    assert reasons == [reason for _, _, reason in POISON.values()]
    assert ledger.metric("stream_dead_letters_total") == len(POISON)
    outgoing = await ledger.query("SELECT topic, count(*) FROM outbox GROUP BY topic")
    assert outgoing == [(ledger.topic.dead_letter_name, len(POISON))]


async def _letters(ledger: Ledger, count: int) -> bool:
    return (await ledger.query("SELECT count(*) FROM dead_letters"))[0][0] == count


async def test_an_unknown_type_is_skipped_and_counted(ledger: Ledger) -> None:
    await ledger.publish_messages([poisoned(b"{}", {"ce_type": b"usual.nobody.knows.v1"}, ledger.topic.name)])
    await ledger.publish([movement(1)])
    async with running(ledger.consumer()):
        await until(lambda: ledger.applied(1))
        await until(lambda: ledger.metric("stream_skipped_total") == 1)
    assert await _letters(ledger, 0)


async def test_a_value_that_the_database_refuses_costs_one_record_and_not_its_batch(ledger: Ledger) -> None:
    async def refuse(tx: Transaction, batch: Batch) -> None:
        await note_effects(tx, batch)
        if any(event.id == "event-13" for event in batch.events):
            await tx.connection.execute(text("SELECT CAST(:big AS numeric)::int"), {"big": 10**12})

    await ledger.publish(movement(number, item="milk") for number in range(30))
    async with running(ledger.consumer(refuse, deduplicate=True)):
        await until(lambda: ledger.applied(29))
        await until(lambda: _letters(ledger, 1))
    assert "event-13" not in await ledger.effects()
    assert (await ledger.query("SELECT reason FROM dead_letters")) == [("value-refused",)]


async def test_what_a_handler_rejects_is_set_aside_once_and_its_id_stays_free_for_a_redrive(ledger: Ledger) -> None:
    known = False

    async def reject(tx: Transaction, batch: Batch) -> None:
        refused = [event for event in batch.events if event.id == "event-3" and not known]
        for event in refused:
            batch.reject(event, "no such store", "unknown-store")
        batch.events = [event for event in batch.events if event not in refused]
        await note_effects(tx, batch)

    await ledger.publish(movement(number, item="milk") for number in range(5))
    async with running(ledger.consumer(reject, deduplicate=True)):
        await until(lambda: ledger.applied(4))
        known = True
        await ledger.publish([movement(3, item="milk")])
        await until(lambda: ledger.applied(5))
    assert await _letters(ledger, 1)
    assert set((await ledger.effects()).values()) == {1}


async def test_a_release_that_rejects_everything_stops_instead_of_draining_the_topic(ledger: Ledger) -> None:
    async def bug(tx: Transaction, batch: Batch) -> None:
        raise InvalidMessage("everything is wrong", slug="bad-release")

    await ledger.publish(movement(number, item="milk") for number in range(400))
    limit = DeadLetterLimit(max_ratio=0.2, min_records=50)
    consumer = ledger.consumer(bug, limit=limit)
    async with running(consumer):
        await until(lambda: ledger.metric("stream_partition_stopped") == 1)
        assert not await consumer.flowing()
        await ledger.publish(movement(number) for number in range(5))
        await asyncio.sleep(0.3)  # noqa: TID251  # it must stay stopped
    letters = (await ledger.query("SELECT count(*) FROM dead_letters"))[0][0]
    assert isinstance(letters, int)
    assert letters <= 60
    mended = ledger.consumer(note_effects, limit=DeadLetterLimit())
    async with running(mended):
        await until(lambda: ledger.applied(405 - letters))


async def test_the_limit_outlives_a_restart(ledger: Ledger) -> None:
    async def bug(tx: Transaction, batch: Batch) -> None:
        for event in batch.events:
            batch.reject(event, "wrong", "bad-release")

    limit = DeadLetterLimit(max_count=20, min_records=10_000)
    await ledger.publish(movement(number, item="milk") for number in range(100))
    for _ in range(3):
        source = ledger.memory_source(batch_max_records=10)
        stopped = ledger.metric("stream_partition_stopped")
        ledger.stream_metrics.stopped.clear()
        async with running(ledger.consumer(bug, source=source, limit=limit)):
            await until(lambda: ledger.metric("stream_partition_stopped") == 1)
        assert stopped in {0.0, 1.0}
    assert await _letters(ledger, 20)


async def test_the_newest_record_of_a_key_decides_between_state_and_tombstone(database: Database) -> None:
    seen: list[tuple[list[str], list[str]]] = []

    async def look(tx: Transaction, batch: Batch) -> None:
        seen.append(([event.id for event in batch.events], list(batch.tombstones)))

    async with memory_ledger(database.url("inventory"), partitions=1, compacted=True) as ledger:
        await ledger.publish([movement(1, item="gone"), movement(2, item="back"), movement(3, item="stays")])
        await ledger.publish_raw("gone", None)
        await ledger.publish_raw("back", None)
        await ledger.publish([movement(4, item="back")])
        async with running(ledger.consumer(look)):
            await until(lambda: seen)
    assert seen == [(["event-3", "event-4"], ["gone"])]


async def test_a_stop_finishes_the_batches_at_hand_and_no_more(ledger: Ledger) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction, batch: Batch) -> None:
        await note_effects(tx, batch)
        begun.set()
        await go_on.wait()

    await ledger.publish(movement(number) for number in range(200))
    consumer = ledger.consumer(slow)
    run = asyncio.create_task(consumer.run())
    await begun.wait()
    consumer.stop()
    go_on.set()
    await asyncio.wait_for(run, PATIENCE_SECONDS)
    touched = {int(str(number)) for (number,) in await ledger.query("SELECT DISTINCT partition FROM effects")}
    assert len(touched) <= ledger.side_by_side
    assert await ledger.applied(
        sum(len(memory_of(ledger).logs[TopicPartition(ledger.topic.name, number)]) for number in touched)
    )
    async with running(ledger.consumer()):
        await until(lambda: ledger.applied(200))
    assert set((await ledger.effects()).values()) == {1}

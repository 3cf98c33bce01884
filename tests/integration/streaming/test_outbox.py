"""The append outbox: nothing leaves that was not committed, nothing committed stays, order per key is kept."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest
from sqlalchemy import text

from libs.common.errors import RetryableError, TooLarge, UsualError
from libs.common.persistence import Message, OutboxMessage, OutboxRelay, Transaction, append, unsent
from libs.common.persistence.dead_letters import DeadLetter, keep
from libs.common.persistence.offsets import OffsetKey
from libs.common.streaming import Batch, SendUnknown
from libs.common.streaming.memory import MemoryBroker, MemorySender
from tests.integration.streaming.harness import (
    PATIENCE_SECONDS,
    Ledger,
    forwarding,
    memory_ledger,
    open_ledger,
    running,
    until,
)
from tests.support.brokers import Broker
from tests.support.postgres import Database
from tests.unit.streaming.builders import movement


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    async with memory_ledger(database.url("inventory")) as opened:
        yield opened


def sent(ledger: Ledger) -> list[tuple[str, str]]:
    """What reached the output topic, as (key, body), in log order per partition."""
    assert ledger.memory is not None
    return [
        ((record.key or b"").decode(), (record.value or b"").decode())
        for partition, log in ledger.memory.logs.items()
        if partition.topic == ledger.output.name
        for record in log
    ]


def sender(ledger: Ledger) -> MemorySender:
    assert isinstance(ledger.memory, MemoryBroker)
    return MemorySender(ledger.memory)


def numbered(ledger: Ledger, key: str, number: int) -> OutboxMessage:
    return OutboxMessage(topic=ledger.output.name, key=key.encode(), headers=(), value=str(number).encode())


async def drained(ledger: Ledger) -> bool:
    async with ledger.transactions.begin() as tx:
        return await unsent(tx) == 0


async def test_thousands_of_rows_of_a_partition_without_a_leader_do_not_stand_before_all_others(ledger: Ledger) -> None:
    assert ledger.memory is not None

    class Leaderless(MemorySender):
        """What has an empty value goes nowhere."""

        led = False

        async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
            known = [message for message in messages if self.led or message.value]
            assert set(await super().send_many(known)) <= {None}
            return [None if self.led or message.value else SendUnknown("no leader") for message in messages]

    def messages(count: int, value: bytes) -> list[OutboxMessage]:
        return [
            OutboxMessage(topic=ledger.output.name, key=b"%d %b" % (number, value), headers=(), value=value)
            for number in range(count)
        ]

    for some in (messages(400, b""), messages(400, b""), messages(20, b"led")):
        async with ledger.transactions.begin() as tx:
            await append(tx, some)
    leaderless = Leaderless(ledger.memory)
    async with running(OutboxRelay(ledger.relays(leaderless, batch_rows=10))):
        await until(lambda: left(ledger, 800))
        leaderless.led = True
        await until(lambda: left(ledger, 0))


async def left(ledger: Ledger, rows: int) -> bool:
    async with ledger.transactions.begin() as tx:
        return await unsent(tx) == rows


async def test_each_effect_leaves_exactly_one_event(broker: Broker, database: Database) -> None:
    async with open_ledger(broker, database.url("inventory")) as ledger:
        await ledger.publish(movement(number) for number in range(1_000))
        async with running(ledger.consumer(forwarding(ledger.output)), OutboxRelay(ledger.relays())):
            await until(lambda: ledger.applied(1_000))
            await until(lambda: drained(ledger))
        published = await ledger.published(ledger.output)
        assert Counter(event_id for _, _, event_id in published) == Counter(
            f"event-{number}" for number in range(1_000)
        )
        by_key: dict[str, list[int]] = defaultdict(list)
        for key, _, event_id in published:
            by_key[key].append(int(event_id.rpartition("-")[2]))
        assert all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_what_was_rolled_back_never_leaves(ledger: Ledger) -> None:
    async def bug_after_append(tx: Transaction, batch: Batch) -> None:
        await forwarding(ledger.output)(tx, batch)
        raise ZeroDivisionError("a bug")

    await ledger.publish(movement(number) for number in range(10))
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(ledger.consumer(bug_after_append).run(), PATIENCE_SECONDS)
    await OutboxRelay(ledger.relays(sender(ledger))).run_once()
    assert sent(ledger) == []


async def test_a_crash_between_acknowledgement_and_delete_repeats_and_never_loses(ledger: Ledger) -> None:
    class CrashesOnce(MemorySender):
        crashed = False

        async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
            outcomes = await super().send_many(messages)
            if not self.crashed:
                self.crashed = True
                raise RetryableError("killed after the acknowledgement")
            return outcomes

    assert ledger.memory is not None
    async with ledger.transactions.begin() as tx:
        await append(tx, [numbered(ledger, "a", number) for number in range(20)])
    async with running(OutboxRelay(ledger.relays(CrashesOnce(ledger.memory)))):
        await until(lambda: drained(ledger))
    assert sent(ledger) == [("a", str(number)) for number in (*range(20), *range(20))]


async def test_a_send_without_acknowledgement_leaves_its_row(ledger: Ledger) -> None:
    class Unsure(MemorySender):
        async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
            return [SendUnknown("no acknowledgement") for _ in messages]

    assert ledger.memory is not None
    async with ledger.transactions.begin() as tx:
        await append(tx, [numbered(ledger, "a", 1)])
    assert await OutboxRelay(ledger.relays(Unsure(ledger.memory))).run_once() == 0
    assert not await drained(ledger)
    assert ledger.metric("outbox_send_failures_total", reason="send-unknown") == 1
    assert await OutboxRelay(ledger.relays(sender(ledger))).run_once() == 1
    assert sent(ledger) == [("a", "1")]


async def test_a_bucket_in_trouble_does_not_hold_up_the_others(ledger: Ledger) -> None:
    class RefusesOneKey(MemorySender):
        async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
            good = [message for message in messages if message.key != b"bad"]
            await super().send_many(good)
            return [SendUnknown("no") if message.key == b"bad" else None for message in messages]

    assert ledger.memory is not None
    async with ledger.transactions.begin() as tx:
        await append(tx, [numbered(ledger, "bad", number) for number in range(60)])
        await append(tx, [numbered(ledger, f"good-{number}", number) for number in range(40)])
    async with running(OutboxRelay(ledger.relays(RefusesOneKey(ledger.memory), batch_rows=10))):
        await until(lambda: len({key for key, _ in sent(ledger) if key.startswith("good")}) >= 35)


@pytest.mark.parametrize("seed", [1, 2])
async def test_two_relays_keep_the_order_per_key_and_lose_nothing_when_commits_overtake_each_other(
    ledger: Ledger, seed: int
) -> None:
    random, keys, per_key = Random(seed), [f"key-{number}" for number in range(12)], 25

    async def writer(key: str) -> None:
        """One writer per key: its own commits are in order, those of others come in between."""
        for number in range(per_key):
            async with ledger.transactions.begin() as tx:
                await append(tx, [numbered(ledger, key, number)])
                await tx.connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": random.random() * 0.01})

    relays = [OutboxRelay(ledger.relays(sender(ledger), batch_rows=7)) for _ in range(2)]
    async with running(*relays):
        for group in (keys[:6], keys[6:]):
            await asyncio.gather(*(writer(key) for key in group))
        await until(lambda: drained(ledger))
    by_key: dict[str, list[int]] = defaultdict(list)
    for key, body in sent(ledger):
        by_key[key].append(int(body))
    assert dict(by_key) == {key: list(range(per_key)) for key in keys}


async def test_a_dead_letter_leaves_with_its_origin_and_its_bytes(ledger: Ledger) -> None:
    async with ledger.transactions.begin() as tx:
        letter = DeadLetter(
            log_offset=7, key=b"k", headers=[("odd", b"\xff\x00")], value=b"\x00body", reason="broken", detail="a\x00b"
        )
        await keep(tx, OffsetKey("g", "c1", ledger.topic.name, 2), [letter])
    captured: list[Message] = []

    class Keeps:
        async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
            captured.extend(messages)
            return [None] * len(messages)

    await OutboxRelay(ledger.relays(Keeps())).run_once()
    (message,) = captured
    assert (message.topic, message.key, message.value) == (ledger.topic.dead_letter_name, b"k", b"\x00body")
    headers = dict(message.headers)
    assert (headers["odd"], headers["deadletter_reason"], headers["deadletter_offset"]) == (
        b"\xff\x00",
        b"broken",
        b"7",
    )


def test_a_message_that_no_topic_takes_is_refused_before_it_is_written() -> None:
    with pytest.raises(TooLarge):
        OutboxMessage(topic="t", key=b"k", headers=(), value=b"x" * 900_001)


async def test_the_age_of_the_oldest_row_is_told(ledger: Ledger) -> None:
    async with ledger.transactions.begin() as tx:
        await append(tx, [numbered(ledger, "a", 1)])
        await tx.connection.execute(text("UPDATE outbox SET created_at = now() - interval '90 seconds'"))
    await OutboxRelay(ledger.relays(sender(ledger))).run_once()
    assert ledger.metric("outbox_rows") == 1
    assert 89 < ledger.metric("outbox_oldest_age_seconds") < 120

"""Newest-state topics: every final state is shown, versions of a key rise, a new log gets everything again."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, text

from libs.common.errors import RetryableError, UsualError
from libs.common.persistence import Message, OutboxMessage, VersionedTable, VersionRelay, unpublished_rows
from libs.common.persistence.version_outbox import BATCHES_UNMARKED
from libs.common.streaming import SendUnknown
from libs.common.streaming.memory import MemorySender
from tests.integration.streaming.harness import SCHEMA, Ledger, memory_ledger, open_ledger, running, until
from tests.support.brokers import Broker
from tests.support.postgres import Database

STATES = Table(
    "states",
    MetaData(schema=SCHEMA),
    Column("item_id", Text, primary_key=True),
    Column("amount", BigInteger),
    Column("version", BigInteger),
    Column("published_version", BigInteger),
)
_CHANGE = text("""
    INSERT INTO states (item_id, amount, version) VALUES (:item, :amount, 1)
    ON CONFLICT (item_id) DO UPDATE SET amount = :amount, version = states.version + 1
""")


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    async with memory_ledger(database.url("inventory")) as opened:
        yield opened


def versioned(ledger: Ledger) -> VersionedTable:
    def encode(row: Any) -> OutboxMessage:
        body = json.dumps([row.version, row.amount]).encode()
        return OutboxMessage(topic=ledger.output.name, key=row.item_id.encode(), headers=(), value=body)

    return VersionedTable(table=STATES, key=("item_id",), encode=encode)


def relay(ledger: Ledger, sender: MemorySender | None = None, **changes: int) -> VersionRelay:
    assert ledger.memory is not None
    memory = ledger.memory

    async def incarnation() -> str:
        return memory.cluster_id

    return VersionRelay(ledger.relays(sender or MemorySender(memory), **changes), versioned(ledger), incarnation)


async def change(ledger: Ledger, item: str, amount: int) -> None:
    async with ledger.transactions.begin() as tx:
        await tx.connection.execute(_CHANGE, {"item": item, "amount": amount})


async def caught_up(ledger: Ledger) -> bool:
    async with ledger.transactions.begin() as tx:
        return await unpublished_rows(tx, versioned(ledger)) == 0


async def final_states(ledger: Ledger) -> dict[str, list[int]]:
    rows = await ledger.query("SELECT item_id, version, amount FROM states")
    return {str(item): [int(str(version)), int(str(amount))] for item, version, amount in rows}


def shown(ledger: Ledger) -> dict[str, list[list[int]]]:
    """[version, amount] of every message by key, in log order."""
    assert ledger.memory is not None
    found: dict[str, list[list[int]]] = defaultdict(list)
    for partition, log in ledger.memory.logs.items():
        if partition.topic == ledger.output.name:
            for record in log:
                found[(record.key or b"").decode()].append(json.loads(record.value or b""))
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_two_relays_show_every_final_state_and_versions_rise_per_key(ledger: Ledger, seed: int) -> None:
    random = Random(seed)
    assert ledger.memory is not None

    class Slow(MemorySender):
        """The wire takes its time, more or less."""

        async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
            await asyncio.sleep(random.random() * 0.02)  # noqa: TID251  # the way to the broker
            return await super().send_many(messages)

    async def writer(place: int) -> None:
        for number in range(60):
            await change(ledger, f"item-{random.randrange(8)}", place * 1_000 + number)

    slow = Slow(ledger.memory)
    async with running(relay(ledger, slow, batch_rows=3), relay(ledger, slow, batch_rows=3)):
        await asyncio.gather(*(writer(place) for place in range(5)))
        await until(lambda: caught_up(ledger))
    history = shown(ledger)
    assert {key: states[-1] for key, states in history.items()} == await final_states(ledger)
    assert all(states == sorted(states) for states in history.values())
    assert sum(len(states) for states in history.values()) <= 300


async def test_it_works_on_a_broker(broker: Broker, database: Database) -> None:
    async with open_ledger(broker, database.url("inventory")) as ledger:
        async with running(VersionRelay(ledger.relays(), versioned(ledger), ledger.cluster.incarnation)):
            for number in range(200):
                await change(ledger, f"item-{number % 20}", number)
            await until(lambda: caught_up(ledger))
        newest = {key: json.loads(body) for key, _, body in await ledger.published(ledger.output)}
        assert newest == await final_states(ledger)


async def test_a_new_log_gets_every_state_again(ledger: Ledger) -> None:
    for number in range(20):
        await change(ledger, f"item-{number}", number)
    assert ledger.memory is not None
    async with running(relay(ledger)):
        await until(lambda: caught_up(ledger))
        assert len(shown(ledger)) == 20
        ledger.memory.replace("memory-2")
        await until(lambda: len(shown(ledger)) == 20)
    assert ledger.metric("outbox_republished_total") == 1


async def test_a_new_log_gets_every_state_again_though_no_statement_is_about_all_and_relays_come_and_go(
    ledger: Ledger,
) -> None:
    many = 2 * BATCHES_UNMARKED + 5
    for number in range(many):
        await change(ledger, f"item-{number}", number)
    assert ledger.memory is not None
    first, second = relay(ledger, batch_rows=1), relay(ledger, batch_rows=1)
    async with running(first):
        await until(lambda: caught_up(ledger))
    for log in ("memory-2", "memory-3"):
        ledger.memory.replace(log)
        assert [await first.run_once(), await second.run_once()] == [0, 0]
        assert await unpublished(ledger) == BATCHES_UNMARKED, "each goes through all by itself"
    assert await first.run_once() == 0
    assert await unpublished(ledger) == 2 * BATCHES_UNMARKED
    assert shown(ledger) == {}
    async with running(relay(ledger, batch_rows=1)):
        await until(lambda: caught_up(ledger))
    assert len(shown(ledger)) == many
    assert all(len(states) == 1 for states in shown(ledger).values())


async def unpublished(ledger: Ledger) -> int:
    async with ledger.transactions.begin() as tx:
        return await unpublished_rows(tx, versioned(ledger))


async def test_a_send_without_acknowledgement_leaves_its_row_unpublished(ledger: Ledger) -> None:
    class Unsure(MemorySender):
        async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
            return [SendUnknown("no acknowledgement") for _ in messages]

    assert ledger.memory is not None
    await change(ledger, "item", 1)
    assert await relay(ledger, Unsure(ledger.memory)).run_once() == 0
    assert not await caught_up(ledger)
    assert await relay(ledger).run_once() == 1
    assert shown(ledger) == {"item": [[1, 1]]}


async def test_an_old_state_that_arrives_late_does_not_stay_the_last_one(ledger: Ledger) -> None:
    assert ledger.memory is not None
    late: list[Message] = []

    class DeliversLate(MemorySender):
        """Says that it does not know, and delivers after somebody else sent a newer version."""

        async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
            late.extend(messages)
            return [SendUnknown("no acknowledgement") for _ in messages]

    await change(ledger, "item", 1)
    slow = relay(ledger, DeliversLate(ledger.memory))
    await slow.run_once()
    await change(ledger, "item", 2)
    await relay(ledger).run_once()
    await MemorySender(ledger.memory).send_many(late)
    assert shown(ledger)["item"][-1] == [1, 1]
    slow._runtime = ledger.relays(MemorySender(ledger.memory))
    await until(slow.run_once)
    assert shown(ledger)["item"][-1] == [2, 2]


async def test_a_crash_before_the_mark_repeats_and_never_loses(ledger: Ledger) -> None:
    class CrashesOnce(MemorySender):
        crashed = False

        async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
            outcomes = await super().send_many(messages)
            if not self.crashed:
                self.crashed = True
                raise RetryableError("connection lost")
            return outcomes

    assert ledger.memory is not None
    for number in range(10):
        await change(ledger, f"item-{number}", number)
    async with running(relay(ledger, CrashesOnce(ledger.memory))):
        await until(lambda: caught_up(ledger))
    assert {key: states[-1] for key, states in shown(ledger).items()} == await final_states(ledger)


async def test_rows_that_change_all_the_time_starve_no_others(ledger: Ledger) -> None:
    for number in range(6):
        await change(ledger, f"item-{number}", number)
    busy = relay(ledger, batch_rows=2)
    for number in range(8):
        await busy.run_once()
        await change(ledger, "item-0", 100 + number)
        await change(ledger, "item-1", 100 + number)
    assert set(shown(ledger)) == {f"item-{number}" for number in range(6)}

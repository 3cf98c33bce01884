"""Laws of what doors remember of stores: it is what the table says at the moment of the read, whoever writes beside it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from libs.common.errors import RetryableError
from libs.common.persistence import Transactions
from services.offers.ports.checkout import CheckoutQuestion
from services.offers.store.checkout.reads import SharedCheckoutReads
from services.offers.store.checkout.shelves import Shelf, ShelfReader, Shelves
from services.offers.store.connections import connector
from services.offers.store.shared_statement import Limits
from tests.support.offers_facts import ITEMS, NOW, STORES, a_snapshot, availability, card
from tests.support.offers_running import Till, next_id, open_till, tell_world
from tests.support.postgres import Database

KINDS = [*ITEMS, *(f"item-{number}" for number in range(40))]


class _Reads:
    """One door's reads."""

    def __init__(self, reads: SharedCheckoutReads, shelves: Shelves, transactions: Transactions) -> None:
        self.shelves = shelves
        self._reads = reads
        self._reader = ShelfReader(shelves, transactions)

    async def remember_all(self) -> None:
        while await self._reader.read_next():
            pass

    async def shelf(self, store_id: str) -> Shelf | None:
        """What a checkout is told of the store."""
        view = await self._reads.read(
            CheckoutQuestion(checkout_id=next_id("look"), customer_id=None, store_id=store_id, past_since=NOW)
        )
        assert view.there is None or isinstance(view.there, Shelf)
        return view.there

    async def there(self, store_id: str) -> set[str]:
        """The items of a store that is remembered."""
        shelf = await self.shelf(store_id)
        assert shelf is not None, "not remembered"
        return {item_id for item_id in KINDS if item_id in shelf}


@asynccontextmanager
async def reading(database: Database, transactions: Transactions, most: int = 10) -> AsyncIterator[_Reads]:
    shelves = Shelves(most)
    connect = connector(database.url("offers"), schema="offers", name="test", statement_seconds=10.0)
    reads = SharedCheckoutReads(connect, Limits(statement_seconds=10.0), shelves=shelves)
    task = asyncio.create_task(reads.statement.run())
    try:
        yield _Reads(reads, shelves, transactions)
    finally:
        reads.statement.stop()
        await task


async def in_table(till: Till, store_id: str) -> set[str]:
    rows = await till.rows(f"SELECT item_id FROM availability WHERE there AND store_id = '{store_id}'")  # noqa: S608 - ours
    return {row["item_id"] for row in rows}


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_remembered_is_what_the_table_says(seed: int, database: Database, tmp_path: Path) -> None:
    random, version = Random(seed), 10
    await tell_world(database)
    async with open_till(database, tmp_path) as till, reading(database, till.parts.transactions) as reads:
        assert [await reads.shelf(store_id) for store_id in STORES] == [None, None]
        await reads.remember_all()
        for _ in range(60):
            version += 1
            told = random.sample(KINDS, random.randrange(4))
            events = availability(told, version=version - random.randrange(3), status=random.choice(["plenty", "none"]))
            gone = [f"{random.choice(STORES)}:{random.choice(KINDS)}"] if random.random() < 0.2 else []
            async with till.transaction() as (_, stores):
                await stores.read_model.apply_availability(random.sample(events, len(events) // 2), gone)
            for store_id in STORES:
                assert await reads.there(store_id) == await in_table(till, store_id)


async def test_what_is_written_slowly_is_not_missed(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till, reading(database, till.parts.transactions) as reads:
        await reads.shelf("store-1")
        await reads.remember_all()
        async with till.transaction() as (_, slow):
            await slow.read_model.apply_availability(availability(["milk-1"], version=2, status="none"), ())
            async with till.transaction() as (_, quick):
                await quick.read_model.apply_availability(availability(["bread-1"], version=2, status="none"), ())
            assert await reads.there("store-1") == {*ITEMS} - {"bread-1"}
            assert await reads.there("store-1") == {*ITEMS} - {"bread-1"}
        assert await reads.there("store-1") == {*ITEMS} - {"bread-1", "milk-1"}


async def test_what_a_release_before_writes_is_seen(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till, reading(database, till.parts.transactions) as reads:
        await reads.shelf("store-1")
        await reads.remember_all()
        async with till.transaction() as (tx, _):
            await tx.connection.execute(text("UPDATE availability SET there = false WHERE item_id = 'milk-1'"))
            await tx.connection.execute(
                text(
                    "INSERT INTO availability (store_id, item_id, version, there) VALUES ('store-1', 'item-1', 1, true)"
                )
            )
        assert await reads.there("store-1") == {*ITEMS, "item-1"} - {"milk-1"}


async def test_with_another_connection_stores_are_learned_anew(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till, reading(database, till.parts.transactions) as reads:
        await reads.shelf("store-1")
        era = reads.shelves.era
        await reads.remember_all()
        async with till.transaction() as (tx, _):
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test' AND pid <> pg_backend_pid()"
            await tx.connection.execute(text(ended))
        async with asyncio.timeout(20):
            while reads.shelves.era == era:
                with contextlib.suppress(RetryableError):
                    await reads.shelf("store-1")
        assert await reads.shelf("store-1") is None
        reads.shelves.remember("store-1", ["milk-1"], 0, era)  # read from the server before, and told too late
        assert await reads.shelf("store-1") is None
        await reads.remember_all()
        assert await reads.there("store-1") == {*ITEMS}


async def test_of_many_stores_those_asked_for_last_are_remembered(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till, reading(database, till.parts.transactions, most=1) as reads:
        await reads.shelf("store-1")
        await reads.remember_all()
        assert await reads.shelf("store-1") is not None
        await reads.shelf("store-2")
        await reads.remember_all()
        assert await reads.shelf("store-2") is not None
        assert await reads.shelf("store-1") is None


@pytest.mark.parametrize("most", [0, 10])
async def test_what_is_not_there_is_not_named_and_a_store_that_is_remembered_is_asked_once(
    most: int, database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot(number) for number in range(1, 20)])
    async with open_till(database, tmp_path, stores_remembered=most) as till:
        reads = till.door.reads
        questions = _Counted(reads)
        object.__setattr__(till.door.doors.desk, "reads", questions)
        await till.checkout("first")
        assert questions.aside == 1
        async with asyncio.timeout(20):
            while most and reads.shelves.of("store-1") is None:
                await till.checkout(next_id("meanwhile"))
        questions.aside = 0
        for version, status in enumerate(("plenty", "none", "low"), 2):
            async with till.transaction() as (_, stores):
                await stores.read_model.apply_availability(availability(["milk-1"], version=version, status=status), ())
            for number in range(version * 5 - 8, version * 5 - 3):
                await till.checkout(f"{status}-{number}", customer=card(number).model_dump(mode="json"))
            rows = await till.rows(f"SELECT item_ids FROM vouchers WHERE checkout_id LIKE '{status}-%'")  # noqa: S608 - ours
            named = {item_id for row in rows for item_id in row["item_ids"]}
            assert rows
            assert ("milk-1" in named) == (status != "none")
        assert questions.aside == (0 if most else 15)


class _Counted:
    """The same reads; counts the questions about a store alone."""

    def __init__(self, reads: SharedCheckoutReads) -> None:
        self.aside = 0
        self._reads = reads
        self.read = reads.read

    async def there(self, store_id: str, item_ids: Sequence[str]) -> frozenset[str]:
        self.aside += 1
        return await self._reads.there(store_id, item_ids)

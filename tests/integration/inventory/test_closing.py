"""The day's close on a real database: cut, killed, shared, shuffled, doubled or late, it learns the same and asks for the same."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.common.contracts import Event
from libs.common.contracts.catalog import CatalogStore
from libs.common.persistence import Transaction, Transactions
from services.inventory.handlers.batches import BatchSize
from services.inventory.store import store_of
from tests.support.inventory_events import a_count, a_delivery, a_lane, a_sale, a_void, an_event, an_item
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database

STORES = ("s1", "s2", "s3")
ITEMS = [f"i{number}" for number in range(7)]
DAYS = 5


def a_story() -> list[Event]:
    """Shelves that run empty and are filled again, receipts that are voided; five days."""
    random = Random(4)
    events = [a_lane(hours=25), *(an_item(item) for item in ITEMS)]
    for item in ITEMS:
        for place, store in enumerate(STORES):
            events.append(a_count(f"c-{item}-{store}", item, str((40, 9, 4)[place]), store_id=store))
            events += [
                a_delivery(f"d-{item}-{store}-{day}", item, "2", day + 0.01, store_id=store) for day in range(2, DAYS)
            ]
    for day in range(DAYS):
        for store in STORES:
            for hour in (9, 12, 15, 18):
                bought = {item: str(random.randint(1, 3)) for item in ITEMS if random.random() < 0.6}
                if bought:
                    name = f"r-{day}-{store}-{hour}"
                    events.append(a_sale(name, bought, day + hour / 24, store_id=store))
        events.append(a_void(f"v-{day}", f"r-{day}-s1-9", day + 0.5))
    return events


STORY = a_story()


async def after(service: RunningInventory, days: float) -> tuple[object, object]:
    """Close and review as a tick does; what was learned, and what is asked for."""
    await service.close(days)
    await service.review(days)
    return await service.learned(), await service.open_commands()


async def cleared(service: RunningInventory) -> RunningInventory:
    tables = await service.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema AND tablename <> 'migrations'"
    )
    names = ", ".join(row["tablename"] for row in tables)
    async with service.parts.transactions.begin() as tx:
        await tx.connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
    return service


@asynccontextmanager
async def orderly_and(
    database: Database, other: Database, **changes: object
) -> AsyncIterator[tuple[tuple[object, object], RunningInventory]]:
    """What an orderly telling comes to, and a service that has not been told anything."""
    async with running_inventory(database) as first, running_inventory(other, **changes) as second:
        await first.take(STORY)
        yield await after(first, DAYS + 0.1), second


async def test_days_are_learned_and_planned(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(STORY)
        assert await service.close(DAYS + 0.1) == len(ITEMS) * DAYS
        learned = await service.learned()
        assert len(learned["item_learning"]) == len(learned["plans"]) == len(ITEMS)
        assert {row["done"] for row in learned["closes"]} == {True}
        assert learned["contributions"] == []
        assert all(len(row["excess_week"]) == len(STORES) for row in learned["plans"])
        sold = await service.rows("SELECT item_id, store_id, sold_milli FROM stock ORDER BY item_id, store_id")
        known = [
            (row["item_id"], store, units)
            for row in learned["item_learning"]
            for store, units in zip(row["store_ids"], row["learned_milli"], strict=True)
        ]
        assert known == [tuple(row.values()) for row in sold]
        assert await service.close(DAYS + 0.9) == 0


@pytest.mark.parametrize("zone", ["Europe/Pariss", "../../etc/passwd", "Europe"])
async def test_a_store_with_a_misspelt_zone_sells_by_utc_and_stops_no_close(
    database: Database, other_database: Database, zone: str
) -> None:
    async with orderly_and(database, other_database) as (orderly, second):
        await second.take([*STORY, an_event(a_store(zone), "store", -1.0)])
        assert await after(second, DAYS + 0.1) == orderly


def a_store(zone: str) -> CatalogStore:
    return CatalogStore(store_id="s2", name="s2", time_zone=zone, country="FR", currency="EUR")


async def test_until_the_first_close_the_review_plans_as_before(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(STORY)
        await service.review(DAYS + 0.1)
        before = await service.learned()
        assert before["plans"]
        assert all(row["excess_week"] == [] for row in before["plans"])
        await service.close(DAYS + 0.1)
        assert all(row["excess_week"] for row in (await service.learned())["plans"])


async def test_days_closed_one_by_one_and_days_caught_up_are_learned_alike(
    database: Database, other_database: Database
) -> None:
    async with orderly_and(database, other_database, close_batch_items=2) as (orderly, service):
        for day in range(DAYS):
            since, until = (day or -9), day + 1
            await service.take([event for event in STORY if since <= _days(event) < until])
            await service.close(until)
        assert await after(service, DAYS + 0.1) == orderly


def _days(event: Event) -> float:
    first = min(one.occurred_at for one in STORY)
    return (event.occurred_at - first).total_seconds() / 86_400 - 1


async def test_shuffled_doubled_and_cut_the_same_is_learned_and_asked_for(
    database: Database, other_database: Database
) -> None:
    async with orderly_and(database, other_database) as (orderly, service):

        @settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(seed=st.integers(0, 2**32), cuts=st.integers(1, 5), batch=st.integers(1, 9))
        def law(seed: int, cuts: int, batch: int) -> None:
            runs.append((seed, cuts, batch))

        runs: list[tuple[int, int, int]] = []
        law()
        for seed, cuts, batch in runs:
            random = Random(seed)
            told = [*STORY, *random.sample(STORY, len(STORY) // 3)]
            random.shuffle(told)
            await cleared(service)
            for start in range(cuts):
                await service.take(told[start::cuts])
            size = BatchSize(items=batch, shelves=batch * 2)
            await service.close(DAYS + 0.1, batch=size)
            assert await after(service, DAYS + 0.1) == orderly, (seed, cuts, batch)


class Killed(Exception):
    """The process is gone."""


class Dying(Transactions):
    """Transaction number `left` is rolled back as if the process had died within it."""

    left = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        async with super().begin() as tx:
            yield tx
            self.left -= 1
            if self.left == 0:
                raise Killed


async def test_a_close_killed_at_each_of_its_transactions_goes_on_with_what_is_left(
    database: Database, other_database: Database
) -> None:
    async with orderly_and(database, other_database) as (orderly, service):
        await service.take(STORY)
        dying = Dying(service.parts.engine, "inventory")
        for transaction in range(1, 40):
            dying.left = transaction
            try:
                await service.close(DAYS + 0.1, batch_items=2, transactions=dying)
            except Killed:
                continue
            break
        assert transaction > 8
        assert await after(service, DAYS + 0.1) == orderly


async def test_two_workers_share_a_day_and_learn_what_one_learns(database: Database, other_database: Database) -> None:
    async with orderly_and(database, other_database) as (orderly, service):
        await service.take(STORY)
        while sum(await asyncio.gather(*(service.close(DAYS + 0.1, batch_items=1) for _ in range(3)))):
            pass
        assert await after(service, DAYS + 0.1) == orderly


async def test_a_day_stays_open_while_another_worker_holds_one_of_its_items(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(STORY)
        await service.close(1)
        async with service.parts.transactions.begin() as tx:
            await tx.connection.exec_driver_sql("SELECT 1 FROM item_learning WHERE item_id = 'i3' FOR UPDATE")
            assert await service.close(2) == len(ITEMS) - 1
            assert [row["done"] for row in (await service.learned())["closes"]] == [True, False]
        assert await service.close(2) == 1
        assert [row["done"] for row in (await service.learned())["closes"]] == [True, True]


@pytest.mark.parametrize("late_by", [1, 3])
async def test_what_comes_after_its_day_was_closed_is_learned_with_the_next(database: Database, late_by: int) -> None:
    late = a_sale("late", {"i0": "5"}, 1.5, store_id="s1")
    async with running_inventory(database) as service:
        await service.take(STORY)
        await service.close(1 + late_by)
        before = await _learned_units(service)
        stock = (await service.shelves())["i0", "s1"]
        await service.take([late])
        assert await service.close(1 + late_by) == 0
        assert await _learned_units(service) == before
        assert (await service.shelves())["i0", "s1"] == (stock[0] - 5, stock[1] + 5)
        await service.close(DAYS + 0.1)
        sold = (await service.shelves())["i0", "s1"][1]
        assert await _learned_units(service) == sold


async def _learned_units(service: RunningInventory) -> float:
    rows = await service.rows("SELECT store_ids, learned_milli FROM item_learning WHERE item_id = 'i0'")
    return float(dict(zip(rows[0]["store_ids"], rows[0]["learned_milli"], strict=True))["s1"] / 1000)


async def test_a_sale_under_way_is_waited_for_and_never_half_seen(database: Database) -> None:
    """The close takes an item's lock before it reads: a sale that holds it is in the close, whole."""
    async with running_inventory(database) as service:
        await service.take(STORY)
        held = asyncio.Event()

        async def sell() -> None:
            async with service.parts.transactions.begin() as tx:
                await store_of(tx).stock.touch(["i0"])
                held.set()
                await asyncio.wait_for(_blocked(service), 20)
                await tx.connection.exec_driver_sql(
                    "UPDATE stock SET sold_milli = sold_milli + 7000, on_hand_milli = on_hand_milli - 7000 "
                    "WHERE (item_id, store_id) = ('i0', 's1')"
                )

        selling = asyncio.create_task(sell())
        await held.wait()
        await service.close(DAYS + 0.1)
        await selling
        assert await _learned_units(service) == (await service.shelves())["i0", "s1"][1]


async def _blocked(service: RunningInventory) -> None:
    waiting: Sequence[object] = ()
    while not waiting:
        waiting = await service.rows("SELECT 1 FROM pg_locks WHERE NOT granted")

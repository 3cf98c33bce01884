"""Stock on a real database: facts in any order, in any batches, from several workers at once, give the same shelves."""

import asyncio
from random import Random

from libs.common.contracts import Event
from tests.support.inventory_events import (
    a_count,
    a_delivery,
    a_movement,
    a_return,
    a_sale,
    a_void,
    a_voucher,
    an_item,
)
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database


def a_history(random: Random) -> list[Event]:
    """Sales, returns, voids, deliveries, movements and counts of three items in two stores, some at the same moment."""
    events: list[Event] = []
    for number in range(60):
        store, day = random.choice(["s1", "s2"]), random.randrange(40) / 8
        items = {f"i{n}": str(random.choice([1, 2, "0.25"])) for n in random.sample(range(3), random.randint(1, 3))}
        item = random.choice(list(items))
        kind = random.randrange(6)
        if kind <= 1:
            events.append(a_sale(f"r{number}", items, day, store_id=store))
        elif kind == 2:
            events.append(a_return(f"b{number}", items, day, store_id=store))
        elif kind == 3:
            events += [
                a_sale(f"r{number}", items, day, store_id=store),
                a_void(f"v{number}", f"r{number}", day + 0.125, store_id=store),
            ]
        elif kind == 4:
            events.append(a_delivery(f"d{number}", item, "3", day, store_id=store))
            events.append(a_movement(f"m{number}", item, "-1", day, store_id=store))
        else:
            events.append(a_count(f"c{number}", item, str(random.randrange(9)), day, store_id=store))
    return events


async def in_batches(service: RunningInventory, events: list[Event], random: Random) -> None:
    """In random order, cut at random places, some of it sent twice."""
    waiting = [*events, *random.sample(events, 15)]
    random.shuffle(waiting)
    while waiting:
        size = random.randint(1, 25)
        await service.take(waiting[:size])
        waiting = waiting[size:]


async def test_no_order_no_batch_and_no_repeat_changes_the_shelves(
    database: Database, other_database: Database
) -> None:
    for seed in range(3):
        events = a_history(Random(seed))
        for number, event in enumerate(events):
            events[number] = event
        async with running_inventory(database) as one, running_inventory(other_database) as other:
            for service in (one, other):
                for table in ("stock", "movements", "receipts", "inbox", "agenda"):
                    await service.rows(f"DELETE FROM {table} RETURNING 1")  # noqa: S608  # our own names
            await one.take(events)
            await in_batches(other, events, Random(seed + 100))
            assert await one.shelves() == await other.shelves()
            sums = "SELECT item_id, store_id, at, sold_milli, moved_milli FROM movements ORDER BY 1, 2, 3"
            assert await one.rows(sums) == await other.rows(sums)


async def test_the_stock_table_keeps_the_law_of_the_fold(database: Database) -> None:
    async with running_inventory(database) as service:
        await in_batches(service, a_history(Random(7)), Random(8))
        broken = await service.rows(
            """SELECT stock.item_id FROM stock WHERE on_hand_milli <> counted_milli + (
                   SELECT coalesce(sum(moved_milli - sold_milli), 0) FROM movements
                   WHERE (movements.item_id, movements.store_id) = (stock.item_id, stock.store_id)
                     AND (stock.counted_at IS NULL OR movements.at > stock.counted_at))
               OR sold_milli <> (SELECT coalesce(sum(movements.sold_milli), 0) FROM movements
                   WHERE (movements.item_id, movements.store_id) = (stock.item_id, stock.store_id))"""
        )
        assert broken == []
        assert len(await service.shelves()) == 6


async def test_workers_that_apply_counts_and_movements_at_the_same_time_lose_nothing(database: Database) -> None:
    random = Random(3)
    async with running_inventory(database) as service:
        facts = [event for event in a_history(random) if event.type.startswith("usual.stock")]
        facts += [a_movement(f"x{n}", f"i{n % 3}", "2", random.randrange(40) / 8) for n in range(200)]
        random.shuffle(facts)
        await asyncio.gather(*(service.apply("ingest.stock.v1", facts[place::6]) for place in range(6)))
        shelves = await service.shelves()
        await service.rows("DELETE FROM stock RETURNING 1")
        await service.rows("DELETE FROM movements RETURNING 1")
        await service.rows("DELETE FROM inbox RETURNING 1")
        await service.apply("ingest.stock.v1", facts)
        assert await service.shelves() == shelves


async def test_a_void_gives_back_what_its_receipt_sold_whichever_comes_first(database: Database) -> None:
    sale, void = a_sale("r1", {"milk": "2"}), a_void("v1", "r1")
    async with running_inventory(database) as service:
        await service.take([a_sale("r2", {"tea": "2"}), a_void("v2", "r2")])
        await service.take([void])
        assert ("milk", "s1") not in await service.shelves()
        await service.take([sale])
        await service.take([sale, void])
        assert await service.shelves() == {("milk", "s1"): (0, 0), ("tea", "s1"): (0, 0)}


async def test_what_is_no_goods_on_a_shelf_and_what_does_not_count_moves_no_stock(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take([an_item("fuel", stock_keeping=False), an_item("milk")])
        await service.take(
            [
                a_sale("r1", {"fuel": "30", "milk": "1", "unlisted": "1"}),
                a_sale("r2", {"milk": "5"}, training=True),
            ]
        )
        assert await service.shelves() == {("milk", "s1"): (-1, 1), ("unlisted", "s1"): (-1, 1)}


async def test_issued_vouchers_are_demand_to_come_however_often_they_are_sent(database: Database) -> None:
    vouchers = [a_voucher("w1", "milk"), a_voucher("w2", "milk")]
    async with running_inventory(database) as service:
        await service.take(vouchers)
        await service.take(vouchers[:1])
        (row,) = await service.rows(
            "SELECT store_id, item_id, last_day - first_day AS days, expected_micro FROM voucher_demand"
        )
        assert row == {"store_id": "s1", "item_id": "milk", "days": 6, "expected_micro": 1_000_000}


async def test_what_a_receipt_becomes_has_the_same_ids_wherever_it_is_read(
    database: Database, other_database: Database
) -> None:
    events = [a_sale("r1", {"milk": "2", "tea": "1"}), a_void("v1", "r1")]
    async with running_inventory(database) as one, running_inventory(other_database) as other:
        await one.apply("ingest.pos.v1", events)
        await other.apply("ingest.pos.v1", events[1:])
        await other.apply("ingest.pos.v1", events[:1])
        ids = [{event.event_id for event in await service.sent("inventory.demand.v1")} for service in (one, other)]
        assert ids[0] == ids[1]
        assert len(ids[0]) == 4

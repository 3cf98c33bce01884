"""Ladders on a real database: the same for any order of arrival, and what has ended is neither promised nor counted on."""

from random import Random

import pytest
from pydantic import ValidationError

from libs.common.contracts import Event
from libs.common.contracts.inventory import Reorder, Reroute
from libs.common.contracts.stock import MovementReason, StockMoved
from services.inventory.domain.stock.shelves import day_of
from services.inventory.store import store_of
from tests.support.inventory_events import (
    START,
    a_count,
    a_delivery,
    a_lane,
    a_movement,
    a_sale,
    an_event,
    an_item,
    at,
)
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database

DAY = day_of(START)


def a_fresh_history(random: Random) -> list[Event]:
    """Three weeks of one perishable and one canned item in two stores: deliveries with lots and without, waste, counts, sales."""
    events = [an_item("milk", shelf_life_days=4), an_item("tin")]
    for number in range(90):
        store, day = random.choice(["s1", "s2"]), random.randrange(80) / 4
        item, kind = random.choice(["milk", "tin"]), random.randrange(8)
        if kind <= 3:
            events.append(a_sale(f"r{number}", {item: str(random.randint(1, 3))}, day, store_id=store))
        elif kind <= 5:
            lots = {int(day) + random.randrange(1, 9): "4"} if random.random() < 0.6 else None
            events.append(a_delivery(f"d{number}", item, "6", day, store_id=store, lots=lots))
        elif kind == 6:
            events.append(a_movement(f"m{number}", item, "-2", day, store_id=store))
        else:
            events.append(a_count(f"c{number}", item, str(random.randrange(12)), day, store_id=store))
    return events


async def ladders(service: RunningInventory, days: float) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Per item and store: days after START and whole units, as a review of that day loads them."""
    async with service.parts.transactions.begin() as tx:
        views = await store_of(tx).reviews.load(["milk", "tin"], at(days))
    return {
        (view.facts.item_id, store_id): [(last - DAY, milli // 1000) for last, milli in rungs]
        for view in views
        for store_id, rungs in zip(view.store_ids, view.ladder or (), strict=False)
    }


async def test_no_order_of_arrival_changes_a_ladder(database: Database, other_database: Database) -> None:
    events = a_fresh_history(Random(5))
    async with running_inventory(database) as one, running_inventory(other_database) as other:
        await one.take(events)
        late = list(events)
        Random(6).shuffle(late)
        for begin in range(0, len(late), 9):
            await other.take([*late[begin : begin + 9], *late[:2]])
        for days in (12.5, 20.0):
            found = await ladders(one, days)
            assert found == await ladders(other, days)
            assert len(found) == 4
        assert {shelf: sum(units for _, units in rungs) for shelf, rungs in found.items()} == {
            shelf: max(units, 0) for shelf, (units, _) in (await one.shelves()).items()
        }


async def test_a_chain_without_shelf_lives_and_lots_has_no_ladders(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take([an_item("milk"), an_item("tin", shelf_life_days=400)])
        await service.take([a_delivery("d", "milk", "5", 0.0), a_delivery("e", "tin", "5", 0.0)])
        assert await ladders(service, 1.0) == {}
        await service.take([a_delivery("f", "tin", "5", 0.5, lots={9: "5"})])
        assert await ladders(service, 1.0) == {("tin", "s1"): [(9, 5), (400, 5)]}


async def test_what_has_ended_is_not_available_and_is_ordered_anew(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take([an_item("milk", shelf_life_days=4), a_lane(hours=24), a_count("c", "milk", "0", 0.0)])
        await service.take([a_delivery("d", "milk", "30", 0.3)])
        await service.take([a_sale(f"r{day}", {"milk": "2"}, day + 0.5) for day in range(4)])
        await service.review(4.5)
        sent = [one.data for one in await service.sent("inventory.commands.v1")]
        (told,) = [one for one in sent if isinstance(one, Reorder)]
        assert "of 22 here end on Friday" in told.explanation
        await service.review(5.1)
        (row,) = await service.rows("SELECT status, available_milli FROM availability")
        assert row["status"] == "none" or row["available_milli"] < 22_000


async def test_a_transfer_takes_the_age_of_its_goods_along(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take([an_item("milk", shelf_life_days=9, price_cents=9_000)])
        await service.take([a_count(f"c{store}", "milk", "0", 0.0, store_id=store) for store in ("s1", "s2")])
        await service.take([a_delivery("d", "milk", "60", 0.2, store_id="s2")])
        await service.take([a_delivery("e", "milk", "20", 0.2, store_id="s1")])
        sales = [
            a_sale(f"r{store}{day}", {"milk": "3"}, day + 0.5, store_id=store)
            for day in range(6)
            for store in ("s1", "s2")
        ]
        await service.take([*sales, a_sale("last", {"milk": "2"}, 5.9)])
        await service.review(6.1)
        moves = [one.data for one in await service.sent("inventory.commands.v1") if isinstance(one.data, Reroute)]
        (move,) = moves
        for store, change, reason in (("s2", -2, "transfer_out"), ("s1", 2, "transfer_in")):
            fact = StockMoved(
                store_id=store, item_id="milk", change=change, reason=MovementReason(reason), command_id=move.command_id
            )
            await service.take([an_event(fact, f"t-{store}", 6.2 if change < 0 else 7.0)])
        assert (await ladders(service, 7.1))["milk", "s1"] == [(9, 2)]


def test_lots_are_never_more_than_what_moved() -> None:
    with pytest.raises(ValidationError, match="more than what moved"):
        a_delivery("d", "milk", "3", 0.0, lots={3: "4"})

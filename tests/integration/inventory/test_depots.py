"""A chain with depots on a real database: stores first, then depots, whatever is killed, repeated or out of order; depots teach no demand."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from libs.common.contracts import Event
from libs.common.contracts.catalog import CatalogLane, CatalogStore
from libs.common.contracts.inventory import Reorder
from libs.common.contracts.stock import MovementReason, StockMoved
from services.inventory.bootstrap.roles import reviewer_of
from services.inventory.domain.depots.supply_chain import lanes_in_force
from services.inventory.store import store_of
from tests.integration.inventory.test_closing import Dying
from tests.integration.inventory.test_closing import Killed as Dead
from tests.integration.inventory.test_reviews import Killed, _killed_in
from tests.support.inventory_events import a_count, a_delivery, a_lane, a_sale, an_event, an_item, at
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database

STORES = ("s1", "s2", "s3")


def a_depot(depot_id: str = "d1") -> Event:
    depot = CatalogStore(store_id=depot_id, name=depot_id, time_zone="UTC", country="FR", currency="EUR", kind="depot")
    return an_event(depot, f"store-{depot_id}", -1.0)


def a_depot_lane(depot_id: str = "d1", store_id: str = "*", *, hours: int = 24, days: float = -1.0) -> Event:
    lane = CatalogLane(
        lane_id=f"{depot_id}-{store_id}",
        supplier_id=depot_id,
        store_id=store_id,
        lead_time_hours=hours,
        depot_id=depot_id,
    )
    return an_event(lane, f"lane-{depot_id}-{store_id}-{days}", days)


def a_fortnight(items: int = 8, held: int = 40) -> list[Event]:
    """Items that sell about two a day in three stores that a depot supplies."""
    random = Random(1)
    events = [a_depot(), a_depot_lane(), a_lane("out", hours=72, store_id="d1")]
    events += [an_item(f"i{number:02}") for number in range(items)]
    for number in range(items):
        events.append(a_count(f"c{number}-d1", f"i{number:02}", str(held * (number % 3)), store_id="d1"))
        for place, store in enumerate(STORES):
            on_hand = (30, 12, 3)[(place + number) % 3]
            events.append(a_count(f"c{number}-{store}", f"i{number:02}", str(on_hand), store_id=store))
    for day in range(4):
        for store in STORES:
            items_sold = {f"i{number:02}": str(random.randint(1, 3)) for number in range(items)}
            events.append(a_sale(f"r{day}-{store}", items_sold, day + 0.5, store_id=store))
    return events


async def test_stores_are_supplied_by_the_depot_and_the_depot_from_outside(database: Database) -> None:
    async with running_inventory(database, reroute=False) as service:
        await service.take(a_fortnight())
        await service.review(4.2)
        commands = await service.commands_sent()
        of_stores = [one for one in commands if isinstance(one, Reorder) and one.store_id != "d1"]
        of_depot = [one for one in commands if isinstance(one, Reorder) and one.store_id == "d1"]
        assert of_stores
        assert {(one.from_store_id, one.supplier_id, one.lane_id) for one in of_stores} == {("d1", "d1", "d1-*")}
        assert {(one.from_store_id, one.supplier_id, one.lane_id) for one in of_depot} == {(None, "supplier", "out")}
        assert {one.item_id for one in of_depot} >= {f"i{number:02}" for number in range(8) if number % 3 == 0}
        for item in range(8):
            promised = sum(one.quantity for one in of_stores if one.item_id == f"i{item:02}")
            assert promised <= 40 * (item % 3)
        assert all("stores ask for" in one.explanation for one in of_depot)
        stock = await service.rows("SELECT DISTINCT store_id FROM availability ORDER BY store_id")
        assert [row["store_id"] for row in stock] == list(STORES), "nobody is offered what lies in a depot"


async def test_goods_leave_the_depot_and_come_to_the_store_once(database: Database) -> None:
    async with running_inventory(database, reroute=False) as service:
        await service.take(a_fortnight(items=2))
        await service.review(4.2)
        sent = [one for one in await service.commands_sent() if isinstance(one, Reorder)]
        order = next(one for one in sent if one.from_store_id == "d1")
        before = await service.shelves()
        gone = StockMoved(
            store_id="d1",
            item_id=order.item_id,
            change=-order.quantity,
            reason=MovementReason.TRANSFER_OUT,
            command_id=order.command_id,
        )
        came = a_delivery(
            "in", order.item_id, str(order.quantity), 5.1, store_id=order.store_id, command_id=order.command_id
        )
        for _ in range(2):
            await service.take([an_event(gone, "out", 4.6), came])
        after = await service.shelves()
        change = {place: after[place][0] - before[place][0] for place in after if after[place] != before[place]}
        assert change == {
            (order.item_id, "d1"): -float(order.quantity),
            (order.item_id, order.store_id): float(order.quantity),
        }
        (row,) = await service.rows(
            "SELECT status, shipped_milli, received_milli FROM commands WHERE command_id = :id", id=order.command_id
        )
        assert row["status"] == "closed"
        assert row["shipped_milli"] == row["received_milli"] == int(order.quantity * 1000)


async def _ends(service: RunningInventory, events: Sequence[Event]) -> object:
    await service.take(events)
    await service.close(4.0)
    await service.review(4.2)
    return await service.open_commands()


@pytest.mark.parametrize("seed", [1, 2])
async def test_facts_twice_and_in_any_order_give_the_same_open_commands(
    database: Database, other_database: Database, seed: int
) -> None:
    facts = a_fortnight()
    shuffled = [*facts, *facts[::3]]
    Random(seed).shuffle(shuffled)
    half = len(shuffled) // 2
    async with running_inventory(database) as service:
        expected = await _ends(service, facts)
    async with running_inventory(other_database, close_batch_items=3, review_batch_items=2) as service:
        await service.take(shuffled[:half])
        assert await _ends(service, shuffled[half:]) == expected


async def test_a_review_killed_in_the_middle_and_run_again_decides_what_one_run_decides(
    database: Database, other_database: Database
) -> None:
    async with running_inventory(database) as whole, running_inventory(other_database, review_batch_items=2) as cut:
        for service in (whole, cut):
            await service.take(a_fortnight())
        await whole.review(4.2)
        for batches in (3, 2, 1):
            with pytest.raises(Killed):
                await _killed_in(cut, batches).run(at(4.2))
        await cut.review(4.2)
        assert await cut.state() == await whole.state()
        await whole.commands_sent()
        await whole.rows("UPDATE agenda SET due_at = '-infinity' RETURNING 1")
        await whole.review(4.2)
        assert await whole.commands_sent() == [], "decided again, nothing more is asked for"


async def test_a_tick_killed_at_each_of_its_transactions_goes_on_with_what_is_left(
    database: Database, other_database: Database
) -> None:
    async with running_inventory(database) as whole, running_inventory(other_database, review_batch_items=3) as cut:
        for service in (whole, cut):
            await service.take(a_fortnight())
        await whole.close(4.1)
        await whole.review(4.2)
        dying = Dying(cut.parts.engine, "inventory")
        reviewer = replace(reviewer_of(cut.parts), transactions=dying)
        for transaction in range(1, 60):
            dying.left = transaction
            try:
                await cut.close(4.1, batch_items=3, transactions=dying)
                await reviewer.run(at(4.2))
            except Dead:
                continue
            break
        assert transaction > 8
        assert await cut.open_commands() == await whole.open_commands()
        assert await cut.learned() == await whole.learned()
        assert sorted(map(str, await cut.commands_sent())) == sorted(map(str, await whole.commands_sent()))


async def test_stores_learn_the_same_with_a_depot_behind_them_as_without(
    database: Database, other_database: Database
) -> None:
    """What a depot gets and sends is no demand, and a shelf that sells nothing tells its stores nothing."""
    facts = a_fortnight()
    as_supplier = [one for one in facts if not one.event_id.endswith("-d1") or one.event_id.startswith("lane")]
    async with running_inventory(database) as with_depot, running_inventory(other_database) as without:
        await with_depot.take([*facts, a_delivery("d", "i00", "70", 3.5, store_id="d1")])
        await without.take(as_supplier)
        for service in (with_depot, without):
            await service.close(4.0)
        learned, plain = await with_depot.learned(), await without.learned()
        assert learned == plain


async def test_a_lane_that_closes_a_circle_is_set_aside_and_said(database: Database) -> None:
    async with running_inventory(database, reroute=False) as service:
        await service.take(
            [*a_fortnight(items=3), a_depot("d2"), a_depot_lane("d1", "d2"), a_depot_lane("d2", "d1", days=0.0)]
        )
        await service.review(4.2)
        lanes = {one.lane_id for one in await service.commands_sent() if isinstance(one, Reorder)}
        assert lanes == {"d1-*", "out"}
        async with service.parts.transactions.begin() as tx:
            known = await store_of(tx).lanes.lanes()
        _, aside = lanes_in_force(list(known.values()))
        assert aside == {"d2-d1": "it closes a circle: d2 supplies d1 supplies d2"}


async def test_a_lane_is_set_aside_by_when_it_was_said_not_by_when_it_came(
    database: Database, other_database: Database
) -> None:
    circle = [a_depot_lane("d1", "d2"), a_depot_lane("d2", "d1", days=0.0)]
    found = []
    async with running_inventory(database) as one, running_inventory(other_database) as other:
        for service, lanes in ((one, circle), (other, circle[::-1])):
            for lane in lanes:
                await service.take([lane])
            async with service.parts.transactions.begin() as tx:
                known = await store_of(tx).lanes.lanes()
            found.append(lanes_in_force(list(known.values()))[1])
    assert found[0] == found[1]
    assert list(found[0]) == ["d2-d1"]

"""Rounds of lanes on a real database: orders wait for the cut-off, keep the lane's limits, and are decided once, whatever dies."""

from collections.abc import Sequence
from datetime import time
from typing import Any

import pytest

from libs.common.contracts import Event
from libs.common.contracts.catalog import CatalogLane
from libs.common.contracts.inventory import Reorder
from libs.common.persistence import Transaction
from services.inventory.bootstrap.roles import reviewer_of
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.handlers.lanes import decide_lanes
from services.inventory.ports import InventoryStore
from services.inventory.store import store_of
from tests.support.inventory_events import a_count, a_sale, an_event, an_item, at
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database

STORES = ("s1", "s2", "s3")
ITEMS = [f"i{number:02}" for number in range(8)]


def a_limited_lane(lane_id: str = "lane", store_id: str = "*", **said: Any) -> Event:
    lane = CatalogLane(
        lane_id=lane_id, supplier_id="supplier", store_id=store_id, lead_time_hours=48, cutoff_at=time(12), **said
    )
    return an_event(lane, f"lane-{lane_id}-{sorted(said.items())}", -1.0)


def empty_shelves(lanes: Sequence[Event]) -> list[Event]:
    """Every store sells two a day of everything and has none left on day 4."""
    events = [*lanes, *(an_item(item, price_cents=900) for item in ITEMS)]
    events += [a_count(f"c-{item}-{store}", item, "8", store_id=store) for item in ITEMS for store in STORES]
    sold = dict.fromkeys(ITEMS, "2")
    events += [a_sale(f"r{day}-{store}", sold, day + 0.5, store_id=store) for day in range(4) for store in STORES]
    return events


async def orders_sent(service: RunningInventory) -> list[Reorder]:
    return [one for one in await service.commands_sent() if isinstance(one, Reorder)]


async def states(service: RunningInventory) -> dict[str, int]:
    rows = await service.rows("SELECT state, count(*) AS count FROM commands WHERE kind = 'reorder' GROUP BY state")
    return {row["state"]: row["count"] for row in rows}


async def test_orders_of_a_lane_with_limits_wait_for_its_cut_off_and_keep_its_truck(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(empty_shelves([a_limited_lane(truck_units=60)]))
        await service.review(4.2)
        assert not await orders_sent(service)
        assert set(await states(service)) == {"proposed"}
        held = await service.rows("SELECT quantity, packs FROM commands WHERE kind = 'reorder'")
        assert sum(row["quantity"] for row in held) > 60
        await service.review(4.49)
        assert not await orders_sent(service)
        await service.review(4.5)
        orders = await orders_sent(service)
        assert orders
        assert sum(one.quantity for one in orders) <= 60
        assert any("cut to the units of lane lane" in one.explanation for one in orders)
        (decided,) = await service.rows("SELECT * FROM lane_rounds")
        assert (decided["proposals"], decided["sent"]) == (len(held), len(orders))
        assert decided["bound_by"] == ["units"]
        assert 0 <= decided["gap_cents"] < 0.1 * decided["value_cents"]


async def test_what_found_no_room_is_asked_for_again_in_the_next_round(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(empty_shelves([a_limited_lane(truck_units=20)]))
        await service.review(4.2)
        await service.review(4.5)
        first = await orders_sent(service)
        assert (await states(service))["cancelled"] > 0
        await service.review(4.6)
        assert not await orders_sent(service)
        await service.review(5.5)
        second = await orders_sent(service)
        known = {(one.command_id, one.version) for one in first}
        new = [one for one in second if (one.command_id, one.version) not in known]  # others are sent again, unanswered
        assert new
        assert {one.command_id for one in new}.isdisjoint(one.command_id for one in first)
        assert sum(one.quantity for one in new) <= 20


async def test_a_lane_without_limits_never_waits(database: Database) -> None:
    async with running_inventory(database) as service:
        free = an_event(
            CatalogLane(lane_id="free", supplier_id="supplier", store_id="s1", lead_time_hours=48), "free", -1.0
        )
        await service.take(empty_shelves([a_limited_lane(truck_units=60), free]))
        await service.review(4.2)
        assert {one.store_id for one in await orders_sent(service)} == {"s1"}


async def test_a_round_below_its_minimum_sends_nothing_and_one_that_can_is_filled_up(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(empty_shelves([a_limited_lane(minimum_order_cents=10**9)]))
        await service.review(4.2)
        await service.review(4.5)
        assert not await orders_sent(service)
        (decided,) = await service.rows("SELECT * FROM lane_rounds")
        assert decided["bound_by"] == ["minimum"]


async def test_lanes_that_lose_their_limits_let_go_what_they_held(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(empty_shelves([a_limited_lane(truck_units=1)]))
        await service.review(4.2)
        lane = CatalogLane(lane_id="lane", supplier_id="supplier", store_id="*", lead_time_hours=48)
        await service.take([an_event(lane, "newer", 4.2)])
        await service.review(4.3)
        assert len(await orders_sent(service)) == len(ITEMS) * len(STORES)


class _Killed(Exception):
    """The process dies."""


async def what_stands(service: RunningInventory) -> list[dict[str, Any]]:
    return await service.rows(
        "SELECT command_id, version, state, quantity, explanation, valid_until FROM commands ORDER BY command_id"
    )


async def test_a_stage_killed_at_any_point_and_run_again_comes_to_the_same(
    database: Database, other_database: Database
) -> None:
    lanes = [a_limited_lane(f"lane-{store}", store, truck_units=15 + place) for place, store in enumerate(STORES)]
    async with running_inventory(database) as whole, running_inventory(other_database) as torn:
        for service in (whole, torn):
            await service.take(empty_shelves(lanes))
            await service.review(4.2)
            await service.commands_sent()
        await whole.review(4.5)
        expected = await what_stands(whole)
        for deaths in range(1, 10):
            calls = 0

            def dying(tx: Transaction, deaths: int = deaths) -> InventoryStore:
                nonlocal calls
                calls += 1
                if calls > deaths:
                    raise _Killed
                return store_of(tx)

            try:
                await decide_lanes(torn.parts.transactions, dying, Policy(), at(4.5))
            except _Killed:
                continue
            break
        again = await decide_lanes(torn.parts.transactions, store_of, Policy(), at(4.5))
        assert not again
        assert await what_stands(torn) == expected
        sent_whole, sent_torn = await orders_sent(whole), await orders_sent(torn)
        assert sorted(one.command_id for one in sent_torn) == sorted(one.command_id for one in sent_whole)


async def test_two_stages_side_by_side_decide_each_round_once(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(empty_shelves([a_limited_lane(truck_units=30)]))
        await service.review(4.2)
        reviewer = reviewer_of(service.parts)
        await reviewer.run(at(4.5))
        await reviewer.run(at(4.5))
        orders = await orders_sent(service)
        assert len({(one.command_id, one.version) for one in orders}) == len(orders)
        assert sum(one.quantity for one in orders) <= 30


@pytest.mark.parametrize("limit", ["truck_grams", "truck_ml", "order_budget_cents"])
async def test_every_kind_of_limit_counts(database: Database, limit: str) -> None:
    async with running_inventory(database) as service:
        said: dict[str, Any] = {limit: 10_000}
        heavy = [
            an_event(
                one.data.model_copy(update={"weight_grams": 500, "volume_ml": 500, "cost_cents": 500}),
                f"{one.event_id}-heavy",
                -0.5,
            )
            for one in (an_item(item, price_cents=900) for item in ITEMS)
        ]
        await service.take([*empty_shelves([a_limited_lane(**said)]), *heavy])
        await service.review(4.2)
        await service.review(4.5)
        orders = await orders_sent(service)
        assert orders
        assert sum(one.quantity for one in orders) * 500 <= 10_000

"""Policies, the shelf plan, packs and calendars on a real database: said once, they are in force with the next review."""

from pathlib import Path
from typing import Any

from libs.common.contracts.catalog import CatalogItem, CatalogLane
from libs.common.contracts.inventory import Reorder
from tests.integration.inventory.test_acknowledgements import Door, open_door
from tests.integration.inventory.test_reviews import a_fortnight
from tests.support.inventory_events import a_count, an_event, at
from tests.support.inventory_running import running_inventory
from tests.support.postgres import Database

SCOPES = frozenset({"inventory:read", "inventory:write"})


def min_max(least: float, most: float) -> dict[str, Any]:
    policy = {"kind": "min_max", "min_units": least, "max_units": most}
    return {"classes": [{"name": "by hand", "matches": {"categories": ["dairy"]}, "policy": policy}]}


async def version_after(door: Door, book: dict[str, Any]) -> int:
    answer = await door.client.put("/v1/policies", json=book)
    assert answer.status_code == 200, answer.text
    version: int = answer.json()["version"]
    return version


async def test_policies_have_versions_and_the_same_again_makes_none(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path, SCOPES) as door:
        assert (await door.get("/v1/policies"))["version"] == 0
        assert [await version_after(door, min_max(3, most)) for most in (9, 9, 8)] == [1, 1, 2]
        assert (await door.get("/v1/policies"))["policies"]["classes"][0]["policy"]["max_units"] == 8
        refused = await door.client.put("/v1/policies", json=min_max(3, 2))
        assert refused.status_code == 422


async def test_who_may_only_read_says_nothing(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path, frozenset({"inventory:read"})) as door:
        assert (await door.client.put("/v1/policies", json=min_max(3, 9))).status_code == 403
        assert (await door.client.put("/v1/shelves", json={"shelves": []})).status_code == 403


async def test_what_is_said_is_in_force_with_the_next_review(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path, SCOPES) as door:
        await version_after(door, min_max(3, 9))
        await door.service.review(4.21)
        found = await door.get("/v1/forecasts", item_id="i00")
        assert {(one["reorder_below"], one["order_up_to"]) for one in found["forecasts"]} == {("3", "9")}
        shelf = {"item_id": "i00", "store_id": "s1", "capacity": "6", "presentation": "1"}
        kept = await door.client.put("/v1/shelves", json={"shelves": [shelf, shelf]})
        assert kept.json() == {"shelves": 1}
        await door.service.review(4.22)
        found = await door.get("/v1/forecasts", item_id="i00", store_id="s1")
        assert found["forecasts"][0]["order_up_to"] == "6"


async def test_master_data_of_packs_layers_and_calendars_reach_the_orders(database: Database) -> None:
    item = CatalogItem(
        item_id="i00",
        name="i00",
        category="dairy",
        item_type="dairy",
        department="food",
        currency="EUR",
        price_cents=800,
        pack_size="4",
        layer_packs=5,
        least_packs=4,
    )
    lane = CatalogLane(
        lane_id="lane",
        supplier_id="supplier",
        store_id="*",
        lead_time_hours=24,
        cutoff_at="06:00",
        time_zone="Nowhere/Land",
        closed_on=[at(5.0).date()],
    )
    async with running_inventory(database) as service:
        await service.take([*a_fortnight(items=1), an_event(item, "newer", 1.0), an_event(lane, "newer-lane", 1.0)])
        await service.take([a_count("empty", "i00", "0", 4.0, store_id="s1")])
        await service.review(4.3)
        orders = [one for one in await service.commands_sent() if isinstance(one, Reorder)]
        assert orders
        assert all(one.quantity == 4 * one.packs and one.packs >= 4 for one in orders)
        # Past the cut-off of day 4; day 5 is closed: ordered at 06:00 of day 6, there a day later.
        assert {one.needed_at for one in orders} == {at(7.25)}


async def test_levels_that_the_chain_states_stand_above_what_the_close_learned(
    database: Database, tmp_path: Path
) -> None:
    async with open_door(database, tmp_path, SCOPES) as door:
        await door.service.close(5.1)
        await version_after(door, min_max(3, 9))
        shelf = {"item_id": "i00", "store_id": "s1", "capacity": "6"}
        await door.client.put("/v1/shelves", json={"shelves": [shelf]})
        learned = (await door.get("/v1/forecasts", item_id="i00"))["forecasts"]
        assert {(one["reorder_below"], one["order_up_to"]) for one in learned} != {("3", "9")}
        await door.service.close(6.1)
        found = (await door.get("/v1/forecasts", item_id="i00"))["forecasts"]
        assert [(one["reorder_below"], one["order_up_to"]) for one in found] == [("3", "6"), ("3", "9"), ("3", "9")]

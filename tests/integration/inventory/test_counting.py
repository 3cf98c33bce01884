"""Count requests on a real database: asked once a silence, ended by a count or a sale, never an order."""

from pathlib import Path

from libs.common.contracts.inventory import CountRequested
from tests.integration.inventory.test_acknowledgements import open_door
from tests.support.inventory_events import a_count, a_lane, a_sale, an_item
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database


async def silenced(service: RunningInventory, until: int = 22) -> None:
    """Two items sell six a day; of one nothing is bought from day 12 on, though the book says that 30 are there."""
    await service.take([a_lane(), *(an_item(item, price_cents=900) for item in ("milk", "soap"))])
    await service.take([a_count("c1", "milk", "102"), a_count("c2", "soap", "900")])
    for day in range(until):
        bought = {"milk": "6", "soap": "6"} if day < 12 else {"soap": "6"}
        await service.take([a_sale(f"r{day}", bought, day + 0.5)])
        await service.close(day + 1.05)


async def asked(service: RunningInventory) -> list[CountRequested]:
    return [
        event.data for event in await service.sent("inventory.commands.v1") if isinstance(event.data, CountRequested)
    ]


async def test_a_silent_shelf_is_to_be_counted_once_and_a_count_ends_it(database: Database) -> None:
    async with running_inventory(database) as service:
        await silenced(service)
        (request,) = await asked(service)
        assert (request.item_id, request.store_id, int(request.book)) == ("milk", "s1", 30)
        assert request.empty_ratio > 0.5
        assert "Count it; an order would not help." in request.reason
        await service.take([a_count("c3", "milk", "0", 22.2)])
        await service.close(23.05)
        assert not await asked(service)


async def test_requests_are_shown_and_nothing_is_promised_from_such_a_shelf(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path) as door:
        await silenced(door.service)
        found = (await door.get("/v1/count-requests"))["requests"]
        (request,) = [one for one in found if one["item_id"] == "milk"]
        assert (request["silent_since"], request["book"]) == ("2031-03-14", "30")
        (stock,) = (await door.get("/v1/stock", item_id="milk"))["stock"]
        assert (stock["on_hand"], stock["available_to_promise"]) == ("30", "0")
        assert stock["empty_ratio"] == request["empty_ratio"]
        await door.service.take([a_sale("again", {"milk": "1"}, 22.3)])
        assert not [one for one in (await door.get("/v1/count-requests"))["requests"] if one["item_id"] == "milk"]
        (stock,) = (await door.get("/v1/stock", item_id="milk"))["stock"]
        assert (stock["available_to_promise"], stock["empty_ratio"]) == ("29", None)

"""Answers to commands, by HTTP and by topic: one effect each, whichever way and however often they come; and what the API shows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.common.contracts.inventory import Command, Reorder
from libs.common.http.credentials import new_key, write_credentials
from services.inventory.app import create_app
from services.inventory.bootstrap import assemble
from tests.integration.inventory.test_reviews import a_fortnight
from tests.support.inventory_events import a_delivery, an_answer, an_event
from tests.support.inventory_running import RunningInventory, running_inventory, settings_for
from tests.support.postgres import Database

SCOPES = frozenset({"inventory:read", "inventory:ack"})


@dataclass
class Door:
    """The API over HTTP, and the worker's side of the same database."""

    client: httpx.AsyncClient
    service: RunningInventory
    commands: list[Any]

    async def say(self, command: Command, status: str, **more: Any) -> httpx.Response:
        body = {"command_id": command.command_id, "version": 1, "item_id": command.item_id, "status": status, **more}
        return await self.client.post("/v1/acknowledgements", json=body)

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def open_door(database: Database, folder: Path, scopes: frozenset[str] = SCOPES) -> AsyncIterator[Door]:
    """A door behind which some commands wait for answers."""
    key, credential = new_key("erp", scopes)
    write_credentials(folder / "credentials.json", [credential])
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=4))
        await service.review(4.2)
        commands = await service.commands_sent()
        parts = assemble(settings_for(database, credentials_file=folder / "credentials.json"), "api")
        app = create_app(parts)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers={"X-Api-Key": key}) as client:
            yield Door(client, service, commands)
        await parts.engine.dispose()


async def test_the_same_answer_twice_has_one_effect(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path) as door:
        command = door.commands[0]
        first = await door.say(command, "amended", quantity="1")
        again = await door.say(command, "amended", quantity="7")
        assert (first.status_code, first.json()["effect"]) == (200, "applied")
        assert (again.status_code, again.json()["effect"]) == (200, "repeated")
        assert first.json()["command"]["promised"] == again.json()["command"]["promised"] == "1"
        assert await door.service.rows("SELECT count(*) FROM acknowledgements") == [{"count": 1}]


async def test_an_answer_by_topic_and_the_same_by_http_are_one(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path) as door:
        command = door.commands[0]
        await door.service.take([an_event(an_answer(command.command_id, command.item_id), "ack", 4.3)])
        answer = await door.say(command, "acknowledged")
        assert answer.json()["effect"] == "repeated"
        assert answer.json()["command"]["status"] == "acknowledged"


async def test_an_answer_to_no_command_of_ours_is_refused_both_ways(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path) as door:
        command = door.commands[0]
        for command_id, item_id in (("nobody's", command.item_id), (command.command_id, "another-item")):
            body = an_answer(command_id, item_id)
            answer = await door.client.post("/v1/acknowledgements", json=body.model_dump(mode="json"))
            assert (answer.status_code, answer.json()["title"]) == (404, "unknown-command")
            batch = await door.service.apply(
                "inventory.acknowledgements.v1", [an_event(body, f"ack-{command_id}-{item_id}", 4.3)]
            )
            assert len(batch.rejected) == 1
        assert await door.service.rows("SELECT count(*) FROM acknowledgements") == [{"count": 0}]


async def test_an_amendment_says_how_much_will_come(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path) as door:
        answer = await door.say(door.commands[0], "amended")
        assert (answer.status_code, answer.json()["title"]) == (422, "amended-without-quantity")


@pytest.mark.parametrize(
    "never", ["9999-12-31T00:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00"]
)
async def test_a_promise_for_the_end_or_the_begin_of_a_calendar_is_none(
    database: Database, tmp_path: Path, never: str
) -> None:
    async with open_door(database, tmp_path) as door:
        for place, command in enumerate(door.commands[:2]):
            status = ("acknowledged", "shipped")[place]
            answer = await door.say(command, status, expected_at=never)
            assert (answer.status_code, answer.json()["effect"]) == (200, "applied"), answer.text
            assert answer.json()["command"]["expected_at"] is None
        for days in (5.2, 6.2, 12.2):
            await door.service.close(days)
            await door.service.review(days)
        stated = await door.service.rows("SELECT DISTINCT expected_at FROM acknowledgements")
        assert stated == [{"expected_at": None}]
        found = await door.get(f"/v1/commands/{door.commands[0].command_id}")
        assert found["status"] == "expired"  # some days after it was needed, as without a promise


async def test_each_scope_opens_its_own_doors(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path, frozenset({"inventory:read"})) as door:
        assert (await door.say(door.commands[0], "acknowledged")).status_code == 403
        assert (await door.client.get("/v1/commands")).status_code == 200
        assert (await door.client.get("/v1/commands", headers={"X-Api-Key": "tk_x_y"})).status_code == 401


async def test_stock_shows_what_is_on_its_way_until_it_has_come(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path) as door:
        order = next(command for command in door.commands if isinstance(command, Reorder))
        place = {"item_id": order.item_id, "store_id": order.store_id}
        (before,) = (await door.get("/v1/stock", **place))["stock"]
        assert before["on_order"] == str(order.quantity)
        arrived = a_delivery(
            "d", order.item_id, str(order.quantity), 4.4, store_id=order.store_id, command_id=order.command_id
        )
        await door.service.take([arrived])
        (after,) = (await door.get("/v1/stock", **place))["stock"]
        assert after["on_order"] == "0"
        assert float(after["on_hand"]) == float(before["on_hand"]) + float(order.quantity)
        assert after["projected"] == before["projected"]


async def test_lists_come_in_pages_that_lose_and_repeat_nothing(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path) as door:
        for path, name, key in (
            ("/v1/stock", "stock", ("item_id", "store_id")),
            ("/v1/commands", "commands", ("command_id",)),
        ):
            whole = [tuple(row[part] for part in key) for row in (await door.get(path))[name]]
            paged: list[tuple[str, ...]] = []
            query: dict[str, Any] = {"limit": 2}
            while True:
                page = await door.get(path, **query)
                paged += [tuple(row[part] for part in key) for row in page[name]]
                if page["next"] is None:
                    break
                query["after"] = page["next"]
            assert paged == whole == sorted(set(whole))


async def test_a_forecast_names_quantiles_that_rise_and_says_when_an_order_is_due(
    database: Database, tmp_path: Path
) -> None:
    async with open_door(database, tmp_path) as door:
        found = (await door.get("/v1/forecasts", item_id="i00"))["forecasts"]
        assert [one["store_id"] for one in found] == ["s1", "s2", "s3"]
        for one in found:
            levels = [one["quantiles"][level] for level in ("0.5", "0.9", "0.95")]
            assert levels == sorted(levels)
            assert float(one["order_up_to"]) > float(one["reorder_below"])
        assert (await door.client.get("/v1/forecasts", params={"item_id": "nothing"})).status_code == 404


async def test_the_api_describes_itself_completely(database: Database, tmp_path: Path) -> None:
    async with open_door(database, tmp_path) as door:
        paths = (await door.get("/openapi.json"))["paths"]
        routes = {
            (path, method): route
            for path, methods in paths.items()
            if path.startswith("/v1") and not path.startswith(("/v1/webhooks", "/v1/edi", "/v1/assortment"))
            for method, route in methods.items()
        }
        assert set(routes) == {
            ("/v1/stock", "get"),
            ("/v1/forecasts", "get"),
            ("/v1/commands", "get"),
            ("/v1/commands/{command_id}", "get"),
            ("/v1/count-requests", "get"),
            ("/v1/lane-rounds", "get"),
            ("/v1/lanes", "get"),
            ("/v1/policies", "get"),
            ("/v1/policies", "put"),
            ("/v1/shelves", "put"),
            ("/v1/commands/{command_id}/history", "get"),
            ("/v1/commands/{command_id}/decisions", "post"),
            ("/v1/commands/stream", "get"),
            ("/v1/exceptions", "get"),
            ("/v1/acknowledgements", "post"),
            ("/v1/acknowledgements/batch", "post"),
        }
        for route in routes.values():
            assert route["summary"]
            assert route["description"]
            refusable = {"422"} if {"parameters", "requestBody"} & set(route) else set()
            assert {"200", "401", "403", "503"} | refusable <= set(route["responses"])
            assert route["security"]

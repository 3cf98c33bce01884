"""Webhooks on a real database and real connections: subscribed by HTTP, delivered by rounds, whatever the endpoint and the worker do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from libs.common.clock import FixedClock
from libs.common.http.credentials import new_key, write_credentials
from services.inventory.app import create_app
from services.inventory.bootstrap import assemble
from services.inventory.bootstrap.webhooks import deliverer_of, keys_of, storage_of
from services.inventory.domain.webhooks import EVENT_TYPES
from services.inventory.handlers.webhooks.delivering import Deliverer
from services.inventory.handlers.webhooks.secrets import WebhookKeys
from tests.support.inventory_running import RunningInventory, running_inventory, settings_for
from tests.support.logged_commands import NOON, a_change, log
from tests.support.postgres import Database
from tests.support.webhook_endpoint import Answer, Call, Endpoint, listening, takes_all

KEY = "a key for tests, long enough to be one"
ALL = sorted(EVENT_TYPES)


@dataclass
class Lab:
    """A door, a service, an endpoint, and a clock that all of them read."""

    client: httpx.AsyncClient
    service: RunningInventory
    endpoint: Endpoint
    clock: FixedClock
    deliverer: Deliverer

    async def subscribe(self, name: str = "erp", **changes: Any) -> dict[str, Any]:
        body = {"url": self.endpoint.url, "event_types": ALL, **changes}
        answer = await self.client.put(f"/v1/webhooks/{name}", json=body)
        assert answer.status_code in {200, 201}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def view(self, name: str = "erp") -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.get(f"/v1/webhooks/{name}")).json()
        return found

    async def round(self, after: float = 0.0) -> int:
        """A round of delivering, some seconds later."""
        self.clock.move(timedelta(seconds=after))
        return await self.deliverer.run_once()


@asynccontextmanager
async def lab(database: Database, folder: Path, behaves: Callable[[Call], Answer] = takes_all) -> AsyncIterator[Lab]:
    key, credential = new_key("office", frozenset({"webhooks:write"}))
    write_credentials(folder / "credentials.json", [credential])
    (folder / "webhook_key").write_text(KEY)
    more: dict[str, Any] = {
        "credentials_file": folder / "credentials.json",
        "webhook_key_file": folder / "webhook_key",
        "webhook_private_networks": ("127.0.0.0/8",),
        "webhook_timeout_seconds": 2.0,
    }
    clock = FixedClock(NOON)
    async with running_inventory(database) as service, listening(behaves) as endpoint:
        parts = assemble(settings_for(database, **more), "api", clock)
        app = create_app(parts)
        keys = keys_of(parts.settings)
        assert keys is not None
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app), base_url="http://api", headers={"X-Api-Key": key}
            ) as client,
        ):
            deliverer = deliverer_of(parts, keys)
            yield Lab(client, service, endpoint, clock, deliverer)
            await deliverer.poster.close()


async def test_a_subscriber_gets_what_happens_from_now_on_signed_and_in_order(
    database: Database, tmp_path: Path
) -> None:
    async with lab(database, tmp_path) as here:
        await log(here.service, a_change(1, command_id="before"))
        made = await here.subscribe()
        await log(
            here.service,
            a_change(2),
            a_change(3, command_id="c2", change="answered", state="acknowledged"),
            a_change(4, command_id="c2", change="proposed", state="proposed", attempts=0),
            a_change(5, kind="reroute", from_store_id="s2", supplier_id=None, lane_id=None, cost_cents=None),
        )
        assert await here.round() == 4  # entries passed: one of them nobody is told of
        assert here.endpoint.taken() == ["c2:1", "command-log:3", "c5:1"]
        assert (
            all(call.is_signed_by(made["secret"]) for call in here.endpoint.calls) is False
        )  # the clock stands in 2031
        first = here.endpoint.calls[0]
        assert first.headers["content-type"].startswith("application/cloudevents+json")
        assert (first.event["id"], first.event["type"]) == ("c2:1", "usual.inventory.reorder.v1")
        assert first.event["data"]["quantity"] == "10"
        assert (await here.view())["cursor"] == 5
        assert await here.round() == 0


async def test_a_receiver_verifies_with_the_library_of_the_standard(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        made = await here.subscribe()
        real = replace(here.deliverer, clock=here.service.parts.clock)
        await log(here.service, a_change(1))
        assert await real.run_once() == 1
        turned = (await here.client.post("/v1/webhooks/erp/secrets", json={"overlap_hours": 240})).json()
        await log(here.service, a_change(2))
        real_again = replace(real, clock=here.service.parts.clock)
        assert await real_again.run_once() == 1
        first, second = here.endpoint.calls
        assert first.is_signed_by(made["secret"])
        assert not first.is_signed_by(turned["secret"])
        assert second.is_signed_by(turned["secret"])
        again = await here.client.post("/v1/webhooks/erp/secrets", json={"overlap_hours": 1})
        assert (again.status_code, again.json()["title"]) == (409, "two-secrets-valid")
        assert not replace_body(second).is_signed_by(turned["secret"])


def replace_body(call: Call) -> Call:
    return Call(call.headers, call.body.replace(b"10", b"99"))


async def test_what_fails_is_tried_again_under_the_same_id_and_other_items_go_on(
    database: Database, tmp_path: Path
) -> None:
    broken = True

    def refuses_milk(call: Call) -> Answer:
        return (503, {}) if broken and call.event["partitionkey"] == "milk" else (200, {})

    async with lab(database, tmp_path, refuses_milk) as here:
        await here.subscribe()
        await log(
            here.service,
            a_change(1, item_id="milk"),
            a_change(2, item_id="milk"),
            a_change(3, item_id="bread"),
        )
        await here.round()
        assert here.endpoint.taken() == ["c3:1"]
        assert (await here.view())["cursor"] == 0
        await here.round(after=5)
        broken = False
        await here.round(after=60)
        assert here.endpoint.taken() == ["c3:1", "c1:1", "c2:1"]
        assert [call.message_id for call in here.endpoint.calls].count("c1:1") == 3
        logged = (await here.client.get("/v1/webhooks/erp/deliveries")).json()["deliveries"]
        assert [(each["position"], each["attempts"], each["status"]) for each in logged] == [
            (1, 3, 200),
            (2, 1, 200),
            (3, 1, 200),
        ]
        assert (await here.view())["cursor"] == 3


async def test_an_endpoint_that_is_down_is_probed_less_and_less_then_disabled_and_loses_nothing(
    database: Database, tmp_path: Path
) -> None:
    answers: list[Answer] = [None]

    async with lab(database, tmp_path, lambda _: answers[0]) as here:
        await here.subscribe()
        await log(here.service, *(a_change(number, item_id=f"i{number}") for number in range(1, 31)))
        for _ in range(80):
            await here.round(after=3600)
        assert (await here.view())["state"] == "disabled"
        assert (await here.view())["disabled_for"] == "failing"
        assert len(here.endpoint.calls) < 30 + 80
        answers[0] = (204, {})
        assert await here.round(after=3600) == 0
        assert (await here.client.post("/v1/webhooks/erp/enable")).json()["state"] == "active"
        for _ in range(3):
            await here.round(after=1)
        assert sorted(here.endpoint.taken(), key=lambda name: int(name[1:-2])) == [f"c{n}:1" for n in range(1, 31)]


async def test_an_endpoint_that_is_gone_is_not_asked_again(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path, lambda _: (410, {})) as here:
        await here.subscribe()
        await log(here.service, a_change(1), a_change(2), a_change(3))
        await here.round()
        await here.round(after=86_400)
        assert len(here.endpoint.calls) == 1
        assert (await here.view())["disabled_for"] == "gone"


async def test_killed_between_posting_and_noting_it_is_posted_again_and_nothing_is_lost(
    database: Database, tmp_path: Path
) -> None:
    dies = True

    class Killed(Exception):
        """Stands for the process' end: nothing after it runs."""

    async with lab(database, tmp_path) as here:
        await here.subscribe()
        await log(here.service, *(a_change(number, item_id=f"i{number % 3}") for number in range(1, 10)))
        count = 0

        class Dying:
            def __init__(self, inner: Any) -> None:
                self.inner = inner

            async def post(self, url: str, body: bytes, headers: Any) -> Any:
                nonlocal count
                count += 1
                outcome = await self.inner.post(url, body, headers)
                if dies and count == 5:
                    raise Killed
                return outcome

            def check(self, url: str) -> None:
                self.inner.check(url)

            async def close(self) -> None:
                pass

        mortal = replace(here.deliverer, poster=Dying(here.deliverer.poster), owner="pod-1")
        try:
            await mortal.run_once()
        except Killed:
            pass
        else:
            raise AssertionError("it should have died")
        dies = False
        assert await here.round(after=5) == 0  # the dead one's lease still runs
        assert await here.round(after=30) == 9
        ids = here.endpoint.taken()
        assert set(ids) == {f"c{number}:1" for number in range(1, 10)}
        assert len(ids) <= 9 + 5


async def test_two_workers_side_by_side_never_serve_one_subscriber_at_the_same_time(
    database: Database, tmp_path: Path
) -> None:
    async with lab(database, tmp_path) as here:
        await here.subscribe()
        await log(here.service, *(a_change(number, item_id=f"i{number % 5}") for number in range(1, 60)))
        workers = [replace(here.deliverer, owner=f"pod-{number}") for number in range(4)]
        await asyncio.gather(*(worker.run_once() for worker in workers))
        assert len(here.endpoint.calls) == len(set(here.endpoint.taken())) == 59


async def test_a_replay_brings_everything_behind_the_position_again_under_its_old_ids(
    database: Database, tmp_path: Path
) -> None:
    async with lab(database, tmp_path) as here:
        await here.subscribe()
        await log(here.service, *(a_change(number) for number in range(1, 6)))
        await here.round()
        answer = await here.client.post("/v1/webhooks/erp/replay", json={"after": 3})
        assert (answer.json()["cursor"], answer.json()["run"]) == (3, 2)
        await here.round()
        assert here.endpoint.taken() == ["c1:1", "c2:1", "c3:1", "c4:1", "c5:1", "c4:1", "c5:1"]
        first_run = (await here.client.get("/v1/webhooks/erp/deliveries", params={"run": 1})).json()
        assert len(first_run["deliveries"]) == 5
        since = (NOON + timedelta(seconds=5)).isoformat()
        assert (await here.client.post("/v1/webhooks/erp/replay", json={"since": since})).json()["cursor"] == 4
        beyond = await here.client.post("/v1/webhooks/erp/replay", json={"after": 99})
        assert (beyond.status_code, beyond.json()["title"]) == (422, "beyond-the-log")
        both = await here.client.post("/v1/webhooks/erp/replay", json={"after": 1, "since": since})
        assert both.json()["title"] == "after-or-since"


async def test_a_test_event_is_sent_at_once_and_its_answer_told(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        await here.subscribe()
        assert (await here.client.post("/v1/webhooks/erp/ping")).json() == {"taken": True, "status": 204, "error": None}
        assert here.endpoint.calls[0].event["type"] == "usual.webhook.ping.v1"


async def test_doors_refuse_inner_addresses_unknown_types_and_strangers(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        for url in ("https://10.0.0.1/", "http://shop.example/", "https://169.254.169.254/"):
            answer = await here.client.put("/v1/webhooks/x", json={"url": url, "event_types": ALL})
            assert (answer.status_code, answer.json()["title"]) == (422, "address-refused")
        answer = await here.client.put("/v1/webhooks/x", json={"url": here.endpoint.url, "event_types": ["internal"]})
        assert answer.json()["title"] == "unknown-event-type"
        assert (await here.client.get("/v1/webhooks/x")).json()["title"] == "unknown-webhook"
        assert (await here.client.get("/v1/webhooks", headers={"X-Api-Key": "tk_x_y"})).status_code == 401


async def test_a_secret_is_shown_once_and_stands_in_no_table(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        made = await here.subscribe()
        again = await here.subscribe(description="other")
        assert made["secret"].startswith("whsec_")
        assert again["secret"] is None
        assert "secret" not in await here.view()
        rows = await here.service.rows("SELECT * FROM webhooks")
        assert made["secret"].removeprefix("whsec_") not in str(rows)
        assert (await here.client.delete("/v1/webhooks/erp")).status_code == 204
        assert (await here.subscribe())["secret"] != made["secret"]


async def test_who_was_away_longer_than_the_log_is_kept_is_told_so(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path, lambda _: (410, {})) as here:
        await here.subscribe()
        await log(here.service, *(a_change(number) for number in range(1, 6)))
        await here.round()
        async with here.service.parts.transactions.begin() as tx:
            await tx.connection.execute(text("DELETE FROM command_log WHERE position < 4"))
        refused = await here.client.post("/v1/webhooks/erp/enable")
        assert (refused.status_code, refused.json()["title"]) == (409, "log-forgotten")
        replayed = await here.client.post("/v1/webhooks/erp/replay", json={"after": 3})
        assert replayed.json()["state"] == "active"


async def test_only_whoever_holds_a_lease_may_note_what_came_of_it(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        await here.subscribe()
        await log(here.service, a_change(1))
        begun, ended = NOON, NOON + timedelta(seconds=30)

        async def held_by(owner: str, now: datetime) -> int:
            async with here.service.parts.transactions.begin() as tx:
                return len(await storage_of(tx).webhooks.lease(owner, now, now + timedelta(seconds=30), 5))

        async def released_by(owner: str) -> bool:
            async with here.service.parts.transactions.begin() as tx:
                return await storage_of(tx).webhooks.release("erp", owner, NOON) is not None

        assert [await held_by("a", begun), await held_by("b", begun), await held_by("b", ended)] == [1, 0, 1]
        assert not await released_by("a")
        assert await held_by("c", ended) == 0
        assert await released_by("b")
        assert await held_by("c", ended) == 1


async def test_subscribers_that_are_always_due_keep_no_other_from_its_turn(database: Database, tmp_path: Path) -> None:
    def refuses_one(call: Call) -> Answer:
        return (500, {}) if call.message_id == "c1:1" else (204, {})

    async with lab(database, tmp_path, refuses_one) as here:
        for name in ("first", "second"):
            await here.subscribe(name)
        await here.subscribe("third", event_types=["usual.inventory.reroute.v1"])
        await log(here.service, a_change(1), a_change(2, kind="reroute", from_store_id="s2", lane_id=None))
        few = replace(here.deliverer, pace=replace(here.deliverer.pace, subscriptions=1))
        for _ in range(4):
            here.clock.move(timedelta(seconds=0.1))
            await few.run_once()
        assert [(await here.view(name))["cursor"] for name in ("first", "second", "third")] == [0, 0, 2]


@pytest.mark.parametrize("seconds", [0.5, 10.0, 60.0])
async def test_a_lease_outlasts_a_round_and_one_attempt_however_patient_it_is(
    database: Database, seconds: float
) -> None:
    async with running_inventory(database, webhook_timeout_seconds=seconds) as service:
        pace = deliverer_of(service.parts, WebhookKeys.of(KEY.encode())).pace
        assert pace.lease > pace.send_for + timedelta(seconds=seconds)


async def test_of_two_that_subscribe_at_once_one_gets_the_secret(database: Database, tmp_path: Path) -> None:
    async with lab(database, tmp_path) as here:
        for number in range(5):
            body = {"url": here.endpoint.url, "event_types": ALL}
            answers = await asyncio.gather(*(here.client.put(f"/v1/webhooks/h{number}", json=body) for _ in range(4)))
            assert sorted(each.status_code for each in answers) == [200, 200, 200, 201]
            assert len([each for each in answers if each.json()["secret"]]) == 1


async def test_old_deliveries_are_forgotten_piece_by_piece_but_those_that_a_cursor_has_still_to_pass(
    database: Database, tmp_path: Path
) -> None:
    def refuses_first(call: Call) -> Answer:
        return (503 if call.message_id == "c1:1" else 204), {}

    async with lab(database, tmp_path, refuses_first) as here:
        await here.subscribe("stuck")
        await log(here.service, *(a_change(number, item_id=f"i{number}") for number in range(1, 5)))
        assert await here.round() == 3
        await here.subscribe("late")
        await log(here.service, *(a_change(number, item_id=f"i{number}") for number in range(5, 8)))
        await here.round()
        found = await here.service.rows("SELECT count(*) FROM webhook_deliveries WHERE webhook_id = 'late'")
        assert found == [{"count": 3}]
        async with here.service.parts.transactions.begin() as tx:
            hooks = storage_of(tx).webhooks
            assert await hooks.forget_before(NOON, 10) == 0
            month = NOON + timedelta(days=31)
            assert [await hooks.forget_before(month, 2) for _ in range(3)] == [2, 1, 0]
        left = await here.service.rows("SELECT webhook_id, position FROM webhook_deliveries ORDER BY 1, 2")
        assert {row["webhook_id"] for row in left} == {"stuck"}, (
            "nothing that was taken ahead of a cursor is sent again"
        )

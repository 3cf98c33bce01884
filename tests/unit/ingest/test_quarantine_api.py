"""The quarantine and the clocks over HTTP: who may, what is answered, and what a description promises."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response

from libs.common.clock import SystemClock
from libs.common.errors import RetryableError
from libs.common.http.credentials import Credentials, new_key, write_credentials
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health
from services.ingest.api.clocks import clocks_router
from services.ingest.api.quarantine import quarantine_router
from services.ingest.handlers import Upkeep
from services.ingest.handlers import upkeep as upkeep_module
from services.ingest.ports import Wanted
from tests.unit.ingest.examples import NOON, SALE, Door, a_key, an_event, raw

BAD = {"currency": "usd"}
RIGHT = [{"op": "replace", "path": "/data/currency", "value": "USD"}]
PATCH = "application/json-patch+json"
CALLERS = {
    "reader": ({"quarantine:read"}, "*"),
    "mender": ({"quarantine:read", "quarantine:write"}, "*"),
    "bound": ({"quarantine:read", "quarantine:write", "clocks:read"}, "7"),
    "clocks": ({"clocks:read"}, "*"),
}


@pytest.fixture
def door() -> Door:
    return Door()


@dataclass
class Desk:
    """Where somebody sits with a key."""

    client: AsyncClient
    keys: Mapping[str, str]

    async def ask(self, method: str, path: str, body: Any = None, *, caller: str = "mender", **query: str) -> Response:
        headers = {"x-api-key": self.keys[caller], "content-type": PATCH if method == "PATCH" else "application/json"}
        content = None if body is None else json.dumps(body)
        return await self.client.request(method, f"/v1{path}", content=content, params=query, headers=headers)


@pytest.fixture
async def desk(door: Door, tmp_path: Path) -> AsyncIterator[Desk]:
    keys = {name: new_key(name, frozenset(scopes), store_id=store) for name, (scopes, store) in CALLERS.items()}
    write_credentials(tmp_path / "credentials.json", [credential for _, credential in keys.values()])
    app = create_service_app("test", description="", health=Health(), metrics=door.registry)
    app.state.credentials = Credentials(tmp_path / "credentials.json", SystemClock())
    app.include_router(quarantine_router(door.quarantine, door.mender))
    app.include_router(clocks_router(door.front.timekeeping))
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://door") as client:
        yield Desk(client, {name: key for name, (key, _) in keys.items()})


async def quarantined(door: Door, *, store_id: str = "*", **changes: Any) -> str:
    event = an_event(**{"data": BAD, **changes})
    (result,) = await door.front.accept_events([raw(event)], a_key(store_id=store_id))
    assert result.quarantine_id is not None
    return result.quarantine_id


async def test_from_the_list_over_the_patch_to_the_topic(desk: Desk, door: Door) -> None:
    await quarantined(door)
    (entry,) = (await desk.ask("GET", "/quarantine")).json()["items"]
    record = (await desk.ask("GET", f"/quarantine/{entry['quarantine_id']}")).json()
    assert json.loads(record["raw_text"]) == an_event(data=BAD)
    repair = [{"op": "replace", "path": record["pointer"], "value": "USD"}]
    place = f"/quarantine/{entry['quarantine_id']}"
    patched = await desk.ask("PATCH", place, repair)
    assert (patched.status_code, patched.json()["status"]) == (200, "accepted")
    sent = await desk.ask("POST", f"{place}/resubmit")
    assert (sent.status_code, sent.json()) == (202, {"id": "e1", "source": "till-1", "status": "accepted"})
    again = await desk.ask("POST", f"{place}/resubmit")
    assert (again.status_code, again.json()["duplicate"]) == (202, True)
    assert door.publisher.ids == ["e1"]
    settled = (await desk.ask("GET", place)).json()
    assert (settled["state"], settled["outcome"], settled["decided_by"]) == ("resubmitted", "accepted", "mender")
    assert json.loads(settled["mended_text"]) == an_event(data={"currency": "USD"})


async def test_what_is_still_wrong_is_a_problem_with_its_place(desk: Desk, door: Door) -> None:
    place = f"/quarantine/{await quarantined(door)}"
    wrong = [{"op": "replace", "path": "/data/currency", "value": "us"}]
    for answer in (await desk.ask("PATCH", place, wrong), await desk.ask("POST", f"{place}/resubmit")):
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert (answer.json()["title"], answer.json()["pointer"]) == ("contract-violation", "/data/currency")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        [{"op": "fold", "path": "/data"}],
        [{"op": "replace", "path": "/data/currency"}],
        [{"op": "move", "path": "/data"}],
        [{"op": "remove", "path": "/data", "value": 1}],
        [{"op": "remove", "path": "/data"}] * 101,
    ],
)
async def test_what_is_no_patch_is_refused(desk: Desk, door: Door, body: Any) -> None:
    answer = await desk.ask("PATCH", f"/quarantine/{await quarantined(door)}", body)
    assert (answer.status_code, answer.json()["title"]) == (422, "invalid-input")


async def test_a_null_is_a_value(desk: Desk, door: Door) -> None:
    place = f"/quarantine/{await quarantined(door)}"
    answer = await desk.ask("PATCH", place, [*RIGHT, {"op": "add", "path": "/data/customer", "value": None}])
    assert answer.status_code == 200


async def test_reading_and_mending_are_two_scopes(desk: Desk, door: Door) -> None:
    place = f"/quarantine/{await quarantined(door)}"
    assert (await desk.ask("GET", place, caller="reader")).status_code == 200
    for method, path, body in (
        ("PATCH", place, RIGHT),
        ("POST", f"{place}/resubmit", None),
        ("POST", f"{place}/discard", {"reason": "a test"}),
        ("POST", "/quarantine/resubmit", {}),
    ):
        assert (await desk.ask(method, path, body, caller="reader")).status_code == 403
    assert (await desk.ask("GET", "/quarantine", caller="clocks")).status_code == 403
    assert (await desk.ask("GET", "/quarantine/classes", caller="clocks")).status_code == 403
    assert (await desk.ask("GET", "/clocks", caller="mender")).status_code == 403


async def test_a_key_of_a_store_sees_and_mends_what_came_with_keys_of_this_store(desk: Desk, door: Door) -> None:
    own, other = await quarantined(door, store_id="7"), await quarantined(door, id="e2")
    listed = (await desk.ask("GET", "/quarantine", caller="bound")).json()["items"]
    assert [entry["quarantine_id"] for entry in listed] == [own]
    (counted,) = (await desk.ask("GET", "/quarantine/classes", caller="bound")).json()
    assert counted["events"] == 1
    assert (await desk.ask("GET", f"/quarantine/{other}", caller="bound")).status_code == 404
    assert (await desk.ask("POST", f"/quarantine/{other}/resubmit", caller="bound")).status_code == 404
    sent = (await desk.ask("POST", "/quarantine/resubmit", {"dry_run": False}, caller="bound")).json()["results"]
    assert [one["quarantine_id"] for one in sent] == [own]


async def test_classes_are_counted_and_a_class_is_sent_only_after_it_was_asked_for(desk: Desk, door: Door) -> None:
    for number in range(3):
        await desk.ask("PATCH", f"/quarantine/{await quarantined(door, id=f'e{number}')}", RIGHT)
    await quarantined(door, id="e0")
    await quarantined(door, id="e9", type="made.up.v1")
    first, second = (await desk.ask("GET", "/quarantine/classes")).json()
    assert (first["slug"], first["type"], first["state"], first["events"], first["times"]) == (
        "contract-violation",
        SALE,
        "waiting",
        3,
        4,
    )
    assert (second["slug"], second["type"], second["events"]) == ("unknown-type", "made.up.v1", 1)
    wanted = {"slug": "contract-violation"}
    dry = (await desk.ask("POST", "/quarantine/resubmit", wanted)).json()
    assert dry["dry_run"]
    assert [one["result"]["status"] for one in dry["results"]] == ["accepted"] * 3
    assert not door.publisher.published
    assert len((await desk.ask("POST", "/quarantine/resubmit", {**wanted, "dry_run": False})).json()["results"]) == 3
    assert sorted(door.publisher.ids) == ["e0", "e1", "e2"]
    waiting = (await desk.ask("GET", "/quarantine", state="waiting")).json()["items"]
    assert [entry["event_id"] for entry in waiting] == ["e9"]


async def test_the_list_is_narrowed_by_what_is_known_of_an_event(desk: Desk, door: Door) -> None:
    await quarantined(door)
    door.wait(timedelta(hours=1))
    await quarantined(door, id="e2", source="till-2", type="made.up.v1")
    for query, ids in (
        ({"slug": "unknown-type"}, ["e2"]),
        ({"type": SALE}, ["e1"]),
        ({"source": "till-2"}, ["e2"]),
        ({"since": (NOON + timedelta(minutes=1)).isoformat()}, ["e2"]),
        ({"state": "discarded"}, []),
        ({}, ["e2", "e1"]),
    ):
        listed = (await desk.ask("GET", "/quarantine", **query)).json()["items"]
        assert [entry["event_id"] for entry in listed] == ids
    assert (await desk.ask("GET", "/quarantine", colour="red")).status_code == 422


async def test_a_discarded_event_says_why_and_is_not_sent(desk: Desk, door: Door) -> None:
    place = f"/quarantine/{await quarantined(door)}"
    assert (await desk.ask("POST", f"{place}/discard", {})).status_code == 422
    assert (await desk.ask("POST", f"{place}/discard", {"reason": "sent by a test"})).status_code == 204
    assert (await desk.ask("GET", place)).json()["outcome"] == "sent by a test"
    answer = await desk.ask("POST", f"{place}/resubmit")
    assert (answer.status_code, answer.json()["title"]) == (409, "already-settled")


async def test_while_the_quarantine_is_away_everything_here_says_so(desk: Desk, door: Door) -> None:
    place = f"/quarantine/{await quarantined(door)}"
    door.quarantine.away = True
    for method, path, body in (("GET", place, None), ("PATCH", place, RIGHT), ("POST", f"{place}/resubmit", None)):
        assert (await desk.ask(method, path, body)).status_code == 503


async def test_clocks_are_told_to_those_who_may_know(desk: Desk, door: Door) -> None:
    ahead = an_event(time=(NOON + timedelta(hours=2)).isoformat(), data={"terminal_id": "t3"})
    await door.front.accept_events([raw(ahead)], a_key(store_id="7"))
    (clock,) = (await desk.ask("GET", "/clocks", caller="clocks")).json()
    assert clock == {
        "store_id": "7",
        "source": "till-1",
        "terminal_id": "t3",
        "events": 1,
        "worst_skew_seconds": 7200.0,
        "last_skew_seconds": 7200.0,
        "last_heard_at": "2026-03-01T12:00:00Z",
    }
    assert len((await desk.ask("GET", "/clocks", caller="bound")).json()) == 1


async def test_upkeep_forgets_all_of_it_though_nothing_can_be_measured(door: Door, monkeypatch: Any) -> None:
    async def too_many(_wanted: Wanted) -> Any:
        raise RetryableError("a statement took too long", slug="database-timeout")

    monkeypatch.setattr(door.quarantine, "classes", too_many)
    monkeypatch.setattr(upkeep_module, "_FORGOTTEN_TOGETHER", 2)
    for number in range(5):
        await quarantined(door, id=f"e{number}")
    door.wait(timedelta(days=29))
    with pytest.raises(RetryableError):
        await Upkeep(door.quarantine, door.front.metrics, door.clock, kept=timedelta(days=28)).round()
    assert not door.quarantine.kept


async def test_upkeep_forgets_what_is_too_old_and_shows_what_waits(door: Door) -> None:
    upkeep = Upkeep(door.quarantine, door.front.metrics, door.clock, kept=timedelta(days=28))
    await quarantined(door)
    door.wait(timedelta(days=27))
    await quarantined(door, id="e2", type="made.up.v1")
    assert await upkeep.round() == 0
    shown = partial(door.registry.get_sample_value, "ingest_quarantine_waiting_events")
    assert shown({"type": SALE, "slug": "contract-violation"}) == 1
    door.wait(timedelta(days=2))
    assert await upkeep.round() == 0
    assert [event.event_id for event in door.quarantine.kept.values()] == ["e2"]
    assert shown({"type": SALE, "slug": "contract-violation"}) is None
    assert shown({"type": "other", "slug": "unknown-type"}) == 1

"""The door over HTTP: statuses, limits, and a description that leaves nothing out."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from libs.common.clock import SystemClock
from libs.common.http.credentials import Credentials, new_key, write_credentials
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health
from libs.common.streaming.errors import SendUnknown
from services.ingest.api.body import Limits
from services.ingest.api.events import events_router
from services.ingest.api.quarantine import quarantine_router
from services.ingest.api.schemas import schemas_router
from services.ingest.domain.intake import Intake
from tests.unit.ingest.examples import DATA, SALE, Door, an_event

LIMITS = Limits(greatest_body_bytes=100_000, greatest_batch=10, body_deadline_seconds=1.0)
CALLERS = {"till": {"events:write"}, "player": {"play"}, "office": {"quarantine:read"}, "bound": {"events:write"}}
ONE = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
INVALID = {"currency": "usd"}


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def intake() -> Intake:
    return Intake(limit_bytes=200_000)


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    made = {
        name: new_key(name, frozenset(scopes), store_id="8" if name == "bound" else "*")
        for name, scopes in CALLERS.items()
    }
    write_credentials(tmp_path / "credentials.json", [credential for _, credential in made.values()])
    return {name: key for name, (key, _) in made.items()}


@pytest.fixture
def app(door: Door, intake: Intake, keys: dict[str, str], tmp_path: Path) -> FastAPI:
    app = create_service_app("test", description="", health=Health(), metrics=door.registry)
    credentials = Credentials(tmp_path / "credentials.json", SystemClock())
    app.state.credentials = credentials
    app.include_router(events_router(door.front, credentials, intake, LIMITS))
    app.include_router(quarantine_router(door.quarantine, door.mender))
    app.include_router(schemas_router())
    return app


@pytest.fixture
async def client(app: FastAPI, keys: dict[str, str]) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://door", headers={"x-api-key": keys["till"]}) as client:
        yield client


async def send(client: AsyncClient, body: Any, headers: Mapping[str, str] = ONE, key: str | None = None) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    own_key = {} if key is None else {"x-api-key": key}
    return await client.post("/v1/events", content=content, headers={**headers, **own_key})


@pytest.mark.parametrize("media_type", ["application/cloudevents+json", "application/json; charset=utf-8"])
async def test_one_event_is_answered_202_when_the_broker_has_it(
    client: AsyncClient, door: Door, media_type: str
) -> None:
    answer = await send(client, an_event(), {"content-type": media_type})
    assert answer.status_code == 202
    assert answer.json() == {"results": [{"id": "e1", "source": "till-1", "status": "accepted"}]}
    assert door.publisher.ids == ["e1"]


async def test_an_event_in_binary_mode_is_an_event_and_its_headers_count_in_that_mode_only(
    client: AsyncClient, door: Door
) -> None:
    event = an_event()
    attributes = {f"ce-{name}": content for name, content in event.items() if name != "data"}
    plain, other = {"content-type": "application/json; charset=utf-8"}, {"ce-specversion": "1.0", "ce-id": "other"}
    first = await send(client, event["data"], {**plain, **attributes})
    second = await send(client, an_event(id="e2"), {**ONE, **other})
    third = await send(client, [an_event(id="e3")], {**BATCH, **other})
    assert [answer.status_code for answer in (first, second, third)] == [202, 202, 202]
    assert door.publisher.ids == ["e1", "e2", "e3"]
    assert (await send(client, event["data"], {**attributes, "content-type": "text/xml"})).status_code == 415


async def test_in_binary_mode_an_array_is_one_events_data_and_invalid(client: AsyncClient, door: Door) -> None:
    attributes = {f"ce-{name}": content for name, content in an_event().items() if name != "data"}
    answer = await send(client, [an_event()], {"content-type": "application/json", **attributes})
    assert (answer.status_code, answer.json()["pointer"]) == (422, "/data")
    assert door.quarantine.kept[answer.json()["quarantine_id"]].event_id == "e1"


@pytest.mark.parametrize("media_type", ["application/cloudevents-batch+json", "application/json"])
async def test_a_batch_is_answered_event_by_event(client: AsyncClient, media_type: str) -> None:
    answer = await send(client, [an_event(), an_event(id="e2", data=INVALID)], {"content-type": media_type})
    assert answer.status_code == 202
    good, bad = answer.json()["results"]
    assert good["status"] == "accepted"
    assert bad == {
        "id": "e2",
        "source": "till-1",
        "status": "quarantined",
        "quarantine_id": bad["quarantine_id"],
        "slug": "contract-violation",
        "detail": bad["detail"],
        "pointer": "/data/currency",
    }


async def test_a_lone_invalid_event_is_a_problem_with_the_place_where_it_is_kept(
    client: AsyncClient, door: Door
) -> None:
    answer = await send(client, an_event(data=INVALID))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert (problem["title"], problem["pointer"], problem["id"]) == ("contract-violation", "/data/currency", "e1")
    assert problem["quarantine_id"] in door.quarantine.kept


async def test_a_lone_event_that_is_no_json_is_kept_too(client: AsyncClient, door: Door) -> None:
    answer = await send(client, b'{"specversion": "1.0", ')
    assert (answer.status_code, answer.json()["title"]) == (422, "invalid-json")
    assert await door.raw_of(answer.json()["quarantine_id"]) == b'{"specversion": "1.0", '


@pytest.mark.parametrize(("body", "slug"), [(b"[", "invalid-json"), (b"{}", "invalid-json"), (b"[]", "empty-batch")])
async def test_a_batch_that_cannot_be_taken_apart_is_refused_as_a_whole(
    client: AsyncClient, door: Door, body: bytes, slug: str
) -> None:
    answer = await send(client, body, BATCH)
    assert (answer.status_code, answer.json()["title"]) == (422, slug)
    assert not door.quarantine.kept


async def test_without_a_key_or_the_scope_nothing_is_read(client: AsyncClient, keys: dict[str, str]) -> None:
    assert (await send(client, an_event(), key="tk_till_0")).status_code == 401
    assert (await send(client, an_event(), key="")).status_code == 401
    assert (await send(client, an_event(), key=keys["office"])).status_code == 403
    assert (await send(client, an_event(), key=keys["player"])).json()["title"] == "missing-scope"


async def test_a_lone_event_of_another_store_is_forbidden_and_in_a_batch_refused(
    client: AsyncClient, keys: dict[str, str], door: Door
) -> None:
    alone = await send(client, an_event(), key=keys["bound"])
    assert (alone.status_code, alone.json()["title"]) == (403, "wrong-store")
    together = await send(client, [an_event(), an_event(data={"store_id": "8"})], BATCH, key=keys["bound"])
    assert together.status_code == 202
    assert [result["status"] for result in together.json()["results"]] == ["refused", "accepted"]
    assert not door.quarantine.kept


async def test_what_was_not_acknowledged_is_a_503_that_says_what_to_send_again(client: AsyncClient, door: Door) -> None:
    door.publisher.failure = SendUnknown("late")
    for body, headers in ((an_event(), ONE), ([an_event()], BATCH)):
        answer = await send(client, body, headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        (result,) = answer.json()["results"]
        assert (result["id"], result["status"], result["slug"]) == ("e1", "unknown", "send-unknown")


async def test_a_database_that_is_away_costs_only_the_invalid_event_its_answer(client: AsyncClient, door: Door) -> None:
    door.quarantine.away = True
    assert (await send(client, an_event())).status_code == 202
    answer = await send(client, [an_event(), an_event(data=INVALID)], BATCH)
    assert answer.status_code == 503
    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "refused"]


async def test_a_body_declared_too_long_is_refused_before_any_of_it_is_read(client: AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = await client.post("/v1/events", content=body(), headers={**ONE, "content-length": "100001"})
    assert (answer.status_code, answer.json()["title"]) == (413, "body-too-large")


async def test_a_body_of_unknown_length_is_refused_as_soon_as_it_is_too_long(
    client: AsyncClient, intake: Intake
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            assert intake.taken_bytes <= LIMITS.greatest_body_bytes, "more was buffered than the limit"
            yield b" " * 20_000

    answer = await client.post("/v1/events", content=body(), headers=ONE)
    assert (answer.status_code, answer.json()["title"]) == (413, "body-too-large")
    assert intake.taken_bytes == 0


@pytest.mark.parametrize(
    ("body", "headers", "slug"),
    [([an_event()] * 11, BATCH, "batch-too-large"), (an_event(data={"note": "x" * 70_000}), ONE, "event-too-large")],
)
async def test_too_many_or_too_long_events_are_413(
    client: AsyncClient, body: Any, headers: dict[str, str], slug: str
) -> None:
    answer = await send(client, body, headers)
    assert (answer.status_code, answer.json()["title"]) == (413, slug)


async def test_a_long_neighbour_in_a_batch_fails_only_itself(client: AsyncClient) -> None:
    answer = await send(client, [an_event(data={"note": "x" * 70_000}), an_event()], BATCH)
    assert [result["status"] for result in answer.json()["results"]] == ["refused", "accepted"]


async def test_another_media_type_and_a_compressed_body_are_415(client: AsyncClient) -> None:
    assert (await send(client, an_event(), {"content-type": "text/plain"})).status_code == 415
    assert (await send(client, an_event(), {**ONE, "content-encoding": "gzip"})).status_code == 415


async def test_a_caller_that_sends_too_slowly_is_told_so(client: AsyncClient, intake: Intake) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with asyncio.timeout(30.0):
        answer = await client.post("/v1/events", content=body(), headers=ONE)
    assert answer.status_code == 408
    assert intake.taken_bytes == 0


async def test_above_the_bound_a_request_is_sent_away_and_below_it_the_next_one_enters(
    client: AsyncClient, intake: Intake, door: Door
) -> None:
    with intake.share() as others:
        others.take(199_900)
        answer = await send(client, an_event())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["title"] == "intake-full"
        assert "results" not in answer.json()
    assert not door.publisher.published
    assert (await send(client, an_event())).status_code == 202


async def test_what_is_in_quarantine_is_for_keys_that_may_read_it(client: AsyncClient, keys: dict[str, str]) -> None:
    kept = (await send(client, an_event(data=INVALID))).json()["quarantine_id"]
    assert (await client.get("/v1/quarantine")).status_code == 403
    office = {"x-api-key": keys["office"]}
    record = (await client.get(f"/v1/quarantine/{kept}", headers=office)).json()
    assert json.loads(record["raw_text"]) == an_event(data=INVALID)
    assert (await client.get("/v1/quarantine/00000000-0000-0000-0000-000000000000", headers=office)).status_code == 404
    assert (await client.get("/v1/quarantine/nonsense", headers=office)).status_code == 422


async def test_pages_of_the_quarantine_hold_each_event_once(client: AsyncClient, keys: dict[str, str]) -> None:
    sent = {(await send(client, an_event(id=f"e{n}", data=INVALID))).json()["quarantine_id"] for n in range(5)}
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        page = (await client.get("/v1/quarantine", params=query, headers={"x-api-key": keys["office"]})).json()
        seen += [item["quarantine_id"] for item in page["items"]]
        if page["next_at"] is None:
            break
        query |= {"before_at": page["next_at"], "before_id": page["next_id"]}
    assert len(seen) == len(set(seen))
    assert set(seen) == sent


async def test_anybody_may_read_what_an_event_must_look_like(client: AsyncClient) -> None:
    listed = (await client.get("/v1/schemas", headers={"x-api-key": ""})).json()
    assert {entry["type"] for entry in listed} >= set(DATA)
    schema = (await client.get(f"/v1/schemas/{SALE}")).json()
    assert schema["$id"] == f"urn:the-usual:schema:{SALE}"
    assert "total_cents" in schema["required"]
    assert (await client.get("/v1/schemas/usual.profile.snapshot.v1")).status_code == 404


async def test_the_description_of_the_hot_route_leaves_nothing_out(client: AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    route = described["paths"]["/v1/events"]["post"]
    assert set(route["responses"]) == {"202", "400", "401", "403", "408", "413", "415", "422", "429", "503"}
    assert set(route["requestBody"]["content"]) == {*ONE.values(), *BATCH.values(), "application/json"}
    assert route["security"] == [{"APIKeyHeader": []}]
    text = json.dumps(described)
    referred = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert referred <= set(described["components"]["schemas"])
    assert described["components"]["schemas"]["EventResult"]["properties"]["status"]["enum"] == [
        "accepted",
        "quarantined",
        "unknown",
        "refused",
    ]

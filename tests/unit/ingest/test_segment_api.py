"""The Segment door over HTTP: who may call from where, and answers that SDKs understand."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from libs.common.clock import SystemClock
from libs.common.contracts import decode
from libs.common.http.credentials import Credentials, new_key, write_credentials
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health
from libs.common.pseudonyms import Pseudonyms
from libs.common.streaming.errors import SendUnknown
from services.ingest.api.body import Limits
from services.ingest.api.segment import GREATEST_BODY_BYTES, segment_router
from services.ingest.domain.intake import Intake
from tests.unit.ingest.examples import NOON, SALE, VISITOR, Door, an_event

SHOP = "https://shop.example"
LIMITS = Limits(greatest_body_bytes=4_000_000, greatest_batch=5, body_deadline_seconds=30.0)
PAGE: Mapping[str, Any] = {"type": "page", "messageId": "m1", "anonymousId": "v1", "properties": {"path": "/milk"}}
UNKNOWN = {**PAGE, "messageId": "m2", "type": "track", "event": "Video Started"}


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    made = {
        "server": new_key("server", frozenset({"events:write"}), holder="site"),
        "web": new_key("web", frozenset({"web:write"}), origins=(SHOP,), holder="site"),
        "office": new_key("office", frozenset({"quarantine:read"})),
    }
    write_credentials(tmp_path / "credentials.json", [credential for _, credential in made.values()])
    return {name: key for name, (key, _) in made.items()}


@pytest.fixture
def app(door: Door, keys: dict[str, str], tmp_path: Path) -> FastAPI:
    app = create_service_app("test", description="", health=Health(), metrics=door.registry)
    credentials = Credentials(tmp_path / "credentials.json", SystemClock())
    app.include_router(segment_router(door.front, credentials, Intake(1_000_000), LIMITS, Pseudonyms(b"s" * 32)))
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://door") as client:
        yield client


def basic(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(f"{key}:".encode()).decode()}


async def batch(client: AsyncClient, key: str, *calls: Mapping[str, Any], **members: Any) -> Response:
    return await client.post("/v1/batch", json={"batch": calls, **members}, headers=basic(key))


async def test_the_write_key_is_taken_wherever_sdks_put_it(client: AsyncClient, keys: dict[str, str]) -> None:
    key = keys["server"]
    for headers in (basic(key), {"authorization": f"Bearer {key}"}, {"x-api-key": key}):
        assert (await client.post("/v1/page", json=PAGE, headers=headers)).status_code == 200
    plain = {"content-type": "text/plain"}
    in_body = json.dumps({**PAGE, "writeKey": key}).encode()
    assert (await client.post("/v1/p", content=in_body, headers=plain)).status_code == 200
    for headers in ({}, basic("tk_server_0"), {"authorization": "Basic ?"}):
        assert (await client.post("/v1/page", json=PAGE, headers=headers)).status_code == 401
    assert (await client.post("/v1/page", json=PAGE, headers=basic(keys["office"]))).status_code == 403


async def test_a_call_by_itself_is_what_its_path_says(client: AsyncClient, keys: dict[str, str], door: Door) -> None:
    calls: dict[str, dict[str, object]] = {
        "track": {"event": "Product Viewed", "properties": {"product_id": "milk"}},
        "page": {"properties": {"path": "/"}},
        "identify": {"traits": {}},
        "alias": {"previousId": "v1", "userId": "u1"},
    }
    for kind, call in calls.items():
        sent = {"messageId": kind, "anonymousId": "v1", **call}
        assert (await client.post(f"/v1/{kind}", json=sent, headers=basic(keys["server"]))).status_code == 200
    types = {decode(message.headers, message.value).type.rpartition(".")[0] for message in door.publisher.published}
    assert types == {
        "usual.web.product_viewed",
        "usual.web.page_viewed",
        "usual.identity.described",
        "usual.identity.linked",
    }


async def test_what_no_event_fits_is_in_quarantine_and_its_neighbours_are_accepted(
    client: AsyncClient, keys: dict[str, str], door: Door
) -> None:
    answer = await batch(client, keys["server"], UNKNOWN, PAGE)
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    first, second = answer.json()["results"]
    assert (first["id"], first["status"], first["slug"]) == ("m2", "quarantined", "unknown-type")
    assert "Video Started" in first["detail"]
    assert (second["id"], second["source"], second["status"]) == ("m1", "segment:site", "accepted")
    (kept,) = door.quarantine.kept.values()
    assert (kept.quarantine_id, kept.door) == (first["quarantine_id"], "segment")


async def test_what_was_not_acknowledged_is_sent_again_and_again_counts_once(
    client: AsyncClient, keys: dict[str, str], door: Door
) -> None:
    door.publisher.failure = SendUnknown("late")
    linked = {**PAGE, "userId": "u1", "timestamp": NOON.isoformat()}
    answer = await batch(client, keys["server"], linked, UNKNOWN, sentAt=NOON.isoformat())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert [result["status"] for result in answer.json()["results"]] == ["unknown", "unknown", "quarantined"]
    door.publisher.failure = None
    for seconds in (1, 2):  # a sender that tries again says again when it sends
        door.wait(timedelta(seconds=1))
        later = (NOON + timedelta(seconds=seconds)).isoformat()
        answer = await batch(client, keys["server"], linked, UNKNOWN, sentAt=later)
        assert answer.status_code == 200
    assert [result.get("duplicate") for result in answer.json()["results"]] == [True, True, None]
    assert len(door.publisher.published) == 2
    assert len(door.quarantine.kept) == 1


async def test_a_senders_wrong_clock_does_not_matter_only_how_long_it_waited(
    client: AsyncClient, keys: dict[str, str], door: Door
) -> None:
    wrong = NOON - timedelta(days=3000)
    called_at, sent_at = wrong.isoformat(), (wrong + timedelta(minutes=7)).isoformat()
    await batch(client, keys["server"], {**PAGE, "timestamp": called_at}, sentAt=sent_at)
    await batch(client, keys["server"], {**PAGE, "messageId": "m2", "originalTimestamp": sent_at}, sentAt=called_at)
    late, at_once = (decode(message.headers, message.value) for message in door.publisher.published)
    assert late.occurred_at == NOON - timedelta(minutes=7)
    assert at_once.occurred_at == NOON


async def test_a_page_may_use_a_key_only_where_the_key_names_its_site(
    client: AsyncClient, keys: dict[str, str]
) -> None:
    for key, origin, status in (
        ("web", SHOP, 200),
        ("web", "https://evil.example", 403),
        ("web", "null", 403),
        ("web", None, 403),
        ("server", None, 200),
        ("server", SHOP, 403),
    ):
        headers = {} if origin is None else {"origin": origin}
        answer = await client.post("/v1/page", json={**PAGE, "writeKey": keys[key]}, headers=headers)
        assert answer.status_code == status, (key, origin)
        assert answer.headers.get("access-control-allow-origin") == origin
        assert answer.headers["vary"] == "Origin"


async def test_a_browser_may_ask_before_it_sends_and_read_why_it_must_wait(
    client: AsyncClient, keys: dict[str, str], door: Door
) -> None:
    asked = await client.options("/v1/batch", headers={"origin": SHOP, "access-control-request-method": "POST"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == SHOP
    assert "authorization" in asked.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in asked.headers
    door.publisher.failure = SendUnknown("late")
    headers = {**basic(keys["web"]), "origin": SHOP}
    answer = await client.post("/v1/batch", json={"batch": [PAGE]}, headers=headers)
    assert answer.status_code == 503
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["access-control-expose-headers"] == "Retry-After"


async def test_a_key_that_anybody_can_read_says_only_what_a_visitor_may_say(door: Door) -> None:
    web = new_key("web", frozenset({"web:write"}), origins=(SHOP,))[1]
    types = {
        SALE: "refused",
        "usual.catalog.item.v1": "refused",
        "usual.stock.counted.v1": "refused",
        "usual.feedback.survey_answered.v1": "refused",
        "usual.web.page_viewed.v1": "accepted",
        "usual.identity.linked.v1": "accepted",
        "usual.consent.changed.v1": "accepted",
    }
    a_visitors = {"usual.consent.changed.v1": {"customer": VISITOR}}
    events = [an_event(event_type, id=event_type, data=a_visitors.get(event_type)) for event_type in types]
    results = await door.front.accept_events([json.dumps(event).encode() for event in events], web)
    assert {str(result.id): result.status for result in results} == types
    assert {result.slug for result in results if result.status == "refused"} == {"missing-scope"}


async def test_a_card_number_is_refused_with_a_status_that_sdks_do_not_repeat(
    client: AsyncClient, keys: dict[str, str], door: Door
) -> None:
    paid = {**PAGE, "messageId": "m3", "properties": {"path": "/", "title": "4111 1111 1111 1111"}}
    answer = await batch(client, keys["server"], PAGE, paid)
    assert answer.status_code == 422
    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "refused"]
    assert not door.quarantine.kept


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({"batch": []}, 422, "empty-batch"),
        ({"batch": [PAGE] * 6}, 413, "batch-too-large"),
        ({"batch": "?"}, 422, "invalid-json"),
        ({"batch": [], "more": "x" * GREATEST_BODY_BYTES}, 413, "body-too-large"),
    ],
)
async def test_a_request_that_cannot_be_taken_apart_is_refused_as_a_whole(
    client: AsyncClient, keys: dict[str, str], body: Any, status: int, slug: str
) -> None:
    answer = await client.post("/v1/batch", json=body, headers=basic(keys["server"]))
    assert (answer.status_code, answer.json()["title"]) == (status, slug)


async def test_a_text_that_a_script_cut_within_a_character_costs_no_call(
    client: AsyncClient, keys: dict[str, str], door: Door
) -> None:
    cut = {**PAGE, "messageId": "m2", "type": "track", "event": "Product Viewed", "properties": {"sku": "milk \ud83d"}}
    body = json.dumps({"batch": [PAGE, cut]})
    answer = await client.post("/v1/batch", content=body, headers=basic(keys["server"]))
    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "accepted"]
    assert '"item_id":"milk \ufffd"' in (door.publisher.published[-1].value or b"").decode()

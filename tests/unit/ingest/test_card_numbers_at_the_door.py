"""A card number is refused wherever it comes in, alone, with its place; it is counted, and nothing of it is kept."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from httpx import ASGITransport, AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from libs.common.card_numbers import CardNumberGuard
from libs.common.errors import Kind
from services.ingest.api.card_numbers import RefuseCardNumbers
from services.ingest.domain.admission import Rules
from tests.support.card_numbers import card_number
from tests.unit.ingest.examples import Door, a_key, an_event, raw

VISA = "4111111111111111"


@given(card_number(), st.sampled_from(["cashier_id", "a_newer_field", "receipt_id", "currency"]))
async def test_it_is_refused_alone_with_its_place_and_neither_kept_nor_published(number: str, field: str) -> None:
    door = Door()
    events = [an_event(id="e1"), an_event(id="e2", data={field: number}), an_event(id="e3")]
    before, refused, after = await door.front.accept_events([raw(event) for event in events], a_key(), door="events")
    assert (before.status, after.status) == ("accepted", "accepted")
    assert (refused.status, refused.slug, refused.kind) == ("refused", "card-number", Kind.UNACCEPTABLE)
    assert (refused.id, refused.pointer) == ("e2", f"/data/{field}")
    assert number not in str(refused)
    assert door.quarantine.kept == {}
    assert door.count("card_numbers_refused", door="events") == 1


async def test_a_name_that_holds_one_is_not_repeated() -> None:
    door = Door()
    (refused,) = await door.front.accept_events([raw(an_event(id=f"sale {VISA}"))], a_key())
    assert (refused.id, refused.source, refused.slug, refused.pointer) == (None, None, "card-number", "/id")


async def test_what_is_wrong_beside_it_is_not_kept_either() -> None:
    door = Door()
    for event in (an_event(data={"currency": "usd", "note": VISA}), an_event(type=VISA), [VISA], VISA):
        (refused,) = await door.front.accept_events([raw(event)], a_key())
        assert refused.slug == "card-number"
    (refused,) = await door.front.accept_events([b"{" + VISA.encode()], a_key())
    assert refused.slug == "card-number"
    assert door.quarantine.kept == {}


async def test_the_chains_own_cards_pass_where_they_are_allowed() -> None:
    door = Door(rules=Rules(cards=CardNumberGuard.allowing(["41111[0-9]{11}"])))
    event = an_event(data={"customer": {"kind": "loyalty_card", "value": VISA}})
    (result,) = await door.front.accept_events([raw(event)], a_key())
    assert result.status == "accepted"
    assert VISA.encode() not in (door.publisher.published[0].value or b"")


@pytest.fixture
def refused() -> Counter:
    return Counter("refused", "test", ["door"], registry=CollectorRegistry())


@pytest.fixture
async def client(refused: Counter) -> AsyncIterator[AsyncClient]:
    app = FastAPI()

    @app.api_route("/v1/{path:path}", methods=["GET", "POST"])
    async def echo(request: Request) -> Any:
        return {"body": (await request.body()).decode()}

    app.add_middleware(RefuseCardNumbers, guard=CardNumberGuard(), refused=refused, greatest_body_bytes=1_000)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://door") as one:
        yield one


async def test_path_query_headers_and_orders_are_looked_through(client: AsyncClient, refused: Counter) -> None:
    spaced = "4111 1111 1111 1111"
    asked = [
        await client.get(f"/v1/quarantine/{VISA}"),
        await client.get("/v1/quarantine", params={"slug": spaced}),
        await client.get(f"/v1/quarantine?slug={spaced.replace(' ', '+')}"),
        await client.post("/v1/events", headers={"ce-subject": VISA}),
        await client.post("/v1/quarantine/1/discard", json={"reason": f"it was {VISA}"}),
    ]
    for answer in asked:
        assert (answer.status_code, answer.json()["title"]) == (422, "card-number")
        assert VISA not in answer.text
    assert refused.labels("request")._value.get() == len(asked)


async def test_what_is_clean_comes_through_whole(client: AsyncClient) -> None:
    order = json.dumps({"reason": "a till with a wrong clock"})

    async def in_pieces() -> AsyncIterator[bytes]:
        for character in order:
            yield character.encode()

    for body in (order, in_pieces()):
        answer = await client.post("/v1/quarantine/1/discard", content=body)
        assert answer.json() == {"body": order}
    assert (await client.post("/v1/events", content=VISA)).status_code == 200  # the door itself looks into events
    assert (await client.post("/v1/quarantine/1/discard", content=b"x" * 1_001)).status_code == 413

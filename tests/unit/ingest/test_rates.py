"""How fast events may come in at the doors: counted one by one, for key and store."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient, Response

from libs.common.clock import SystemClock
from libs.common.http.credentials import Credentials, new_key, write_credentials
from libs.common.http.rate_limits import RateLimited, Rates
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health
from services.ingest.api.body import Limits
from services.ingest.api.events import events_router
from services.ingest.domain.intake import Intake
from services.ingest.settings import Settings
from tests.unit.ingest.examples import Door, a_key, an_event, raw

LIMITS = Limits(greatest_body_bytes=1_000_000, greatest_batch=1_000, body_deadline_seconds=1.0)
RATES = Rates(key_per_second=10.0, store_per_second=15.0, burst_seconds=1)
KEYS = {"a": "7", "b": "7", "c": "8"}


@pytest.fixture
def door() -> Door:
    return Door(rates=RATES)


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    made = {name: new_key(name, frozenset({"events:write"}), store_id=store) for name, store in KEYS.items()}
    write_credentials(tmp_path / "credentials.json", [credential for _, credential in made.values()])
    return {name: key for name, (key, _) in made.items()}


@pytest.fixture
async def client(door: Door, keys: dict[str, str], tmp_path: Path) -> AsyncIterator[AsyncClient]:
    app = create_service_app("test", description="", health=Health(), metrics=door.registry)
    credentials = Credentials(tmp_path / "credentials.json", SystemClock())
    app.include_router(events_router(door.front, credentials, Intake(limit_bytes=10**7), LIMITS))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://door") as client:
        yield client


async def send(client: AsyncClient, key: str, *, events: int, store: str = "7") -> Response:
    body = [an_event(id=f"{key[3]}-{number}", data={"store_id": store}) for number in range(events)]
    return await client.post(
        "/v1/events", content=json.dumps(body), headers={"content-type": "application/json", "x-api-key": key}
    )


async def test_a_batch_costs_its_events_and_who_owes_is_told_when_to_come_again(
    client: AsyncClient, door: Door, keys: dict[str, str]
) -> None:
    assert (await send(client, keys["a"], events=30)).status_code == 202
    published = len(door.publisher.published)
    refused = await send(client, keys["a"], events=1)
    assert (refused.status_code, refused.json()["title"]) == (429, "rate-limited")
    assert (refused.headers["retry-after"], refused.headers["ratelimit"]) == ("2", '"key";r=0;t=2')
    assert len(door.publisher.published) == published
    door.wait(timedelta(seconds=2.1))
    assert (await send(client, keys["a"], events=1)).status_code == 202


async def test_a_flood_of_one_store_costs_no_other_store_anything(client: AsyncClient, keys: dict[str, str]) -> None:
    assert (await send(client, keys["a"], events=30)).status_code == 202
    neighbour = await send(client, keys["b"], events=1)
    assert (neighbour.status_code, neighbour.json()["violated-policies"]) == (429, ["store"])
    assert (await send(client, keys["c"], events=1, store="8")).status_code == 202


async def test_who_is_over_its_rate_is_sent_away_before_its_body_is_read(
    client: AsyncClient, keys: dict[str, str]
) -> None:
    await send(client, keys["a"], events=30)

    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    headers = {"content-type": "application/json", "x-api-key": keys["a"], "content-length": "10"}
    assert (await client.post("/v1/events", content=body(), headers=headers)).status_code == 429


async def test_every_door_meets_the_rates_where_all_events_pass(door: Door) -> None:
    await door.front.accept_events([raw(an_event())] * 10, a_key(), door="poslog")
    with pytest.raises(RateLimited):
        await door.front.accept_events([raw(an_event())], a_key(), door="segment")


async def test_whoever_mends_an_event_does_not_wait_for_the_key_that_sent_it(door: Door) -> None:
    (result,) = await door.front.accept_events([raw(an_event(data={"currency": "usd"}))], a_key())
    await door.front.accept_events([raw(an_event())] * 30, a_key())
    assert result.quarantine_id is not None
    await door.mender.resubmit(result.quarantine_id, a_key())


def test_the_usual_rates_hinder_no_play_and_no_benchmark() -> None:
    rates = Settings.model_construct().rates()
    assert (rates.key_per_second, rates.store_per_second, rates.burst_seconds) == (50_000, 200_000, 2)

"""What the door says and keeps while the broker or the database is down."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import Response

from libs.common.service import migrate_service
from libs.laptop.apache_kafka import ApacheKafka
from libs.laptop.embedded_broker import EmbeddedBroker
from libs.laptop.embedded_postgres import EmbeddedPostgres
from services.ingest.bootstrap import SERVICE
from tests.integration.ingest.running import (
    PATIENCE_SECONDS,
    PROMPT,
    RunningDoor,
    a_recent_event,
    new_ids,
    running_door,
    settings_for,
)
from tests.support.brokers import EMBEDDED, KAFKA, Broker, real_kafka
from tests.support.postgres import Database
from tests.support.stopwatch import stopwatch

POS = "ingest.pos.v1"
PROMPT_SECONDS = 4.0
"""The door's own deadlines are under a second; a test machine is slow at times, even by a stopwatch."""


WITHOUT_DATABASE = {"quarantine_deadline_seconds": 3.0, "person_key_deadline_seconds": 3.0}
"""Enough for the first answer of a database that is back, and prompt."""


async def promptly(door: RunningDoor, body: object) -> Response:
    """The answer, which did not take long by a stopwatch."""
    with stopwatch() as watch:
        answer = await door.send(body)
        assert watch.seconds < PROMPT_SECONDS
    return answer


async def until_taken(door: RunningDoor, body: object) -> None:
    """Send the same again at once while it is answered 503, which takes its time; raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (answer := await door.send(body)).status_code == 503:
            pass
    assert answer.status_code == 202


@pytest.fixture(params=[EMBEDDED, pytest.param(KAFKA, marks=pytest.mark.kafka)])
async def own_broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmbeddedBroker | ApacheKafka]:
    """A broker that a test may kill."""
    broker = EmbeddedBroker(tmp_path / "broker") if request.param == EMBEDDED else real_kafka(tmp_path / "broker")
    await broker.start()
    yield broker
    await broker.stop()


async def test_a_killed_broker_is_an_honest_503_in_under_a_second_and_what_comes_again_is_not_lost(
    database: Database, own_broker: EmbeddedBroker | ApacheKafka, tmp_path: Path
) -> None:
    settings = settings_for(database, own_broker, tmp_path, **PROMPT)
    async with running_door(settings) as door:
        before, during, alone = new_ids(3)
        await until_taken(door, [a_recent_event(before)])
        await own_broker.kill()
        waiting = [a_recent_event(during), a_recent_event(alone)]
        for body in (waiting, waiting[0]):
            answer = await promptly(door, body)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert {result["status"] for result in answer.json()["results"]} <= {"unknown", "refused"}
        await (own_broker.restart() if isinstance(own_broker, ApacheKafka) else own_broker.start())
        await migrate_service(SERVICE, settings)
        await until_taken(door, waiting)
        found = {record.header("ce_id") for record in await door.records(POS, [during, alone])}
        assert found == {during, alone}


async def test_a_door_that_never_reached_its_broker_is_up_not_ready_and_says_so_at_once(
    database: Database, tmp_path: Path
) -> None:
    broker = EmbeddedBroker(tmp_path)
    patient = settings_for(database, broker, tmp_path, publish_deadline_seconds=60.0)
    async with running_door(patient, connected=False) as door:
        assert (await door.client.get("/livez")).status_code == 200
        assert (await door.client.get("/readyz")).status_code == 503
        answer = await promptly(door, [a_recent_event(*new_ids(1))])
        assert answer.status_code == 503
        assert [result["slug"] for result in answer.json()["results"]] == ["broker-unavailable"]


async def test_valid_events_enter_while_postgresql_is_down_and_invalid_ones_are_kept_when_it_is_back(
    broker: Broker, tmp_path: Path
) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", settings={"fsync": "off"})
    await server.start()
    try:
        async with running_door(settings_for(Database(server, "usual"), broker, tmp_path, **WITHOUT_DATABASE)) as door:
            good, bad = new_ids(2)
            await server.kill()
            assert (await door.send(a_recent_event(good))).status_code == 202
            answer = await promptly(door, [a_recent_event(good), a_recent_event(bad, data={"currency": "usd"})])
            assert answer.status_code == 503
            taken, refused = answer.json()["results"]
            assert (taken["status"], refused["status"]) == ("accepted", "refused")
            assert refused["slug"] == "quarantine-unavailable"
            assert (await door.client.get("/livez")).status_code == 200
            await server.start()
            assert await door.statuses([a_recent_event(bad, data={"currency": "usd"})]) == ["quarantined"]
            assert [kept["event_id"] for kept in await door.quarantined()] == [bad]
    finally:
        await server.stop()

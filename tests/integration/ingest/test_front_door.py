"""The door's promises on a real broker and a real database."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.common.contracts import decode
from libs.common.service import migrate_service
from services.ingest.bootstrap import SERVICE
from tests.integration.ingest.running import RunningDoor, a_recent_event, new_ids, running_door, settings_for
from tests.support.brokers import Broker
from tests.support.postgres import Database
from tests.support.secrets import behind_the_door
from tests.unit.ingest.examples import CARD, NOON, TICK, an_event

INVALID = {"currency": "usd"}
POS = "ingest.pos.v1"


@pytest.fixture
async def door(database: Database, broker: Broker, tmp_path: Path) -> AsyncIterator[RunningDoor]:
    async with running_door(settings_for(database, broker, tmp_path)) as running:
        yield running


async def test_what_is_answered_202_is_on_its_topic_and_a_bad_neighbour_is_in_quarantine(door: RunningDoor) -> None:
    good, training, bad = ids = new_ids(3)
    batch = [a_recent_event(good), a_recent_event(training, data={"training": True}), a_recent_event(bad, data=INVALID)]
    answer = await door.send(batch)
    assert answer.status_code == 202
    results = answer.json()["results"]
    assert [result["status"] for result in results] == ["accepted", "accepted", "quarantined"]
    events = [decode(record.headers, record.value) for record in await door.records(POS, ids)]
    assert {event.id for event in events} == {good, training}
    assert all(event.received_at is not None and event.partition_key == behind_the_door(CARD) for event in events)
    (kept,) = await door.quarantined()
    assert (kept["event_id"], kept["quarantine_id"], kept["slug"]) == (
        bad,
        results[2]["quarantine_id"],
        "contract-violation",
    )


async def test_a_repeat_is_known_at_the_door_and_after_a_restart_it_is_a_second_record_with_the_same_id(
    door: RunningDoor,
) -> None:
    (event_id,) = new_ids(1)
    assert "duplicate" not in (await door.send(a_recent_event(event_id))).json()["results"][0]
    assert (await door.send(a_recent_event(event_id))).json()["results"][0]["duplicate"]
    assert len(await door.records(POS, [event_id])) == 1
    async with running_door(door.ingest.settings) as restarted:
        assert "duplicate" not in (await restarted.send(a_recent_event(event_id))).json()["results"][0]
        records = await restarted.records(POS, [event_id])
    assert len(records) == 2
    assert len({decode(record.headers, record.value).event_id for record in records}) == 1


async def test_events_of_one_key_keep_the_order_of_their_batch(door: RunningDoor) -> None:
    ids = new_ids(300)
    catalog = [
        an_event("usual.catalog.item.v1", id=event_id, time=None, data={"item_id": "milk", "price_cents": place})
        for place, event_id in enumerate(ids)
    ]
    assert set(await door.statuses(catalog)) == {"accepted"}
    records = await door.records("ingest.catalog.v1", ids)
    assert [record.header("ce_id") for record in records] == ids
    assert len({record.partition for record in records}) == 1


async def test_many_lone_events_at_once_all_arrive(door: RunningDoor) -> None:
    ids = new_ids(100)
    answers = await asyncio.gather(*(door.send(a_recent_event(event_id)) for event_id in ids))
    assert {answer.status_code for answer in answers} == {202}
    assert {record.header("ce_id") for record in await door.records(POS, ids)} == set(ids)


async def test_the_same_invalid_event_from_many_tills_at_once_is_kept_once(door: RunningDoor) -> None:
    ids = new_ids(5)
    batch = [a_recent_event(event_id, data=INVALID) for event_id in ids]
    answers = await asyncio.gather(*(door.send(batch if turn % 2 else batch[::-1]) for turn in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert sorted(kept["event_id"] for kept in await door.quarantined()) == sorted(ids)


async def test_bytes_in_quarantine_are_the_bytes_that_came(door: RunningDoor) -> None:
    hostile = b'{"specversion": "1.0", "id": "\\u0000", "note": "\xff\x00"}'
    answer = await door.client.post(
        "/v1/events",
        content=hostile,
        headers={"content-type": "application/cloudevents+json", "x-api-key": door.keys["till"]},
    )
    assert answer.status_code == 422
    kept = answer.json()["quarantine_id"]
    record = (await door.client.get(f"/v1/quarantine/{kept}", headers={"x-api-key": door.keys["office"]})).json()
    assert record["raw_text"].encode() != hostile
    assert b64decode(record["raw_base64"]) == hostile


async def test_time_is_told_only_where_data_is_played(
    door: RunningDoor, database: Database, broker: Broker, tmp_path: Path
) -> None:
    (event_id,) = new_ids(1)
    tick = an_event(TICK, id=event_id, time=NOON.isoformat())
    assert (await door.send(tick, caller="player")).json()["title"] == "not-in-play-mode"
    (played := tmp_path / "played").mkdir()
    async with running_door(settings_for(database, broker, played, play_mode=True)) as playing:
        assert (await playing.send(tick)).status_code == 403
        assert not await playing.records("ingest.play.v1", [event_id])
        assert (await playing.send(tick, caller="player")).status_code == 202
        assert len(await playing.records("ingest.play.v1", [event_id])) == 1


async def test_the_door_is_ready_once_it_has_reached_the_broker_and_shows_its_figures(door: RunningDoor) -> None:
    await door.send([a_recent_event(event_id) for event_id in new_ids(3)])
    assert (await door.client.get("/readyz")).status_code == 200
    shown = (await door.client.get("/metrics")).text
    assert 'ingest_events_accepted_total{type="usual.pos.sale.v1"} 3.0' in shown


async def test_migrating_again_changes_nothing(door: RunningDoor) -> None:
    await migrate_service(SERVICE, door.ingest.settings)
    assert await door.statuses([a_recent_event(*new_ids(1))]) == ["accepted"]

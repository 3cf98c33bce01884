"""What is personal is readable nowhere behind the door: not in topics, tables, logs or metrics; and with a lost key for nobody."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from libs.common.clock import SystemClock
from libs.common.contracts import CONTRACTS, TOPICS, decode, identifier_fields, is_sealed
from libs.common.errors import NotFound
from libs.common.persistence import Timeouts, Transactions, make_engine
from libs.common.sealing import KeyEncryptionKey
from libs.common.streaming.reader import TopicReader, TopicRecord
from services.ingest.bootstrap import SERVICE
from services.ingest.domain.field_policy import INCOMING
from services.ingest.handlers import Sealing
from services.ingest.handlers.sealing import KeyRules
from services.ingest.store import PostgresPersonKeys
from tests.integration.ingest.running import (
    PATIENCE_SECONDS,
    RunningDoor,
    a_recent_event,
    new_ids,
    running_door,
    settings_for,
)
from tests.support.brokers import Broker
from tests.support.canaries import found_in, with_canaries, with_unnamed
from tests.support.postgres import Database
from tests.support.profile_running import running_profile
from tests.support.secrets import SECRET_FILE, behind_the_door
from tests.unit.ingest.examples import CARD, DATA, TICK

ANSWER = "usual.feedback.nps_answered.v1"
TYPES = [name for name in INCOMING if name != TICK]
LONG_AGO = "1999-01-01T00:00:00Z"


def planted(mark: str) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """A valid and an invalid event of every type, canaries in both."""
    for number, event_type in enumerate(TYPES):
        good, invalid = new_ids(2)
        body, canaries = with_canaries(event_type, DATA[event_type], f"{mark}n{number}g")
        if identifier_fields(CONTRACTS[event_type]):
            body, unnamed = with_unnamed(body, f"{mark}n{number}g")
            canaries = [*unnamed, *canaries]
        yield a_recent_event(good, type=event_type, data=body, subject=canaries[-1] if canaries else None), canaries
        broken, others = with_canaries(event_type, DATA[event_type], f"{mark}n{number}b")
        broken["note"] = f"canary{mark}n{number}note"
        yield a_recent_event(invalid, type=event_type, data=broken, time=LONG_AGO), [*others, broken["note"]]
    (ill,) = new_ids(1)
    kind = f"canary{mark}kind"
    yield a_recent_event(ill, data={"customer": {"kind": kind, "value": kind}, "cashier_id": {kind: kind}}), [kind]


async def topics_of(door: RunningDoor) -> list[TopicRecord]:
    names = [topic.name for topic in TOPICS if topic.owner == "ingest"]
    settings = door.ingest.settings.stream("ingest-test", call_deadline_seconds=PATIENCE_SECONDS)
    records: list[TopicRecord] = []
    async with TopicReader(settings, names) as reader:
        while not await reader.at_end():
            records += await reader.read()
    return records


async def everything_in(database: Database, schema: str) -> bytes:
    """All values of all tables of a schema."""
    connection = await asyncpg.connect(database.url(schema).replace("+asyncpg", ""))
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
        assert tables
        values: list[bytes] = []
        for (table,) in tables:
            for row in await connection.fetch(f'SELECT * FROM {schema}."{table}"'):  # noqa: S608 - our own names
                values += [value if isinstance(value, bytes) else str(value).encode() for value in row.values()]
        return b"\0".join(values)
    finally:
        await connection.close()


async def test_no_canary_is_found_behind_the_door(
    database: Database,
    broker: Broker,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = settings_for(database, broker, tmp_path)
    async with running_door(settings) as door:
        events = list(planted(new_ids(1)[0][:8]))
        canaries = [canary for _, own in events for canary in own]
        answer = await door.send([event for event, _ in events])
        statuses = [result["status"] for result in answer.json()["results"]]
        assert statuses == [*["accepted", "quarantined"] * len(TYPES), "quarantined"]
        records = await topics_of(door)
        ids = {event["id"] for event, _ in events}
        ours = [record for record in records if record.header("ce_id") in ids]
        assert len(ours) == len(TYPES)
        seen = b"\0".join(
            part for record in records for part in (record.value or b"", *(text for _, text in record.headers))
        )
        assert found_in(seen, canaries) == []
        async with running_profile(database) as profile:
            await profile.take([decode(record.headers, record.value) for record in ours])
            await profile.fold_all()
            assert await profile.facets()
        metrics = (await door.client.get("/metrics")).content
    for where, found in {
        "ingest": await everything_in(database, "ingest"),
        "profile": await everything_in(database, "profile"),
        "metrics": metrics,
        "logs": caplog.text.encode() + "".join(capfd.readouterr()).encode(),
        "answer": answer.content,
    }.items():
        assert found_in(found, canaries) == [], where


async def test_a_key_row_that_is_deleted_makes_its_texts_unreadable_and_no_others(
    database: Database, broker: Broker, tmp_path: Path
) -> None:
    async with running_door(settings_for(database, broker, tmp_path)) as door:
        ids = new_ids(2)
        holders = [{**CARD, "value": name} for name in ids]
        said = [
            a_recent_event(name, type=ANSWER, data={**DATA[ANSWER], "customer": holder, "comment": f"I am {name}"})
            for name, holder in zip(ids, holders, strict=True)
        ]
        assert await door.statuses(said) == ["accepted", "accepted"]
        records = {r.header("ce_id"): json.loads(r.value or b"") for r in await door.records("ingest.feedback.v1", ids)}
        texts = [records[name]["comment"] for name in ids]
        assert all(map(is_sealed, texts))
        sealing, persons = door.ingest.sealing, [behind_the_door(holder) for holder in holders]
        assert [await sealing.open_text(person, text) for person, text in zip(persons, texts, strict=True)] == [
            f"I am {name}" for name in ids
        ]
        assert await sealing.forget(persons[:1]) == 1
        with pytest.raises(NotFound) as gone:
            await sealing.open_text(persons[0], texts[0])
        assert gone.value.slug == "person-key-gone"
        assert await sealing.open_text(persons[1], texts[1]) == f"I am {ids[1]}"


async def test_many_processes_that_meet_new_persons_at_once_agree_on_their_keys(
    database: Database, broker: Broker, tmp_path: Path
) -> None:
    async with running_door(settings_for(database, broker, tmp_path)) as door:
        kek = KeyEncryptionKey.read(SECRET_FILE, "SECRET_FILE")
        engines = [
            make_engine(database.url(SERVICE), schema=SERVICE, application_name="t", timeouts=Timeouts.api())
            for _ in range(4)
        ]
        stores = [PostgresPersonKeys(Transactions(engine, SERVICE)) for engine in engines]
        processes = [
            Sealing(store, kek, SystemClock(), KeyRules(deadline_seconds=PATIENCE_SECONDS)) for store in stores
        ]
        persons = [f"app:p{name}" for name in new_ids(20)]
        ways = [persons, persons[::-1], persons[5:] + persons[:5], persons[::2] + persons[1::2]]
        keys = await asyncio.gather(*(one.keys_of(way) for one, way in zip(processes, ways, strict=True)))
        for person in persons:
            sealed = [each[person].seal(b"theirs") for each in keys]
            assert {await door.ingest.sealing.open_bytes(person, one) for one in sealed} == {b"theirs"}
        for engine in engines:
            await engine.dispose()

"""A till's log through the real door: what was in it is in the topics, what was broken is in quarantine."""

from collections import Counter
from pathlib import Path

from libs.common.contracts import decode
from libs.common.contracts.pos import Return, Sale, Void
from tests.integration.ingest.running import RunningDoor, running_door, settings_for
from tests.support.brokers import Broker
from tests.support.poslog_documents import document, poslog, sale, transaction
from tests.support.postgres import Database

TOPIC = "ingest.pos.v1"


async def test_a_days_log_is_in_the_topic_once_however_often_it_is_sent_and_broken_parts_wait_in_quarantine(
    database: Database, private_broker: Broker, tmp_path: Path
) -> None:
    settings = settings_for(
        database, private_broker, tmp_path, poslog_time_zone="Europe/Berlin", clock_behind_days=100_000
    )
    broken = transaction(sale("1.005"), sequence="2")
    async with running_door(settings) as door:
        first = await _sent(door, document("day_v2"))
        assert await _sent(door, document("day_v2")) == first
        await _sent(door, poslog(transaction(), broken))
        records = await door.records(TOPIC, first)
        bodies = [decode(record.headers, record.value).data for record in records]
        (kept,) = await door.quarantined()
    assert sorted(record.header("ce_id") or "" for record in records) == sorted(first)
    assert Counter(map(type, bodies)) == {Sale: 3, Return: 1, Void: 1}
    assert sum(body.total_cents for body in bodies if isinstance(body, Sale) and body.counts) == 550
    assert (kept["slug"], kept["door"]) == ("invalid-amount", "poslog")


async def _sent(door: RunningDoor, body: bytes) -> list[str]:
    """The ids of the events that the broker has."""
    headers = {"content-type": "application/xml", "x-api-key": door.keys["till"]}
    answer = await door.client.post("/v1/poslog", content=body, headers=headers)
    assert answer.status_code == 202, answer.text
    told = [event for one in answer.json()["transactions"] for event in one["events"]]
    return [event["id"] for event in told if event["status"] == "accepted"]

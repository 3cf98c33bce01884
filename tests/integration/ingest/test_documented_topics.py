"""What lies on the topics after the running door took it is what the AsyncAPI document says."""

from pathlib import Path

from libs.common.contracts.topics import TOPICS
from tests.integration.ingest.running import a_recent_event, new_ids, running_door, settings_for
from tests.support.asyncapi import Documented, written_document
from tests.support.brokers import Broker
from tests.support.postgres import Database
from tests.unit.ingest.examples import DATA


async def test_one_event_of_every_type_lies_on_its_topic_as_the_document_says(
    database: Database, broker: Broker, tmp_path: Path
) -> None:
    documented = Documented(written_document())
    sent = dict(zip(new_ids(len(DATA)), DATA, strict=True))
    async with running_door(settings_for(database, broker, tmp_path)) as door:
        answer = await door.send([a_recent_event(event_id, event_type=name) for event_id, name in sent.items()])
        assert {result["status"] for result in answer.json()["results"]} == {"accepted"}
        topics = [topic.name for topic in TOPICS if topic.owner == "ingest" and set(topic.types) & set(DATA)]
        records = [record for topic in topics for record in await door.records(topic, list(sent))]
    assert {record.header("ce_id"): record.header("ce_type") for record in records} == sent
    assert [fault for record in records for fault in documented.faults_of_record(record)] == []

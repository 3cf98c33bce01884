"""On real Apache Kafka: what an erased person left in topics is gone byte for byte once retention and compaction have passed."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from libs.common.clock import SystemClock
from libs.common.contracts import TOPICS
from libs.common.contracts.topics import PROFILE_ERASED, PROFILE_ERASURES
from libs.common.ids import derived_id
from libs.common.streaming import ensure_topics, run_until_stopped
from libs.laptop.apache_kafka import ApacheKafka
from services.profile.bootstrap import assemble, worker_of
from services.profile.handlers.erasing import Erasing
from services.profile.store import PostgresProfileStore
from tests.integration.ingest.running import RunningDoor, a_recent_event, new_ids, running_door
from tests.integration.ingest.running import settings_for as ingest_settings_for
from tests.support.brokers import real_kafka
from tests.support.postgres import Database
from tests.support.profile_running import migrated, settings_for
from tests.support.secrets import behind_the_door
from tests.unit.ingest.examples import CARD, DATA

pytestmark = [pytest.mark.kafka, pytest.mark.faults]
KEPT_ON_PURPOSE = (PROFILE_ERASURES.name, PROFILE_ERASED.name)
SHORT = timedelta(seconds=5)
PATIENCE_SECONDS = 120.0
IMPATIENT = {
    "log.retention.check.interval.ms": "500",
    "log.initial.task.delay.ms": "500",
    "log.cleaner.backoff.ms": "500",
    "log.cleaner.min.cleanable.ratio": "0.01",
    "log.segment.delete.delay.ms": "100",
}
ANSWER = "usual.feedback.nps_answered.v1"


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[ApacheKafka]:
    """A broker that looks every half second for what is too old."""
    broker = real_kafka(tmp_path / "kafka", settings=IMPATIENT)
    asyncio.run(broker.start())
    yield broker
    asyncio.run(broker.stop())


def logs_with(folder: Path, needle: str) -> set[str]:
    """The topics whose log segments hold these bytes, those apart that keep pseudonyms on purpose."""
    found = set()
    for path in folder.glob("kafka-1/*/*.log*"):
        topic = path.parent.name.rpartition("-")[0]
        if not topic.startswith(KEPT_ON_PURPOSE) and needle.encode() in path.read_bytes():
            found.add(topic)
    return found


async def tell(door: RunningDoor, card: str) -> None:
    """A sale, a comment, a consent of somebody."""
    holder = {**CARD, "value": card}
    bodies = {
        ANSWER: {**DATA[ANSWER], "customer": holder, "comment": f"I am {card}"},
        "usual.pos.sale.v1": {**DATA["usual.pos.sale.v1"], "customer": holder, "receipt_id": new_ids(1)[0]},
        "usual.consent.changed.v1": {**DATA["usual.consent.changed.v1"], "customer": holder},
    }
    events = [a_recent_event(new_ids(1)[0], type=name, data=body) for name, body in bodies.items()]
    assert set(await door.statuses(events)) == {"accepted"}


async def test_what_an_erased_person_left_in_topics_is_gone_after_retention(
    database: Database, kafka: ApacheKafka, tmp_path: Path
) -> None:
    one, other = new_ids(2)
    pseudonym = behind_the_door({**CARD, "value": one})
    customer_id = derived_id("customer", pseudonym)
    settings = settings_for(
        database, kafka_bootstrap=kafka.bootstrap, kafka_idempotence=kafka.idempotence, play_mode=False
    )
    short = [
        topic
        if topic.name in KEPT_ON_PURPOSE
        else replace(topic, partitions=1, retention=topic.retention and SHORT, compaction_lag=SHORT)
        for topic in TOPICS
    ]
    await ensure_topics(settings.stream("test"), [replace(topic, partitions=1) for topic in short])
    await migrated(settings)
    stop = asyncio.Event()
    worker = asyncio.create_task(run_until_stopped(worker_of(assemble(settings, "worker")), stop))
    parts = assemble(settings, "api")
    try:
        async with (
            running_door(ingest_settings_for(database, kafka, tmp_path)) as door,
            asyncio.timeout(PATIENCE_SECONDS),
        ):
            await tell(door, one)
            while "profile.snapshots.v1" not in logs_with(kafka.folder, customer_id):  # noqa: ASYNC110 - see below
                await asyncio.sleep(0.1)  # noqa: TID251 - a broker is waited for
            erasing = Erasing(parts.transactions, PostgresProfileStore, SystemClock(), play_mode=False)
            await erasing.erase(customer_id)
            while logs_with(kafka.folder, pseudonym.partition(":")[2]) | logs_with(kafka.folder, customer_id):
                # Life goes on: what others do lets segments be closed, and only closed ones are compacted.
                await tell(door, other)
                await asyncio.sleep(0.5)  # noqa: TID251 - a broker is waited for
    finally:
        stop.set()
        await worker
        await parts.engine.dispose()

"""The worker and the learner as they run: from the ingest topics to snapshots, identity changes and models."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from libs.common.contracts import TOPIC_OF_TYPE, TOPICS, Event, decode
from libs.common.contracts.profile import IdentityChanged, ModelPublished, ProfileSnapshot, SegmentEntered
from libs.common.persistence import OutboxMessage
from libs.common.streaming import Producer, ensure_topics, run_until_stopped
from libs.common.streaming.reader import TopicReader
from services.profile.bootstrap import assemble, learner_of, worker_of
from services.profile.domain.needs import MODEL_NAMES
from services.profile.handlers.intake import own_customer_id
from services.profile.settings import Settings
from tests.support.brokers import Broker
from tests.support.postgres import Database
from tests.support.profile_events import a_consent, a_link, a_sale, a_tick, card, visitor
from tests.support.profile_running import migrated, settings_for

ONE, OTHER, TRIPS = 7_001, 7_002, 3
IDS = {own_customer_id(card(ONE).key), own_customer_id(visitor(OTHER).key)}


async def sent(settings: Settings, events: Sequence[Event]) -> None:
    producer = Producer(settings.stream("test"))
    messages = [OutboxMessage.of(event, TOPIC_OF_TYPE[event.type]) for event in events]
    assert set(await producer.send_many(messages)) == {None}
    await producer.stop()


async def seen(settings: Settings, topic: str, wanted: Any) -> list[Any]:
    """What the topic carries, read until `wanted` says that it is enough."""
    found: list[Any] = []
    async with asyncio.timeout(120), TopicReader(settings.stream("test"), [topic]) as reader:
        while not wanted(found):
            found += [decode(r.headers, r.value).data if r.value else None for r in await reader.read()]
    return found


def complete(found: list[Any]) -> bool:
    """A view with all three trips and the consent as it was withdrawn."""
    return any(
        isinstance(view, ProfileSnapshot)
        and view.customer_id in IDS
        and len(view.ranking_state["visit_at_seconds"]) == TRIPS
        and [word.granted for word in view.consents] == [False]
        for view in found
    )


def told_of_us(found: list[Any]) -> bool:
    return any(isinstance(told, IdentityChanged) and told.customer_id in IDS for told in found)


def entered_by_us(found: list[Any]) -> bool:
    return any(isinstance(move, SegmentEntered) and move.customer_id in IDS for move in found)


async def from_end_to_end(settings: Settings) -> None:
    sales = [a_sale(f"broker-{n}", card(ONE), day=n) for n in range(TRIPS)]
    await sent(settings, [*sales, *sales, a_consent("broker-c", card(ONE), granted=False, day=3)])
    await seen(settings, "profile.snapshots.v1", complete)
    await sent(settings, [a_link("broker-l", card(ONE), visitor(OTHER), day=4), a_tick(4.0)])
    changes = await seen(settings, "profile.identity.v1", told_of_us)
    assert {(told.customer_id, told.now_customer_id) for told in changes if told.customer_id in IDS} == {
        (max(IDS), min(IDS))
    }
    moves = await seen(settings, "profile.segments.v1", entered_by_us)
    assert any(isinstance(move, SegmentEntered) and move.segment_id == "new" for move in moves)
    models = await seen(settings, "profile.models.v1", lambda found: len(found) >= 2)
    assert {model.model_name for model in models if isinstance(model, ModelPublished)} == set(MODEL_NAMES.values())


async def test_contacts_become_snapshots_identity_changes_and_models(
    database: Database, private_broker: Broker
) -> None:
    settings = settings_for(
        database,
        kafka_bootstrap=private_broker.bootstrap,
        kafka_idempotence=private_broker.idempotence,
        learning_interval_seconds=86_400.0,
    )
    await migrated(settings)
    topics = [replace(topic, partitions=min(topic.partitions, 4)) for topic in TOPICS]
    await ensure_topics(settings.stream("test"), topics)
    stop = asyncio.Event()
    running = [
        asyncio.create_task(run_until_stopped(worker_of(assemble(settings, "worker")), stop)),
        asyncio.create_task(run_until_stopped(learner_of(assemble(settings, "learner")), stop)),
    ]
    story = asyncio.create_task(from_end_to_end(settings))
    await asyncio.wait([story, *running], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.gather(*running)
    await story

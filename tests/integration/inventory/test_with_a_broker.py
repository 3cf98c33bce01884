"""The worker as it runs: from the ingest topics to commands and availability, and answers back."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from libs.common.contracts import TOPIC_OF_TYPE, TOPICS, Event, decode
from libs.common.contracts.inventory import Availability, Reorder, Reroute
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.contracts.web import Searched
from libs.common.persistence import OutboxMessage, Transactions, make_engine
from libs.common.streaming import Producer, ensure_topics, run_until_stopped
from libs.common.streaming.reader import TopicReader
from services.inventory.bootstrap import assemble, assortment_desk_of, worker_of
from services.inventory.domain.assortment.unmet_demand import UnmetWish
from services.inventory.settings import Settings
from tests.integration.inventory.test_reviews import a_fortnight
from tests.support.brokers import Broker
from tests.support.inventory_events import a_tick, an_answer, an_event
from tests.support.inventory_running import RunningInventory, migrated, settings_for
from tests.support.postgres import Database

ITEMS = {f"i{number:02}" for number in range(12)}


async def sent(settings: Settings, events: Sequence[Event]) -> None:
    producer = Producer(settings.stream("test"))
    messages = [OutboxMessage.of(event, TOPIC_OF_TYPE[event.type]) for event in events]
    assert set(await producer.send_many(messages)) == {None}
    await producer.stop()


async def seen(settings: Settings, topic: str, enough: Callable[[list[Any]], bool]) -> list[Any]:
    """What the topic says of our items, read until it is enough."""
    found: list[Any] = []
    async with asyncio.timeout(120), TopicReader(settings.stream("test"), [topic]) as reader:
        while not enough(found):
            read = [decode(record.headers, record.value).data for record in await reader.read() if record.value]
            found += [fact for fact in read if getattr(fact, "item_id", None) in ITEMS]
    return found


async def until(service: RunningInventory, sql: str, wanted: object) -> None:
    async with asyncio.timeout(120):
        while [row["found"] for row in await service.rows(sql)] != [wanted]:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.05)


def is_whole(found: list[Any]) -> bool:
    """Commands of both kinds."""
    return {type(command) for command in found} == {Reorder, Reroute}


async def from_end_to_end(settings: Settings, service: RunningInventory) -> None:
    facts = a_fortnight()
    await sent(settings, [*facts, *facts])
    await until(service, "SELECT count(*) AS found FROM stock", len(ITEMS) * 3)
    await until(service, "SELECT count(*) AS found FROM movements WHERE sold_milli > 0", len(ITEMS) * 3 * 4)
    await sent(settings, [a_tick(4.2), a_tick(4.2)])
    found = await seen(settings, "inventory.commands.v1", is_whole)
    told = await seen(settings, "inventory.availability.v1", lambda facts: len({_place(one) for one in facts}) >= 36)
    assert all(isinstance(one, Availability) and one.version >= 1 for one in told)
    command = found[0]
    await sent(settings, [an_event(an_answer(command.command_id, command.item_id), "broker-ack", 4.3)])
    status = f"SELECT status AS found FROM commands WHERE command_id = '{command.command_id}'"  # noqa: S608  # an id of ours
    await until(service, status, "acknowledged")
    assert await service.rows("SELECT count(*) FROM reviews WHERE reached_at = '2031-03-07 04:48:00+00'") == [
        {"count": 1}
    ]
    await searches_from_end_to_end(settings, service)


async def searches_from_end_to_end(settings: Settings, service: RunningInventory) -> None:
    """Sent twice, counted once, told by item and place."""
    visitors = [Identifier(kind=IdentifierKind.WEB_VISITOR, value=f"v{number}") for number in range(9)]
    searches = [
        an_event(
            Searched(visitor=one, query="", results_count=0, item_id="i00", store_id="s9"), f"search-{one.value}", 3.5
        )
        for one in visitors
    ]
    await sent(settings, [*searches, *searches])
    await until(service, "SELECT sum(unanswered)::integer AS found FROM searches", len(visitors))
    await service.close(4.2)
    (line,) = await assortment_desk_of(service.parts).unmet(UnmetWish(place_id="s9"))
    assert (line.subject.subject_id, line.sought.unanswered) == ("i00", len(visitors))


def _place(fact: Any) -> tuple[str, str]:
    return fact.item_id, fact.store_id


async def test_facts_on_topics_become_commands_and_availability_on_topics(
    database: Database, private_broker: Broker
) -> None:
    settings = settings_for(
        database, kafka_bootstrap=private_broker.bootstrap, kafka_idempotence=private_broker.idempotence
    )
    await migrated(settings)
    topics = [replace(topic, partitions=min(topic.partitions, 4)) for topic in TOPICS]
    await ensure_topics(settings.stream("test"), topics)
    engine = make_engine(settings.database_url.get_secret_value(), schema="inventory", application_name="test")
    parts = replace(assemble(settings, "worker"), transactions=Transactions(engine, "inventory"))
    stop = asyncio.Event()
    worker = asyncio.create_task(run_until_stopped(worker_of(assemble(settings, "worker")), stop))
    story = asyncio.create_task(from_end_to_end(settings, RunningInventory(parts)))
    await asyncio.wait([story, worker], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await worker
    await story
    await engine.dispose()

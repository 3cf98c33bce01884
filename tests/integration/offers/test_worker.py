"""The worker as it runs: from the topics of others to what checkouts read, and from the outbox to our topics."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from libs.common.clock import SystemClock
from libs.common.contracts import TOPIC_OF_TYPE, TOPICS, Event, decode
from libs.common.contracts.offers import Decided, VoucherExpired, VoucherIssued, VoucherRedeemed
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.profile import ProfileCompleted
from libs.common.persistence import OutboxMessage
from libs.common.streaming import Producer, ensure_topics, run_until_stopped
from libs.common.streaming.reader import TopicReader
from services.offers.bootstrap import assemble, migrate, worker_of
from services.offers.settings import Settings
from tests.support.brokers import Broker
from tests.support.offers_facts import NOW, a_campaign, a_model, a_snapshot, an_event, availability, card, catalogue
from tests.support.offers_running import Till, next_id, open_till, settings_of
from tests.support.postgres import Database


async def sent(settings: Settings, events: list[Event]) -> None:
    producer = Producer(settings.stream("test"))
    outcomes = await producer.send_many([OutboxMessage.of(event, TOPIC_OF_TYPE[event.type]) for event in events])
    assert set(outcomes) == {None}
    await producer.stop()


async def read_until(settings: Settings, wanted: Any) -> list[Any]:
    found: list[Any] = []
    topics = ["offers.vouchers.v1", "offers.decisions.v1"]
    async with asyncio.timeout(120), TopicReader(settings.stream("test"), topics) as reader:
        while not wanted(found):
            found += [decode(record.headers, record.value).data for record in await reader.read()]
    return found


async def personal_answer(till: Till, who: dict[str, str]) -> dict[str, Any]:
    async with asyncio.timeout(120):
        while True:
            answer = await till.checkout(next_id("worker-checkout"), customer=who, occurred_at=NOW.isoformat())
            if answer["tier"] == 0 and answer["vouchers"]:
                return answer
            await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=0.1)


@asynccontextmanager
async def running_worker(database: Database, broker: Broker, folder: Path) -> AsyncIterator[Settings]:
    """Migrated, all topics there, the worker at work."""
    streaming = {"kafka_bootstrap": broker.bootstrap, "kafka_idempotence": broker.idempotence, "play_mode": True}
    settings = settings_of(database, folder / "none.json", **streaming)
    await migrate(settings)
    topics = [replace(topic, partitions=min(topic.partitions, 4)) for topic in TOPICS]
    await ensure_topics(settings.stream("test"), topics)
    stop = asyncio.Event()
    worker = asyncio.create_task(run_until_stopped(worker_of(assemble(settings, "worker")), stop))
    try:
        yield settings
    finally:
        stop.set()
        await asyncio.wait_for(worker, 120)


async def one_used_one_not(till: Till, number: int) -> tuple[str, str]:
    """The ids of two vouchers, of which the first is redeemed."""
    campaign = a_campaign(validity_days=0).model_dump(mode="json")
    assert (await till.client.put("/v1/campaigns/usual", json=campaign)).is_success
    # The worker notes freshness in server time: the till's clock joins it.
    till.clock.move(max(timedelta(0), SystemClock().now() - till.clock.now()))
    used = (await personal_answer(till, card(number).model_dump(mode="json")))["vouchers"][0]
    assert (await till.redeem(used["code"], next_id("worker-r"), occurred_at=NOW.isoformat()))["status"] == "redeemed"
    other = await till.checkout(next_id("worker-c"), customer=None, occurred_at=NOW.isoformat())
    return used["voucher_id"], other["vouchers"][0]["voucher_id"]


async def test_what_others_publish_is_read_at_the_till_and_what_happens_there_is_published(
    database: Database, private_broker: Broker, tmp_path: Path
) -> None:
    number = int(next_id("9").replace("-", ""))
    async with running_worker(database, private_broker, tmp_path) as settings:
        await sent(settings, [*catalogue(), *availability(version=number), a_model(number), a_snapshot(number)])
        await sent(settings, [an_event(ProfileCompleted(complete_until=SystemClock().now()), next_id("complete"))])
        async with open_till(database, tmp_path, play_mode=True) as till:
            used, unused = await one_used_one_not(till, number)
            await sent(settings, [an_event(PlayTicked(reached_at=NOW + timedelta(days=2)), next_id("tick"))])
            facts = await read_until(settings, lambda found: (unused, VoucherExpired) in lives(found))
            told = [life for life in lives(facts) if life[0] in {used, unused}]
            assert set(told) == {
                (used, VoucherIssued),
                (used, VoucherRedeemed),
                (unused, VoucherIssued),
                (unused, VoucherExpired),
            }
            assert len(told) == 4, "each fact once"
            assert await till.rows("SELECT sum(reserved_cents)::int AS held FROM budgets") == [{"held": 0}]
            assert await till.rows("SELECT count(*) FROM dead_letters") == [{"count": 0}]
        await read_until(settings, lambda found: any(isinstance(fact, Decided) for fact in found))


def lives(found: list[Any]) -> list[tuple[str, type]]:
    return [(fact.voucher_id, type(fact)) for fact in found if hasattr(fact, "voucher_id")]

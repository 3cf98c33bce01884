"""Profile's word that its snapshots are complete until a moment is never ahead of what it has published."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from libs.common.clock import SystemClock
from libs.common.contracts import TOPIC_OF_TYPE, Event, decode
from libs.common.contracts.profile import ProfileCompleted, ProfileSnapshot
from libs.common.persistence import OutboxMessage
from libs.common.streaming import Producer
from libs.common.streaming.reader import TopicReader, TopicRecord
from tests.support.brokers import EMBEDDED, Broker, running_broker
from tests.support.postgres import Database
from tests.support.profile_events import a_consent, card
from tests.support.profile_live import LiveProfile, live_profile, rest

CLOCK = SystemClock()
SEED, PEOPLE, SECONDS = 11, 30, 2.0
WORDS = 5
"""Of them are needed while events come; a group that has just met says its first after some seconds."""
HELD_SECONDS = 2.0
_PATIENCE_SECONDS = 120.0

HOLDS = {
    "applying": "LOCK TABLE profile.consents IN SHARE MODE",
    "folding": "SELECT count(*) FROM (SELECT FROM profile.customers FOR UPDATE) AS held",
    "publishing": "SELECT pg_advisory_xact_lock(hashtext('profile.customers'), 0)",
}


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(EMBEDDED, tmp_path / "broker") as started:
        yield started


@dataclass(frozen=True)
class Sent:
    """A word on consent, and when the broker had it for certain."""

    customer: str
    received_at: datetime
    answered_at: datetime


async def say(producer: Producer, number: int, person: int, *, granted: bool) -> Sent:
    """One word, as a door takes it: stamped, sent, answered."""
    event = a_consent(f"progress-{number}", card(person), granted=granted, day=number / 10_000)
    event = event.accepted(CLOCK.now())
    assert await producer.send_many([OutboxMessage.of(event, TOPIC_OF_TYPE[event.type])]) == [None]
    return Sent(card(person).key, received_of(event), CLOCK.now())


def received_of(event: Event) -> datetime:
    assert event.received_at is not None
    return event.received_at


async def read_all(live: LiveProfile, topic: str) -> Sequence[TopicRecord]:
    found: list[TopicRecord] = []
    async with TopicReader(live.settings.stream("test"), [topic]) as reader:
        while not await reader.at_end():
            found += await reader.read()
    return found


async def statements(live: LiveProfile) -> list[tuple[int, datetime]]:
    """When each was sent, in milliseconds, and what it says."""
    told = []
    for record in await read_all(live, "profile.progress.v1"):
        word = decode(record.headers, record.value).data
        assert isinstance(word, ProfileCompleted)
        told.append((record.written_at_ms, word.complete_until))
    return told


async def shown(live: LiveProfile) -> dict[str, list[tuple[int, datetime]]]:
    """By identifier: when each view was sent, in milliseconds, and when the newest event in it was accepted."""
    found: dict[str, list[tuple[int, datetime]]] = {}
    for record in await read_all(live, "profile.snapshots.v1"):
        if record.value is not None:
            view = decode(record.headers, record.value).data
            assert isinstance(view, ProfileSnapshot)
            for identifier in view.identifiers:
                found.setdefault(identifier.key, []).append((record.written_at_ms, view.accepted_at))
    return found


def amid(sent: Sequence[Sent], words: Sequence[tuple[int, datetime]]) -> int:
    """How many words speak of a moment between the first event and the last."""
    return sum(sent[0].answered_at < until < sent[-1].answered_at for _, until in words)


async def said_since(live: LiveProfile, moment: datetime) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while max((until for _, until in await statements(live)), default=moment) <= moment:
            await rest(0.1)


@asynccontextmanager
async def held(live: LiveProfile, stage: str) -> AsyncIterator[None]:
    """While the block runs, this stage of the work does not go on."""
    connection = await asyncpg.connect(live.database.url().replace("+asyncpg", ""))
    try:
        async with connection.transaction():
            await connection.execute(HOLDS[stage])
            yield
    finally:
        await connection.close()


async def test_every_word_is_true_while_events_come_all_the_time(database: Database, private_broker: Broker) -> None:
    rng = random.Random(SEED)
    sent: list[Sent] = []
    async with live_profile(database, private_broker) as live:
        producer = Producer(live.settings.stream("test"))
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not sent or amid(sent, await statements(live)) < WORDS:
                ends_at = CLOCK.monotonic_seconds() + SECONDS
                while CLOCK.monotonic_seconds() < ends_at:
                    sent.append(await say(producer, len(sent), rng.randrange(PEOPLE), granted=rng.random() < 0.5))
                    await rest(rng.random() * 0.03)
        await said_since(live, sent[-1].answered_at)
        words, views = await statements(live), await shown(live)
        await producer.stop()
    assert amid(sent, words) >= WORDS
    for said_at_ms, until in words:
        for word in sent:
            if word.answered_at < until:
                told = [at for sent_at_ms, at in views[word.customer] if sent_at_ms <= said_at_ms]
                assert max(told, default=None) is not None, f"{word} of nobody at {until}"
                assert max(told) >= in_milliseconds(word.received_at), f"{word} is not shown, but {until} was said"


def in_milliseconds(at: datetime) -> datetime:
    """What travels in an envelope has milliseconds."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


@pytest.mark.parametrize("stage", HOLDS)
async def test_no_word_passes_an_event_that_waits(database: Database, embedded: Broker, stage: str) -> None:
    async with live_profile(database, embedded) as live:
        producer = Producer(live.settings.stream("test"))
        first = await say(producer, 0, 1, granted=True)
        await said_since(live, first.answered_at)
        async with held(live, stage):
            waits = await say(producer, 1, 1, granted=False)
            await rest(HELD_SECONDS)
            assert max(until for _, until in await statements(live)) <= waits.answered_at
        await said_since(live, waits.answered_at)
        assert max(at for _, at in (await shown(live))[waits.customer]) >= in_milliseconds(waits.received_at)
        await producer.stop()

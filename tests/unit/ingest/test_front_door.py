"""Checking, publishing and keeping as one: what each sender is told, and what is where afterwards."""

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.contracts import decode
from libs.common.errors import Kind
from libs.common.streaming.errors import BrokerUnavailable, SendRefused, SendUnknown
from services.ingest.handlers import EventResult
from tests.support.secrets import behind_the_door
from tests.unit.ingest.examples import CARD, NOON, PATIENCE_SECONDS, SALE, Door, InMemoryPublisher, a_key, an_event, raw
from tests.unit.ingest.in_memory_quarantine import InMemoryQuarantine

INVALID = {"currency": "usd"}


async def offer(door: Door, *events: dict[str, Any], **key: str) -> Sequence[EventResult]:
    return await door.front.accept_events([raw(event) for event in events], a_key(**key))


@given(st.lists(st.booleans(), min_size=1, max_size=12))
@settings(derandomize=True, deadline=None)
async def test_each_event_has_its_own_fate_in_the_order_given(valid: list[bool]) -> None:
    door = Door()
    events = [an_event(id=f"e{place}", data={} if good else INVALID) for place, good in enumerate(valid)]
    results = await offer(door, *events)
    assert [(result.id, result.status) for result in results] == [
        (f"e{place}", "accepted" if good else "quarantined") for place, good in enumerate(valid)
    ]
    assert door.publisher.ids == [f"e{place}" for place, good in enumerate(valid) if good]
    assert {event.event_id for event in door.quarantine.kept.values()} == {
        f"e{place}" for place, good in enumerate(valid) if not good
    }


async def test_an_accepted_event_goes_to_its_topic_by_its_key_and_says_when_it_came() -> None:
    door = Door()
    await offer(door, an_event())
    (message,) = door.publisher.published
    assert (message.topic, message.key) == ("ingest.pos.v1", behind_the_door(CARD).encode())
    assert decode(message.headers, message.value).received_at == NOON


async def test_the_same_invalid_event_twice_is_one_in_quarantine_and_another_body_is_another() -> None:
    door = Door()
    first = await offer(door, an_event(data=INVALID), an_event(data=INVALID))
    again = await offer(door, an_event(data=INVALID))
    assert {result.quarantine_id for result in [*first, *again]} == set(door.quarantine.kept)
    assert len(door.quarantine.kept) == 1
    await offer(door, an_event(data={"currency": "eur"}))
    assert len(door.quarantine.kept) == 2


async def test_an_invalid_event_is_kept_byte_for_byte_with_reason_and_sender() -> None:
    door = Door()
    (result,) = await offer(door, an_event(data=INVALID))
    kept = door.quarantine.kept[result.quarantine_id or ""]
    assert await door.raw_of(kept.quarantine_id) == raw(an_event(data=INVALID))
    assert (kept.slug, kept.pointer, kept.sent_by, kept.at) == ("contract-violation", "/data/currency", "k1", NOON)
    assert (kept.source, kept.event_id, kept.type) == ("till-1", "e1", SALE)


async def test_who_may_not_speak_is_not_kept_either() -> None:
    door = Door()
    own, other = await offer(door, an_event(), an_event(data={"store_id": "8"}), store_id="7")
    assert (own.status, other.status, other.kind) == ("accepted", "refused", Kind.FORBIDDEN)
    assert not door.quarantine.kept


async def test_what_the_broker_did_not_acknowledge_is_never_called_accepted() -> None:
    for failure, status in (
        (SendUnknown("late"), "unknown"),
        (SendRefused("no"), "refused"),
        (BrokerUnavailable("away"), "refused"),
    ):
        (result,) = await offer(Door(publisher=InMemoryPublisher(failure=failure)), an_event())
        assert (result.status, result.kind, result.slug) == (status, Kind.UNAVAILABLE, failure.slug)


async def test_one_partition_that_is_down_fails_no_other() -> None:
    door = Door(
        publisher=InMemoryPublisher(
            failure=SendUnknown("late"), failing_keys=frozenset({behind_the_door(CARD).encode()})
        )
    )
    late, fine = await offer(
        door, an_event(), an_event(id="e2", data={"customer": {"kind": "loyalty_card", "value": "8"}})
    )
    assert (late.status, fine.status) == ("unknown", "accepted")


async def test_a_broker_that_says_nothing_is_given_up_at_the_deadline() -> None:
    async with asyncio.timeout(4 * PATIENCE_SECONDS):
        (result,) = await offer(Door(publisher=InMemoryPublisher(hangs=True)), an_event())
    assert (result.status, result.kind) == ("unknown", Kind.UNAVAILABLE)


async def test_valid_events_enter_while_the_database_is_away_and_invalid_ones_may_come_again() -> None:
    door = Door(quarantine=InMemoryQuarantine(away=True))
    good, bad = await offer(door, an_event(), an_event(data=INVALID))
    assert good.status == "accepted"
    assert (bad.status, bad.slug, bad.kind) == ("refused", "quarantine-unavailable", Kind.UNAVAILABLE)
    assert bad.quarantine_id is None


async def test_every_event_is_counted_once_and_a_made_up_type_makes_no_series() -> None:
    door = Door()
    await offer(door, an_event(), an_event(data=INVALID), an_event(type="made.up.by.a.caller"))
    assert door.count("events_accepted", type=SALE) == 1
    assert door.count("events_quarantined", type=SALE, slug="contract-violation") == 1
    assert door.count("events_quarantined", type="other", slug="unknown-type") == 1
    assert door.registry.get_sample_value("ingest_batch_events_sum") == 3

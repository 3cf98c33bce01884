"""Mending what is in quarantine: judged like everything that comes in, sent under its own name, once."""

from datetime import timedelta

import pytest

from libs.common.contracts import decode
from libs.common.errors import Conflict, NotFound
from libs.common.streaming.errors import SendUnknown
from services.ingest.handlers import PersonKeyGone
from services.ingest.ports import QuarantinedEvent, Wanted
from tests.support.secrets import behind_the_door
from tests.unit.ingest.examples import CARD, NOON, SALE, Door, a_key, an_event, raw
from tests.unit.ingest.in_memory_person_keys import InMemoryPersonKeys

BAD = {"currency": "usd"}
RIGHT = [{"op": "replace", "path": "/data/currency", "value": "USD"}]
OFFICE = a_key("quarantine:read", "quarantine:write")


async def quarantined(door: Door, event: object = None, **key: str) -> QuarantinedEvent:
    """One that was kept: `event`, else a sale in no currency."""
    content = event if isinstance(event, bytes) else raw(event or an_event(data=BAD))
    (result,) = await door.front.accept_events([content], a_key(**key))
    assert result.quarantine_id is not None, result
    return door.quarantine.kept[result.quarantine_id]


async def test_a_patched_event_is_sent_under_its_own_name_and_twice_is_once() -> None:
    door = Door()
    kept = await quarantined(door)
    judged = await door.mender.patch(kept.quarantine_id, RIGHT, OFFICE, dry_run=False)
    assert judged.status == "accepted"
    assert not door.publisher.published, "a patch sends nothing"
    first = await door.mender.resubmit(kept.quarantine_id, OFFICE)
    again = await door.mender.resubmit(kept.quarantine_id, OFFICE)
    assert [(one.status, one.duplicate) for one in (first, again)] == [("accepted", None), ("accepted", True)]
    (message,) = door.publisher.published
    event = decode(message.headers, message.value)
    assert (event.id, event.source, event.data.currency) == ("e1", "till-1", "USD")  # type: ignore[attr-defined]  # a Sale
    settled = door.quarantine.kept[kept.quarantine_id]
    assert (settled.state, settled.outcome, settled.decided_by) == ("resubmitted", "accepted", "k1")
    assert await door.raw_of(kept.quarantine_id) == raw(an_event(data=BAD)), "what came stays as it came"


async def test_what_its_sender_has_corrected_meanwhile_is_a_repeat_and_is_not_sent_again() -> None:
    door = Door()
    kept = await quarantined(door)
    await door.front.accept_events([raw(an_event())], a_key())
    await door.mender.patch(kept.quarantine_id, RIGHT, OFFICE, dry_run=False)
    assert (await door.mender.resubmit(kept.quarantine_id, OFFICE)).duplicate
    assert door.publisher.ids == ["e1"]
    assert door.quarantine.kept[kept.quarantine_id].outcome == "duplicate"


async def test_when_the_note_of_a_resubmission_is_lost_the_next_one_is_still_once() -> None:
    door = Door()
    kept = await quarantined(door)
    await door.mender.patch(kept.quarantine_id, RIGHT, OFFICE, dry_run=False)
    waiting = door.quarantine.kept[kept.quarantine_id]
    await door.mender.resubmit(kept.quarantine_id, OFFICE)
    door.quarantine.kept[kept.quarantine_id] = waiting
    assert (await door.mender.resubmit(kept.quarantine_id, OFFICE)).duplicate
    assert door.publisher.ids == ["e1"]


async def test_a_patch_that_does_not_help_is_told_what_is_still_wrong_and_not_kept() -> None:
    door = Door()
    kept = await quarantined(door)
    wrong = [{"op": "replace", "path": "/data/currency", "value": "us"}]
    judged = await door.mender.patch(kept.quarantine_id, wrong, OFFICE, dry_run=False)
    assert (judged.slug, judged.pointer) == ("contract-violation", "/data/currency")
    assert door.quarantine.kept[kept.quarantine_id].mended is None
    assert len(door.quarantine.kept) == 1


async def test_a_dry_run_keeps_nothing() -> None:
    door = Door()
    kept = await quarantined(door)
    assert (await door.mender.patch(kept.quarantine_id, RIGHT, OFFICE, dry_run=True)).status == "accepted"
    assert door.quarantine.kept[kept.quarantine_id].mended is None
    (one,) = await door.mender.resubmit_class(Wanted(), OFFICE, limit=10, dry_run=True)
    assert one.result.slug == "contract-violation"
    assert door.quarantine.kept[kept.quarantine_id].state == "waiting"


async def test_what_is_still_invalid_waits_on_and_is_kept_no_second_time() -> None:
    door = Door()
    kept = await quarantined(door)
    result = await door.mender.resubmit(kept.quarantine_id, OFFICE)
    assert (result.status, result.slug) == ("refused", "contract-violation")
    (still,) = door.quarantine.kept.values()
    assert (still.state, still.outcome, still.times) == ("waiting", "contract-violation", 1)


async def test_what_the_broker_did_not_take_waits_on_and_a_class_stops_there() -> None:
    door = Door()
    for number in range(3):
        kept = await quarantined(door, an_event(id=f"e{number}", data=BAD))
        await door.mender.patch(kept.quarantine_id, RIGHT, OFFICE, dry_run=False)
    door.publisher.failure = SendUnknown("late")
    (stopped,) = await door.mender.resubmit_class(Wanted(), OFFICE, limit=10, dry_run=False)
    assert stopped.result.status == "unknown"
    assert {event.state for event in door.quarantine.kept.values()} == {"waiting"}
    door.publisher.failure = None
    done = await door.mender.resubmit_class(Wanted(slug="contract-violation"), OFFICE, limit=2, dry_run=False)
    assert [one.result.status for one in done] == ["accepted", "accepted"]
    assert len(await door.mender.resubmit_class(Wanted(), OFFICE, limit=10, dry_run=False)) == 1
    assert sorted(door.publisher.ids) == ["e0", "e1", "e2"]


async def test_what_is_refused_again_and_again_keeps_nothing_behind_it_from_being_sent() -> None:
    door = Door()
    unmended = [await quarantined(door, an_event(id=f"e{number}", data=BAD)) for number in range(2)]
    other = {"kind": "loyalty_card", "value": "another"}
    unreadable = await quarantined(door, an_event(id="e2", data={**BAD, "customer": other}))
    del door.person_keys.kept[unreadable.sealed_under or ""]
    door.wait(timedelta(minutes=1))
    mended = await quarantined(door, an_event(id="e3", data=BAD))
    await door.mender.patch(mended.quarantine_id, RIGHT, OFFICE, dry_run=False)
    told = []
    for _ in range(3):
        door.wait(timedelta(seconds=1))
        told.append(
            [one.quarantine_id for one in await door.mender.resubmit_class(Wanted(), OFFICE, limit=2, dry_run=False)]
        )
    assert set(told[0] + told[1]) == {one.quarantine_id for one in (*unmended, unreadable, mended)}
    assert told[2] == [one for one in told[0] + told[1] if one != mended.quarantine_id][:2], "tried longest ago"
    assert door.publisher.ids == ["e3"]
    assert door.quarantine.kept[unreadable.quarantine_id].outcome == "person-key-gone"


async def test_it_is_judged_again_by_what_its_own_sender_was_allowed() -> None:
    door = Door()
    kept = await quarantined(door, an_event(data={"currency": "usd"}), store_id="7")
    elsewhere = [*RIGHT, {"op": "replace", "path": "/data/store_id", "value": "8"}]
    assert (await door.mender.patch(kept.quarantine_id, elsewhere, OFFICE, dry_run=False)).slug == "wrong-store"
    assert (await door.mender.patch(kept.quarantine_id, RIGHT, OFFICE, dry_run=False)).status == "accepted"


async def test_a_key_of_another_store_or_none_for_the_chain_finds_nothing() -> None:
    door = Door()
    own, chain = await quarantined(door, store_id="7"), await quarantined(door, an_event(id="e2", data=BAD))
    bound = a_key("quarantine:write", store_id="7")
    assert (await door.mender.inspect(own.quarantine_id, bound)).raw == raw(an_event(data=BAD))
    for found, caller in ((own, a_key("quarantine:write", store_id="8")), (chain, bound)):
        with pytest.raises(NotFound):
            await door.mender.resubmit(found.quarantine_id, caller)
        with pytest.raises(NotFound):
            await door.mender.inspect(found.quarantine_id, caller)


async def test_a_clock_is_judged_by_when_the_event_first_came() -> None:
    door = Door()
    wrong = await quarantined(door, an_event(time=(NOON + timedelta(days=3)).isoformat()))
    timeless = await quarantined(door, an_event(id="e2", time=None, data=BAD))
    await door.mender.patch(timeless.quarantine_id, RIGHT, OFFICE, dry_run=False)
    door.wait(timedelta(days=4))
    assert (await door.mender.resubmit(wrong.quarantine_id, OFFICE)).slug == "clock-wrong", "waiting heals no clock"
    await door.mender.resubmit(timeless.quarantine_id, OFFICE)
    (message,) = door.publisher.published
    event = decode(message.headers, message.value)
    assert event.occurred_at == NOON, "without a time it happened when it first came"
    assert event.received_at == NOON + timedelta(days=4)


async def test_what_is_kept_is_sealed_for_whom_it_names_and_unreadable_once_that_key_is_gone() -> None:
    door = Door()
    kept, nobody = await quarantined(door), await quarantined(door, b"no event of anybody")
    await door.mender.patch(kept.quarantine_id, RIGHT, OFFICE, dry_run=False)
    kept = door.quarantine.kept[kept.quarantine_id]
    assert kept.sealed_under == kept.mended_sealed_under == behind_the_door(CARD)
    assert nobody.sealed_under == "day:2026-03-01"
    for sealed in (kept.raw, kept.mended or b"", nobody.raw):
        assert not any(word in sealed for word in (b"loyalty", b"milk", b"anybody"))
    await door.sealing.forget([behind_the_door(CARD)])
    for attempt in (door.mender.inspect, door.mender.resubmit):
        with pytest.raises(PersonKeyGone):
            await attempt(kept.quarantine_id, OFFICE)
    assert (await door.mender.inspect(nobody.quarantine_id, OFFICE)).raw == b"no event of anybody"
    for dry_run in (True, False):
        told = await door.mender.resubmit_class(Wanted(), OFFICE, limit=10, dry_run=dry_run)
        slugs = {one.quarantine_id: one.result.slug for one in told}
        assert slugs == {kept.quarantine_id: "person-key-gone", nobody.quarantine_id: "invalid-json"}


async def test_many_bad_events_cost_their_persons_keys_two_looks_together() -> None:
    door = Door()
    looks: list[int] = []
    find = door.person_keys.find
    door.person_keys.find = lambda persons: looks.append(len(persons)) or find(persons)  # type: ignore[method-assign, func-returns-value]  # counts, then looks
    customers = [{"customer": {"kind": "loyalty_card", "value": str(number)}} for number in range(50)]
    events = [raw(an_event(id=f"e{number}", data={**BAD, **who})) for number, who in enumerate(customers)]
    results = await door.front.accept_events(events, a_key())
    assert {result.status for result in results} == {"quarantined"}
    assert looks == [50, 50]


async def test_a_card_number_gets_in_neither_with_an_event_nor_with_a_patch() -> None:
    door = Door()
    card_number = {"op": "add", "path": "/data/note", "value": "4111 1111 1111 1111"}
    kept = await quarantined(door)
    judged = await door.mender.patch(kept.quarantine_id, [*RIGHT, card_number], OFFICE, dry_run=False)
    assert (judged.status, judged.slug) == ("refused", "card-number")
    await door.front.accept_events([raw(an_event(id="e2", data={**BAD, "note": "4111111111111111"}))], a_key())
    assert [(one.event_id, one.mended) for one in door.quarantine.kept.values()] == [("e1", None)]


async def test_while_the_keys_are_away_what_cannot_be_sealed_is_not_kept() -> None:
    door = Door(person_keys=InMemoryPersonKeys(away=True))
    good, bad = await door.front.accept_events([raw(an_event(id="e0")), raw(an_event(data=BAD))], a_key())
    assert (good.status, bad.status, bad.slug) == ("accepted", "refused", "quarantine-unavailable")
    assert not door.quarantine.kept


async def test_what_is_settled_is_not_mended_discarded_or_sent() -> None:
    door = Door()
    kept = await quarantined(door)
    await door.mender.discard(kept.quarantine_id, "a test of the till's maker", OFFICE)
    settled = door.quarantine.kept[kept.quarantine_id]
    assert (settled.state, settled.outcome) == ("discarded", "a test of the till's maker")
    for attempt in (
        door.mender.resubmit(kept.quarantine_id, OFFICE),
        door.mender.patch(kept.quarantine_id, RIGHT, OFFICE, dry_run=False),
        door.mender.discard(kept.quarantine_id, "again", OFFICE),
    ):
        with pytest.raises(Conflict):
            await attempt
    assert not door.publisher.published
    await quarantined(door)
    assert door.quarantine.kept[kept.quarantine_id].state == "discarded", "a repeat wakes nothing"


async def test_a_repeat_of_a_bad_event_is_counted_on_its_record() -> None:
    door = Door()
    bad = raw(an_event(data=BAD))
    await door.front.accept_events([bad, bad], a_key())
    door.wait(timedelta(hours=1))
    kept = await quarantined(door)
    assert (kept.times, kept.at, kept.last_at) == (3, NOON, NOON + timedelta(hours=1))


async def test_a_record_says_which_rule_of_which_schema_was_broken_and_who_sent_it_how() -> None:
    door = Door()
    await door.front.accept_events([raw(an_event(data=BAD))], a_key(store_id="7"), door="poslog")
    (kept,) = door.quarantine.kept.values()
    assert (kept.rule, kept.schema_id) == ("string_pattern_mismatch", f"urn:the-usual:schema:{SALE}")
    assert (kept.door, kept.sent_by, kept.store_id, kept.rights) == ("poslog", "k1", "7", ("events:write",))
    unknown = await quarantined(Door(), an_event(type="made.up.v1"))
    assert (unknown.rule, unknown.schema_id) == ("unknown-type", None)


@pytest.mark.parametrize("garbage", [b"{", b"\xff", b"[" * 5_000])
async def test_bytes_that_are_no_json_are_replaced_as_a_whole(garbage: bytes) -> None:
    door = Door()
    kept = await quarantined(door, garbage)
    whole = [{"op": "add", "path": "", "value": an_event()}]
    assert (await door.mender.patch(kept.quarantine_id, whole, OFFICE, dry_run=False)).status == "accepted"
    await door.mender.resubmit(kept.quarantine_id, OFFICE)
    assert door.publisher.ids == ["e1"]

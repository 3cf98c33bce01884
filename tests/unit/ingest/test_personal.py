"""What is personal ends at the door: identifiers become pseudonyms, texts are sealed, dropped or passed as the policy says."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.common.contracts import (
    CONTRACTS,
    Personal,
    decode,
    identifier_fields,
    is_sealed,
    partition_key_of,
    personal_fields,
)
from libs.common.errors import Kind
from services.ingest.domain.field_policy import INCOMING, Action, CountryPolicy, FieldPolicy
from services.ingest.handlers import EventResult
from tests.support.canaries import found_in, with_canaries, with_unnamed
from tests.support.secrets import behind_the_door
from tests.unit.ingest.examples import (
    BASKET,
    CARD,
    DATA,
    LINE,
    PATIENCE_SECONDS,
    RECEIPT,
    SALE,
    TICK,
    Door,
    a_key,
    an_event,
    raw,
)

ANSWER = "usual.feedback.nps_answered.v1"
DESCRIBED = "usual.identity.described.v1"
VIEWED = "usual.web.product_viewed.v1"
TYPES = st.sampled_from([name for name in INCOMING if name != TICK])
PERSONAL = [name for name in INCOMING if personal_fields(CONTRACTS[name])]
LAW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


async def send(door: Door, *events: Mapping[str, Any], country: str | None = None) -> Sequence[EventResult]:
    caller = a_key().model_copy(update={"country": country})
    return await door.front.accept_events([raw(event) for event in events], caller)


def published(door: Door, place: int = 0) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(door.publisher.published[place].value or b"")
    return body


@given(TYPES, st.uuids())
@LAW
async def test_nothing_personal_of_what_came_stands_in_what_is_published(event_type: str, mark: Any) -> None:
    door = Door()
    body, canaries = with_canaries(event_type, DATA[event_type], mark.hex[:8])
    if identifier_fields(CONTRACTS[event_type]):
        body, unnamed = with_unnamed(body, mark.hex[:8])
        canaries = [*unnamed, *canaries]
    event = an_event(event_type, data=body, subject=f"customers/{canaries[-1] if canaries else 'none'}")
    (result,) = await send(door, event)
    assert result.status == "accepted", result
    (message,) = door.publisher.published
    seen = b"\0".join([message.key or b"", message.value or b"", *(text for _, text in message.headers)])
    assert found_in(seen, canaries) == []
    told = decode(message.headers, message.value)
    assert (message.key or b"").decode() == partition_key_of(told.data) == told.partition_key


@given(TYPES)
@LAW
async def test_what_is_not_personal_is_published_byte_for_byte(event_type: str) -> None:
    door = Door(policy=FieldPolicy(default=CountryPolicy(sorts={Personal.UNNAMED: Action.PASS})))
    odd = {"a_newer_field": {"spelled": 1.10, "ratio": "0.50"}}
    event = (
        raw(an_event(event_type, data={**DATA[event_type], **odd}))
        .replace(b"1.1}", b"1.10}")
        .replace(b'0.50"', b'0.\\u00350"')
    )
    (result,) = await door.front.accept_events([event], a_key())
    assert result.status == "accepted", result
    before = msgspec.json.decode(event, type=dict[str, msgspec.Raw])["data"]
    came = msgspec.json.decode(msgspec.json.format(bytes(before), indent=-1), type=dict[str, msgspec.Raw])
    left = msgspec.json.decode(door.publisher.published[0].value or b"", type=dict[str, msgspec.Raw])
    personal = {place[0] for place, _ in personal_fields(CONTRACTS[event_type])} | {
        "customer",
        "visitor",
        "first",
        "second",
    }
    assert {name: bytes(one) for name, one in left.items() if name not in personal} == {
        name: bytes(one) for name, one in came.items() if name not in personal
    }


async def test_an_identifier_that_stands_twice_or_brings_more_leaves_nothing_behind() -> None:
    door = Door()
    customer = b'{"kind":"loyalty_card","value":"9801","name":"Anna"}'
    twice = (
        raw(an_event()).replace(raw(CARD), customer).replace(b'"store_id"', b'"customer":' + customer + b',"store_id"')
    )
    none = raw(an_event(id="e2")).replace(b'"customer": ' + raw(CARD), b'"customer":' + customer + b',"customer":null')
    for event in (twice, none):
        (result,) = await door.front.accept_events([event], a_key())
        assert result.status == "accepted"
    for message in door.publisher.published:
        assert b"9801" not in (message.value or b"")
        assert b"Anna" not in (message.value or b"")
    assert published(door)["customer"] == {
        "kind": "loyalty_card",
        "value": behind_the_door("loyalty_card:9801").split(":")[1],
    }
    assert published(door, 1)["customer"] is None


ODD: Mapping[str, Any] = {"~a/b": [1.10], "Anna Meier": "Anna", "lines": [{**LINE, "gift": {"for": "Bert"}}]}


async def test_members_that_no_contract_names_travel_as_one_sealed_text_that_only_the_persons_key_opens() -> None:
    door = Door()
    await send(door, an_event(data={**RECEIPT, **BASKET, **ODD}, subject="Anna", traceparent="Anna"))
    (message,) = door.publisher.published
    assert found_in(b"\0".join([message.value or b"", *(text for _, text in message.headers)]), ["Anna", "Bert"]) == []
    left = published(door)
    opened = await door.sealing.open_text(behind_the_door(CARD), left.pop("sealed_members"))
    assert json.loads(opened) == {"/~0a~1b": [1.1], "/Anna Meier": "Anna", "/lines/0/gift": {"for": "Bert"}}
    assert set(left) == {*RECEIPT, *BASKET}
    assert left["lines"] == [LINE]
    decode(message.headers, message.value)


@pytest.mark.parametrize(("action", "left"), [(Action.DROP, set()), (Action.PASS, {"~a/b", "Anna Meier"})])
async def test_the_policy_may_drop_or_pass_what_no_contract_names(action: Action, left: set[str]) -> None:
    door = Door(policy=FieldPolicy(default=CountryPolicy(sorts={Personal.UNNAMED: action})))
    door.person_keys.away = True
    await send(door, an_event(data={**RECEIPT, **BASKET, **ODD}))
    assert set(published(door)) - {*RECEIPT, *BASKET} == left
    assert ("gift" in published(door)["lines"][0]) == (action is Action.PASS)


async def test_what_names_nobody_keeps_its_members_and_needs_no_key() -> None:
    door = Door()
    door.person_keys.away = True
    await send(door, an_event("usual.stock.counted.v1", data={**DATA["usual.stock.counted.v1"], "shelf": 4}))
    assert published(door)["shelf"] == 4


async def test_a_trace_context_is_passed_on_and_other_words_in_its_place_are_not() -> None:
    door = Door()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await send(door, an_event(id="e1", traceparent=trace), an_event(id="e2", traceparent="Anna"))
    traces = [dict(message.headers).get("traceparent") for message in door.publisher.published]
    assert traces == [trace.encode(), None]


_CARD = b'"customer":{"kind":"loyalty_card","value":"7"}'
_RAW_CARD = b'"customer":{"kind":"loyalty_card","value":"CANARY"}'


@pytest.mark.parametrize(
    "said",
    [
        _RAW_CARD,
        _RAW_CARD + b"," + _CARD,
        _CARD + b"," + _RAW_CARD,
        _RAW_CARD + b',"customer":null',
        b'"customer":null,' + _RAW_CARD,
        b'"customer" : {"kind":"loyalty_card" , "value":"CANARY"}',
        b'"customer":{"value":"CANARY","kind":"loyalty_card"}',
        b'"customer":{"kind":"loyalty_card","value":"x","value":"CANARY"}',
        b'"customer":{"kind":"loyalty_card","value":"CANARY","value":"x"}',
        b'"customer":{"kind":"loyalty_card","value":"CAN\\u0041RY"}',
        b'"custo\\u006der":{"kind":"loyalty_card","value":"CANARY"}',
    ],
)
async def test_however_a_receipt_spells_its_card_the_card_is_not_published(said: bytes) -> None:
    door = Door()
    event = raw(an_event()).replace(b": ", b":").replace(b", ", b",")
    assert event.count(_CARD) == 1
    (result,) = await door.front.accept_events([event.replace(_CARD, said)], a_key())
    assert result.status == "accepted", result
    (message,) = door.publisher.published
    seen = b"\0".join([message.key or b"", message.value or b"", *(text for _, text in message.headers)])
    assert b"CANARY" not in seen
    assert b"CAN" not in seen


async def test_a_sealed_text_is_opened_with_the_key_of_the_person_and_no_other() -> None:
    door = Door()
    await send(door, an_event(ANSWER, data={**DATA[ANSWER], "customer": CARD, "comment": "Call me at home"}))
    text = published(door)["comment"]
    assert is_sealed(text)
    assert await door.sealing.open_text(behind_the_door(CARD), text) == "Call me at home"
    await send(door, an_event(ANSWER, id="e2", data={"customer": {**CARD, "value": "8"}, "comment": "Me too"}))
    with pytest.raises(Exception, match="not sealed with this key"):
        await door.sealing.open_text(behind_the_door({**CARD, "value": "8"}), text)


@pytest.mark.parametrize("event_type", PERSONAL)
@pytest.mark.parametrize("action", Action)
async def test_the_policy_of_the_senders_country_decides(event_type: str, action: Action) -> None:
    other = Action.DROP if action is Action.PASS else Action.PASS
    policy = FieldPolicy(
        default=CountryPolicy(sorts=dict.fromkeys(Personal, other)),
        countries={"NL": CountryPolicy(sorts=dict.fromkeys(Personal, action))},
    )
    door = Door(policy=policy)
    body, canaries = with_canaries(event_type, DATA[event_type], "x")
    texts = [canary for canary in canaries if "xi" not in canary]
    (result,) = await send(door, an_event(event_type, data=body), country="NL")
    assert result.status == "accepted", result
    message = door.publisher.published[0]
    assert found_in(message.value or b"", texts) == (texts if action is Action.PASS else [])
    sealed = (message.value or b"").count(b"sealed:v1:")
    assert sealed == (len(texts) if action is Action.ENCRYPT else 0)
    decode(message.headers, message.value)


async def test_one_field_of_one_type_may_have_a_word_of_its_own() -> None:
    own = CountryPolicy(fields={DESCRIBED: {"traits/phone": Action.DROP, "traits/other/*/value": Action.PASS}})
    door = Door(policy=FieldPolicy(countries={"DE": own}))
    traits = {"phone": "+49 30 1", "name": "Anna", "other": [{"name": "size", "value": "M"}]}
    await send(door, an_event(DESCRIBED, data={"traits": traits}), country="DE")
    left = published(door)["traits"]
    assert set(left) == {"name", "other"}
    assert is_sealed(left["name"])
    assert is_sealed(left["other"][0].pop("name"))
    assert left["other"] == [{"value": "M"}]


async def test_the_database_is_asked_for_texts_to_seal_and_for_nothing_else() -> None:
    door = Door()
    door.person_keys.away = True
    silent = an_event(ANSWER, id="silent")
    silent["data"].pop("comment", None)
    spoken = an_event(ANSWER, id="spoken", data={"customer": {**CARD, "value": "99"}, "comment": "secret"})
    results = await send(door, an_event(), spoken, silent, an_event(VIEWED, id="view"))
    assert [result.status for result in results] == ["accepted", "refused", "accepted", "accepted"]
    assert (results[1].slug, results[1].kind) == ("person-key-unavailable", Kind.UNAVAILABLE)
    assert door.count("events_refused", type=ANSWER, slug="person-key-unavailable") == 1
    assert door.quarantine.kept == {}
    door.person_keys.away = False
    (again,) = await send(door, spoken)
    assert (again.status, again.duplicate) == ("accepted", None)


async def test_a_database_that_hangs_holds_nobody_longer_than_the_deadline() -> None:
    door = Door()
    door.person_keys.hangs = True
    async with asyncio.timeout(4 * PATIENCE_SECONDS):
        (result,) = await send(door, an_event(ANSWER, data={"comment": "secret"}))
    assert result.slug == "person-key-unavailable"


async def test_a_person_who_was_seen_lately_needs_no_database_for_as_long_as_was_said() -> None:
    door = Door()
    said = [an_event(ANSWER, id=f"e{place}", data={"comment": "secret"}) for place in range(3)]
    await send(door, said[0])
    door.person_keys.away = True
    assert (await send(door, said[1]))[0].status == "accepted"
    door.wait(timedelta(seconds=61))
    assert (await send(door, said[2]))[0].slug == "person-key-unavailable"


async def test_the_events_of_one_key_keep_their_order_also_where_some_wait_for_a_key() -> None:
    door = Door()
    ids = [f"e{place}" for place in range(6)]
    events = [
        an_event(ANSWER, id=name, data={"comment": "secret"} if place % 2 else {}) for place, name in enumerate(ids)
    ]
    for event in events[::2]:
        event["data"].pop("comment", None)
    await send(door, *events)
    assert door.publisher.ids == ids


async def test_a_sender_seals_nothing() -> None:
    door = Door()
    for place, text in enumerate(("sealed:v1:AAAA", "sealed:v1:" + "A" * 11_000)):
        (result,) = await send(door, an_event(ANSWER, id=f"e{place}", data={"comment": text}))
        assert (result.slug, result.pointer) == ("already-sealed", "/data/comment")
    escaped = raw(an_event(ANSWER, id="e3", data={"comment": "sealed:v1:"})).replace(b"sealed:", b"\\u0073ealed:")
    assert (await door.front.accept_events([escaped], a_key()))[0].slug == "already-sealed"


async def test_a_repeat_is_known_though_its_texts_look_different_each_time() -> None:
    door = Door()
    event = an_event(ANSWER, data={"comment": "secret"})
    await send(door, event)
    (again,) = await send(door, event)
    assert again.duplicate
    assert len(door.publisher.published) == 1


async def test_events_without_anything_personal_ask_for_nothing() -> None:
    door = Door()
    door.person_keys.away = True
    (result,) = await send(door, an_event("usual.stock.counted.v1"), country="DE")
    assert result.status == "accepted"
    assert (await send(door, an_event(SALE, id="e2", data={"customer": None})))[0].status == "accepted"
    assert door.publisher.published[1].key == b"receipt:r1"

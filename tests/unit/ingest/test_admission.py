"""What may enter, as laws."""

import copy
import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.contracts import CONTRACTS, TOPICS, Event, StructuredEvent, decode, in_newest_form
from libs.common.errors import Kind
from services.ingest.domain.admission import Accepted, Refused, Rules, admit
from services.ingest.domain.envelope import read_envelope
from tests.support.bodies import plain
from tests.unit.ingest.examples import DATA, NOON, SALE, TICK, VISITOR, a_key, an_event, raw

LIVE = Rules()
PLAYED = Rules(play_mode=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(sorted(DATA))
# The same examples every time; a busy machine is no counterexample.
LAW = settings(derandomize=True, deadline=None, max_examples=400)


def places_in(found: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a JSON document below its root."""
    steps = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    return [deeper for key, inner in steps for deeper in [(*path, key), *places_in(inner, (*path, key))]]


@st.composite
def damaged_events(draw: st.DrawFn) -> bytes:
    """A valid event of any type with one place replaced by anything, or taken away."""
    event = copy.deepcopy(an_event(draw(TYPES)))
    *path, last = draw(st.sampled_from(places_in(event)))
    parent: Any = event
    for step in path:
        parent = parent[step]
    if draw(st.booleans()):
        parent[last] = draw(JSON)
    else:
        del parent[last]
    return raw(event)


def refused(event: object, *, rules: Rules = LIVE, **key: Any) -> Refused:
    verdict = admit(event if isinstance(event, bytes) else raw(event), a_key(**key), rules, NOON)
    assert isinstance(verdict, Refused)
    return verdict


def accepted(event: object, *scopes: str, rules: Rules = LIVE, **key: Any) -> Accepted:
    verdict = admit(raw(event), a_key(*scopes, **key), rules, NOON)
    assert isinstance(verdict, Accepted), verdict
    return verdict


@pytest.mark.parametrize("event_type", DATA)
def test_every_type_that_comes_from_outside_enters_on_its_owners_topic(event_type: str) -> None:
    verdict = accepted(an_event(event_type))
    assert event_type in verdict.topic.types
    assert verdict.topic.owner == "ingest"


def test_the_examples_leave_no_incoming_type_out() -> None:
    incoming = {name for topic in TOPICS if topic.owner == "ingest" for name in topic.types}
    assert incoming == {*DATA, TICK}


def as_consumers_see(event: Event) -> Event:
    event_type, data = in_newest_form(event.type, CONTRACTS[event.type].model_validate(plain(event.data)))
    return msgspec.structs.replace(event, type=event_type, data=data)


@given(TYPES)
@LAW
def test_what_consumers_read_is_what_was_accepted(event_type: str) -> None:
    verdict = accepted(an_event(event_type, subject="s", traceparent="00-1-1-01"))
    assert decode(verdict.event.headers(), verdict.body) == as_consumers_see(verdict.event)
    assert verdict.event.received_at == NOON


@given(damaged_events())
@LAW
def test_whatever_comes_is_judged_and_what_is_accepted_consumers_can_read(event: bytes) -> None:
    verdict = admit(event, a_key(), LIVE, NOON)
    if isinstance(verdict, Accepted):
        assert decode(verdict.event.headers(), verdict.body) == as_consumers_see(verdict.event)
    else:
        assert verdict.kind is Kind.INVALID
        assert verdict.slug
        assert verdict.raw == event


@given(st.binary(max_size=200) | JSON.map(raw))
@LAW
def test_anything_at_all_is_judged_without_an_error(garbage: bytes) -> None:
    assert isinstance(admit(garbage, a_key(), LIVE, NOON), Refused)


@pytest.mark.parametrize(
    "hostile",
    [
        raw(an_event()).replace(b'"e1"', b'"\\ud800"'),
        raw(an_event()).replace(b'"milk"', b'"\\ud800"'),
        raw(an_event()).replace(b'"milk"', b'"\xff"'),
        raw(an_event()).replace(b'"USD"', b"[" * 20_000 + b"]" * 20_000),
        raw(an_event()).replace(b"199", b"9" * 5_000),
        raw(an_event()).replace(b'"1.5"', b'"1e999999999"'),
        raw(an_event()).replace(b'"1.5"', b'"NaN"'),
        raw(an_event()).replace(b'"1.5"', b"Infinity"),
    ],
)
def test_what_is_made_to_break_a_parser_is_refused_like_anything_else(hostile: bytes) -> None:
    assert isinstance(admit(hostile, a_key(), LIVE, NOON), Refused)


@given(damaged_events())
@LAW
def test_the_door_admits_no_envelope_that_the_contract_of_envelopes_refuses(event: bytes) -> None:
    if isinstance(admit(event, a_key(), LIVE, NOON), Accepted):
        StructuredEvent.model_validate_json(event)


def test_an_envelope_of_the_contract_enters() -> None:
    event = StructuredEvent.model_validate(an_event(subject="s", dataschema="urn:x", traceparent="t"))
    assert read_envelope(event.model_dump_json().encode()).subject == "s"


def test_the_body_travels_without_white_space_and_with_every_field_a_newer_release_added() -> None:
    verdict = accepted(an_event(data={"coupon_family": "spring", "extra": [1, {"a": "b c"}]}))
    assert json.loads(verdict.body) == {**DATA[SALE], "coupon_family": "spring", "extra": [1, {"a": "b c"}]}
    assert not re.search(rb"[,:] ", verdict.body)


def test_a_training_receipt_is_a_fact_and_enters() -> None:
    for mark in ("training", "cancelled"):
        assert not accepted(an_event(data={mark: True})).event.data.counts  # type: ignore[attr-defined]  # a Sale


@pytest.mark.parametrize(
    ("event", "slug", "pointer"),
    [
        (b"{", "invalid-json", ""),
        (b'{"specversion": NaN}', "invalid-json", ""),
        ([], "invalid-envelope", ""),
        (an_event(id=None), "invalid-envelope", ""),
        (an_event(id=""), "invalid-envelope", "/id"),
        (an_event(id="e1\n"), "invalid-envelope", "/id"),
        (an_event(source=7), "invalid-envelope", "/source"),
        (an_event(specversion="0.3"), "invalid-envelope", "/specversion"),
        (an_event(time="2026-03-01T12:00:00"), "invalid-envelope", "/time"),
        (an_event(time="9999-12-31T23:59:59-12:00"), "invalid-envelope", "/time"),
        (an_event(datacontenttype="text/xml"), "invalid-envelope", "/datacontenttype"),
        (an_event(type="usual.pos.sale.v9"), "unsupported-version", "/type"),
        (an_event(type="somebody.else.v1"), "unknown-type", "/type"),
        (an_event(type="usual.offers.voucher_redeemed.v1"), "internal-type", "/type"),
        (an_event(type="usual.profile.snapshot.v1"), "internal-type", "/type"),
        (
            an_event(data={"lines": [{**DATA[SALE]["lines"][0], "quantity": "0"}]}),
            "contract-violation",
            "/data/lines/0/quantity",
        ),
        (an_event(data={"currency": None}), "contract-violation", "/data/currency"),
        ({**an_event(), "data": None}, "contract-violation", "/data"),
        (an_event(data={"total_cents": 1}), "contract-violation", "/data"),
    ],
)
def test_a_refusal_names_the_rule_and_the_place(event: object, slug: str, pointer: str) -> None:
    verdict = refused(event)
    assert (verdict.kind, verdict.slug, verdict.pointer) == (Kind.INVALID, slug, pointer)


def test_a_refused_event_keeps_its_name_as_far_as_it_can_be_read() -> None:
    name = refused(an_event(data={"currency": "usd"}, source="till\x00")).name
    assert (name.id, name.source, name.type) == ("e1", None, SALE)


def test_a_refusal_does_not_repeat_what_may_be_personal() -> None:
    verdict = refused(an_event(data={"customer": {"kind": "loyalty_card", "value": "jane.doe@example.com\n"}}))
    assert "jane" not in verdict.detail


def test_an_event_above_its_limit_is_not_even_read() -> None:
    verdict = refused(an_event(data={"note": "x" * 70_000}))
    assert (verdict.kind, verdict.slug) == (Kind.TOO_LARGE, "event-too-large")


def test_a_key_without_the_scope_says_nothing() -> None:
    verdict = admit(raw(an_event()), a_key("play"), LIVE, NOON)
    assert isinstance(verdict, Refused)
    assert (verdict.kind, verdict.slug) == (Kind.FORBIDDEN, "missing-scope")


@pytest.mark.parametrize(
    ("rules", "scopes", "slug"),
    [
        (PLAYED, ("play",), None),
        (PLAYED, ("events:write",), "missing-scope"),
        (LIVE, ("play", "events:write"), "not-in-play-mode"),
    ],
)
def test_time_is_told_only_in_play_mode_and_with_the_scope(
    rules: Rules, scopes: tuple[str, ...], slug: str | None
) -> None:
    verdict = admit(raw(an_event(TICK)), a_key(*scopes), rules, NOON)
    if slug is None:
        assert isinstance(verdict, Accepted)
    else:
        assert isinstance(verdict, Refused)
        assert (verdict.kind, verdict.slug) == (Kind.FORBIDDEN, slug)


@pytest.mark.parametrize("event_type", DATA)
def test_a_key_of_one_store_never_speaks_for_another_or_for_the_chain(event_type: str) -> None:
    own = admit(raw(an_event(event_type)), a_key(store_id="7"), LIVE, NOON)
    other = admit(raw(an_event(event_type)), a_key(store_id="8"), LIVE, NOON)
    if "store_id" in DATA[event_type]:
        assert isinstance(own, Accepted)
        assert isinstance(other, Refused)
    if event_type == "usual.catalog.item.v1":
        assert isinstance(own, Refused)
    if isinstance(other, Refused):
        assert (other.kind, other.slug) == (Kind.FORBIDDEN, "wrong-store")


def test_a_lane_to_all_stores_needs_a_key_of_the_chain() -> None:
    lane = an_event("usual.catalog.lane.v1", data={"store_id": "*"})
    assert isinstance(admit(raw(lane), a_key(store_id="7"), LIVE, NOON), Refused)
    assert isinstance(admit(raw(lane), a_key(), LIVE, NOON), Accepted)


def test_a_store_that_a_contract_does_not_name_is_no_way_around_the_binding() -> None:
    item = an_event("usual.catalog.item.v1", data={"store_id": "7"})
    assert isinstance(admit(raw(item), a_key(store_id="7"), LIVE, NOON), Refused)


def test_a_public_key_states_no_consent_but_a_visitors() -> None:
    consent = "usual.consent.changed.v1"
    of_account = raw(an_event(consent, data={"customer": {"kind": "account", "value": "42"}}))
    of_visitor = raw(an_event(consent, data={"customer": VISITOR}))
    public, private = a_key("web:write"), a_key()
    refusal = admit(of_account, public, LIVE, NOON)
    assert isinstance(refusal, Refused)
    assert (refusal.kind, refusal.slug) == (Kind.FORBIDDEN, "consent-of-another")
    assert isinstance(admit(of_visitor, public, LIVE, NOON), Accepted)
    assert isinstance(admit(of_account, private, LIVE, NOON), Accepted)


def test_a_time_outside_the_calendar_enters_nowhere() -> None:
    assert refused(an_event(time="0001-01-01T00:00:00Z"), rules=PLAYED).slug == "clock-wrong"


def test_an_event_without_a_time_happened_when_it_came_except_in_a_play() -> None:
    assert accepted(an_event(time=None)).event.occurred_at == NOON
    assert refused(an_event(time=None), rules=PLAYED).slug == "missing-time"


def test_a_time_is_the_same_in_any_zone() -> None:
    assert accepted(an_event(time="2026-03-01T05:00:00-07:00")).event.occurred_at == NOON


def test_the_contract_of_envelopes_agrees_on_what_has_no_zone() -> None:
    with pytest.raises(ValidationError):
        StructuredEvent.model_validate(an_event(time="2026-03-01T12:00:00"))

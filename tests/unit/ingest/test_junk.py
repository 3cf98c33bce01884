"""Identifiers that stand for nobody: taken out of an event that means something without them, else the event is kept aside."""

import json
from hashlib import md5, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.contracts.values import Identifier, IdentifierKind
from services.ingest.domain.junk import is_junk, without
from tests.unit.ingest.examples import CARD, Door, a_key, an_event, raw

ZERO_UUID = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "0000",
        " 000 ",
        "0-0",
        "999999",
        "aaaaaaaa",
        "null",
        "None",
        "UNDEFINED",
        "test",
        "N/A",
        "-1",
        "----",
        ZERO_UUID,
    ],
)
@pytest.mark.parametrize("kind", IdentifierKind)
def test_what_nobody_can_have_is_junk(kind: IdentifierKind, value: str) -> None:
    assert is_junk(Identifier(kind=kind, value=value))


@pytest.mark.parametrize(
    "value", ["1", "7", "1111", "2222", "10000", "9800001", "testament", "a", "507f191e", "guest-17"]
)
@pytest.mark.parametrize("kind", IdentifierKind)
def test_what_somebody_may_have_is_not(kind: IdentifierKind, value: str) -> None:
    assert not is_junk(Identifier(kind=kind, value=value))


@pytest.mark.parametrize("text", ["", "null", "test@test.com", "noreply@gmail.com"])
def test_a_hash_of_nothing_or_of_a_test_address_is_junk_among_mail_hashes_only(text: str) -> None:
    for digest in (md5(text.encode()).hexdigest(), sha256(text.encode()).hexdigest().upper()):  # noqa: S324 - what others send
        assert is_junk(Identifier(kind=IdentifierKind.EMAIL_HASH, value=digest))
        assert not is_junk(Identifier(kind=IdentifierKind.ACCOUNT, value=digest))
    assert is_junk(Identifier(kind=IdentifierKind.EMAIL_HASH, value="test@anywhere.example"))
    assert not is_junk(Identifier(kind=IdentifierKind.EMAIL_HASH, value=sha256(b"a.customer@shop.example").hexdigest()))


@given(st.integers(1, 10**12))
def test_a_number_that_is_counted_up_is_junk_for_no_one_but_of_equal_digits(number: int) -> None:
    value = str(number)
    equal = len(value) >= 6 and len(set(value)) == 1
    assert is_junk(Identifier(kind=IdentifierKind.LOYALTY_CARD, value=value)) is equal


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(), max_size=6), st.sets(st.text(max_size=5)))
def test_the_rest_of_a_body_stays_as_it_was(body: dict[str, int | str], names: set[str]) -> None:
    left = json.loads(without(json.dumps(body).encode(), tuple(names)))
    assert left == {name: value for name, value in body.items() if name not in names}


async def test_a_sale_to_nobody_is_a_sale_without_a_customer_and_its_sender_is_told() -> None:
    door = Door()
    events = [an_event(data={"customer": {**CARD, "value": value}}, id=value) for value in ("0000", "7")]
    junk, real = await door.front.accept_events([raw(event) for event in events], a_key())
    assert (junk.status, junk.removed) == ("accepted", ("/data/customer",))
    assert (real.status, real.removed) == ("accepted", None)
    message, other = door.publisher.published
    sale = json.loads(message.value or b"")
    assert "customer" not in sale
    assert sale == {name: value for name, value in json.loads(other.value or b"").items() if name != "customer"}
    assert message.key == b"receipt:r1", "keyed as a sale of nobody is"
    assert b"0000" not in (message.value or b"")


async def test_what_nobody_viewed_answered_or_allowed_is_kept_aside() -> None:
    nobody = {"kind": "web_visitor", "value": "null"}
    door = Door()
    events = [
        an_event("usual.web.page_viewed.v1", id="e1", data={"visitor": nobody}),
        an_event("usual.consent.changed.v1", id="e2", data={"customer": {**CARD, "value": "0"}}),
        an_event("usual.identity.linked.v1", id="e3", data={"second": nobody}),
    ]
    results = await door.front.accept_events([raw(event) for event in events], a_key())
    assert [(one.status, one.slug, one.pointer) for one in results] == [
        ("quarantined", "junk-identifier", "/data/visitor/value"),
        ("quarantined", "junk-identifier", "/data/customer/value"),
        ("quarantined", "junk-identifier", "/data/second/value"),
    ]
    assert door.publisher.published == []


async def test_a_repeat_of_a_sale_to_nobody_is_a_repeat() -> None:
    door = Door()
    event = raw(an_event(data={"customer": {**CARD, "value": "0000"}}))
    await door.front.accept_events([event], a_key())
    (again,) = await door.front.accept_events([event], a_key())
    assert (again.status, again.duplicate) == ("accepted", True)
    assert len(door.publisher.published) == 1

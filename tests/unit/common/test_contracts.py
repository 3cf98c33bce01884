"""What must hold of every contract, of the envelope and of the topics."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.contracts import (
    CONTRACTS,
    TOPIC_OF_TYPE,
    TOPICS,
    Event,
    UnknownType,
    UnsupportedVersion,
    decode,
    new_event,
    parse_moment,
)
from libs.common.contracts.consent import IdentityLinked
from libs.common.contracts.pos import Sale
from libs.common.contracts.stock import StockMoved
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.errors import InvalidMessage
from libs.common.money import Money, allocate_cents
from libs.common.persistence.messages import decode_headers, encode_headers
from libs.common.streaming.batch import Record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = {"line_no": 1, "item_id": "milk", "quantity": "1.5", "unit": "kg", "amount_cents": 199}
SALE = {
    "receipt_id": "r1",
    "store_id": "s1",
    "currency": "USD",
    "customer": {"kind": "loyalty_card", "value": "7"},
    "lines": [LINE],
    "total_cents": 199,
}


def a_sale(**changes: object) -> Event:
    return new_event(Sale.model_validate({**SALE, **changes}), event_id="e1", source="till-1", occurred_at=NOON)


def with_headers(event: Event, **changes: str | None) -> list[tuple[str, bytes]]:
    headers = dict(event.headers())
    for name, text in changes.items():
        headers.pop(name, None)
        if text is not None:
            headers[name] = text.encode()
    return list(headers.items())


def test_an_event_survives_the_wire() -> None:
    event = a_sale().accepted(NOON + timedelta(seconds=1))
    assert decode(event.headers(), event.body()) == event


def test_a_moment_is_the_same_in_any_zone() -> None:
    event = a_sale()
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-7))).isoformat()
    assert decode(with_headers(event, ce_time=elsewhere), event.body()).occurred_at == NOON
    with pytest.raises(ValueError, match="time zone"):
        parse_moment("2026-03-01T12:00:00")


def test_a_field_of_a_newer_minor_version_is_kept() -> None:
    event = decode(a_sale(weather="rain").headers(), a_sale(weather="rain").body())
    assert b'"weather":"rain"' in event.body()


def test_a_newer_major_version_is_refused_and_a_foreign_type_is_named_unknown() -> None:
    event = a_sale()
    with pytest.raises(UnsupportedVersion):
        decode(with_headers(event, ce_type="usual.pos.sale.v2"), event.body())
    with pytest.raises(UnknownType):
        decode(with_headers(event, ce_type="somebody.else.v1"), event.body())


@pytest.mark.parametrize(
    ("headers", "body", "slug"),
    [
        ({"ce_id": None}, b"{}", "invalid-headers"),
        ({"ce_time": "yesterday"}, None, "invalid-headers"),
        ({}, b"{", "contract-violation"),
        ({}, b"\xff\xfe", "contract-violation"),
        ({}, b'{"receipt_id": NaN}', "contract-violation"),
        ({}, b"[" * 100_000, "contract-violation"),
        ({}, b"", "contract-violation"),
    ],
)
def test_what_is_no_event_is_an_invalid_message_with_a_stable_slug(
    headers: dict[str, str | None], body: bytes | None, slug: str
) -> None:
    event = a_sale()
    with pytest.raises(InvalidMessage) as caught:
        decode(with_headers(event, **headers), event.body() if body is None else body)
    assert caught.value.slug == slug


def test_a_header_that_is_null_is_no_crash() -> None:
    event = a_sale()
    headers: list[Any] = [(name, None if name == "ce_source" else text) for name, text in event.headers()]
    with pytest.raises(InvalidMessage) as caught:
        decode(headers, event.body())
    assert caught.value.slug == "invalid-headers"
    letter = Record(offset=1, key=None, headers=headers, value=b"").as_dead_letter("invalid-headers", "")
    assert dict(decode_headers(encode_headers(letter.headers)))["ce_source"] == b""


def test_a_refusal_names_the_place_but_not_the_value() -> None:
    event = a_sale()
    with pytest.raises(InvalidMessage) as caught:
        decode(event.headers(), event.body().replace(b'"line_no":1', b'"line_no":"4111111111111111 oops"'))
    assert "/lines/0/line_no" in caught.value.detail
    assert "4111" not in caught.value.detail


def test_a_receipt_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(ValueError, match="total_cents"):
        Sale.model_validate({**SALE, "total_cents": 200})


def test_training_and_cancelled_receipts_count_for_nothing() -> None:
    assert Sale.model_validate(SALE).counts
    assert not Sale.model_validate({**SALE, "training": True}).counts
    assert not Sale.model_validate({**SALE, "cancelled": True}).counts


def test_a_sale_is_keyed_by_its_customer_else_by_its_receipt() -> None:
    assert a_sale().partition_key == "loyalty_card:7"
    assert a_sale(customer=None).partition_key == "receipt:r1"


def test_link_and_unlink_of_a_pair_share_a_key_in_either_order() -> None:
    card = Identifier(kind=IdentifierKind.LOYALTY_CARD, value="7")
    visitor = Identifier(kind=IdentifierKind.WEB_VISITOR, value="v")
    one = IdentityLinked(first=card, second=visitor)
    other = IdentityLinked(first=visitor, second=card, linked=False)
    assert one.partition_key == other.partition_key


def test_a_transfer_in_never_takes_stock_away() -> None:
    with pytest.raises(ValueError, match="negative"):
        StockMoved.model_validate({"store_id": "1", "item_id": "2", "change": "-1", "reason": "transfer_in"})


@pytest.mark.parametrize(
    ("given", "normalised"),
    [("96385074", "00000096385074"), ("036000291452", "00036000291452"), ("4006381333931", "04006381333931")],
)
def test_a_gtin_is_normalised_to_fourteen_digits(given: str, normalised: str) -> None:
    line = {**LINE, "gtin": given}
    assert Sale.model_validate({**SALE, "lines": [line]}).lines[0].gtin == normalised


def test_a_gtin_with_a_wrong_check_digit_is_refused() -> None:
    line = {**LINE, "gtin": "4006381333932"}
    with pytest.raises(ValueError, match="check digit"):
        Sale.model_validate({**SALE, "lines": [line]})


def test_a_quantity_never_becomes_a_float() -> None:
    event = a_sale()
    assert b'"quantity":"1.5"' in event.body()
    assert isinstance(event.data, Sale)
    assert event.data.lines[0].quantity == Decimal("1.5")


def test_every_event_type_travels_on_exactly_one_topic() -> None:
    carried = [event_type for topic in TOPICS for event_type in topic.types]
    assert sorted(carried) == sorted(CONTRACTS)
    assert set(TOPIC_OF_TYPE) == set(CONTRACTS)


def test_a_compacted_topic_never_expires_and_the_others_do() -> None:
    assert all((topic.retention is None) == topic.compacted for topic in TOPICS)


def test_a_topic_is_named_by_its_owner() -> None:
    assert all(topic.name.startswith(topic.owner + ".") for topic in TOPICS)


def test_no_event_of_a_voucher_carries_its_code() -> None:
    for event_type in TOPICS[10].types:
        assert "code" not in CONTRACTS[event_type].model_fields


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any))
def test_an_allocation_adds_up_and_follows_the_weights(total_cents: int, weights: list[int]) -> None:
    shares = allocate_cents(total_cents, weights)
    assert sum(shares) == total_cents
    for share, weight in zip(shares, weights, strict=True):
        exact = Decimal(total_cents) * weight / sum(weights)
        assert abs(share - exact) < 1


def test_two_currencies_never_mix() -> None:
    with pytest.raises(ValueError, match="cannot join"):
        Money("EUR", 1) + Money("USD", 1)


def test_an_event_under_another_key_keeps_all_the_rest() -> None:
    event = Event(
        id="e1",
        source="till-1",
        type="usual.pos.sale.v1",
        occurred_at=NOON,
        partition_key="raw",
        data=a_sale().data,
        received_at=NOON,
        claimed_at=NOON,
        subject="raw",
        traceparent="t",
    )
    assert all(getattr(event, name) is not None for name in event.__struct_fields__)
    assert event.renamed("pseudonym", "other") == msgspec.structs.replace(
        event, partition_key="pseudonym", subject="other"
    )

"""A sale read in short is the sale that its contract reads, or it is left to the contract."""

import math
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.contracts import decode, decode_with
from libs.common.contracts.pos import Sale
from libs.common.errors import InvalidMessage
from services.profile.domain.facet_of import of
from services.profile.handlers.contacts import MasterData, purchase_of
from services.profile.handlers.sales import read_sale
from services.profile.ports import StoreRow
from tests.support.profile_events import a_sale, card

quantities = st.decimals(min_value=Decimal("0.000001"), max_value=Decimal(10**9), places=6).filter(lambda one: one > 0)


def body_of(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(a_sale("r1", card(1)).body())
    return body | changes


def with_line(**changes: Any) -> dict[str, Any]:
    body = body_of()
    return body | {"lines": [body["lines"][0] | changes, *body["lines"][1:]]}


WRONG = {
    "no lines": body_of(lines=[], total_cents=0),
    "another total": body_of(total_cents=1),
    "an empty receipt id": body_of(receipt_id=""),
    "a currency that is none": body_of(currency="euro"),
    "a card of an unknown kind": body_of(customer={"kind": "passport", "value": "1"}),
    "nothing of an item": with_line(quantity="0"),
    "less than nothing of an item": with_line(quantity="-1"),
    "too small a part of an item": with_line(quantity="0.0000001"),
    "too much of an item": with_line(quantity="1000000001"),
    "no number of items": with_line(quantity="one"),
    "an amount in text": with_line(amount_cents="150c"),
    "a discount below nothing": with_line(discounts=[{"amount_cents": -1}]),
    "a discount that nobody known pays for": with_line(discounts=[{"amount_cents": 1, "funder": "the moon"}]),
}


@pytest.mark.parametrize("why", WRONG)
def test_what_the_contract_refuses_is_never_plain(why: str) -> None:
    content = msgspec.json.encode(WRONG[why])
    with pytest.raises(ValidationError):
        Sale.model_validate_json(content)
    with pytest.raises(msgspec.DecodeError):
        read_sale(content)


@given(quantities, st.integers(-(10**9), 10**9), st.booleans())
def test_what_is_plain_is_the_same_purchase(quantity: Decimal, cents: int, discounted: bool) -> None:  # noqa: FBT001 - drawn
    discounts = [{"amount_cents": 7}, {"amount_cents": 9, "kind": "tender", "voucher_id": "v"}] if discounted else []
    body = with_line(quantity=format(quantity, "f"), amount_cents=cents, discounts=discounts)
    body["total_cents"] = sum(line["amount_cents"] for line in body["lines"])
    headers, content = a_sale("r1", card(1)).headers(), msgspec.json.encode(body)
    known = MasterData({}, {})
    short, whole = decode_with({Sale: read_sale})(headers, content), decode(headers, content)
    assert not isinstance(short.data, Sale)
    assert purchase_of(short, known) == purchase_of(whole, known)


def test_a_coupon_is_what_a_voucher_caused_or_somebody_else_pays_for() -> None:
    discounts = [
        {"amount_cents": 1},
        {"amount_cents": 2, "voucher_id": "v"},
        {"amount_cents": 4, "funder": "maker"},
        {"amount_cents": 8, "funder": "partner", "kind": "tender"},
    ]
    headers, content = a_sale("r1", card(1)).headers(), msgspec.json.encode(with_line(discounts=discounts))
    for event in (decode_with({Sale: read_sale})(headers, content), decode(headers, content)):
        purchase = purchase_of(event, MasterData({}, {}))
        assert purchase.coupon_cents == 14
        assert purchase.discounts_cents == (7, 0)
        assert {"coupon_receipts": 1, "coupon_cents": 14}.items() <= of(purchase).counts.items()
    assert "coupon_receipts" not in of(purchase_of(a_sale("r2"), MasterData({}, {}))).counts


def test_a_sale_of_a_training_is_left_to_the_contract() -> None:
    event = a_sale("r1", card(1), training=True)
    assert not decode_with({Sale: read_sale})(event.headers(), event.body()).data.counts  # type: ignore[attr-defined]  # a sale


def test_a_sale_that_is_wrong_is_refused_with_the_contracts_words() -> None:
    headers, content = a_sale("r1").headers(), msgspec.json.encode(body_of(total_cents=1))
    with pytest.raises(InvalidMessage, match="total_cents"):
        decode_with({Sale: read_sale})(headers, content)


@pytest.mark.parametrize(
    ("at", "minutes"),
    [
        ("2026-03-29T00:59:59+00:00", 60),
        ("2026-03-29T01:00:00+00:00", 120),
        ("2026-07-01T12:00:00+00:00", 120),
        ("2026-10-25T00:59:59+00:00", 120),
        ("2026-10-25T01:00:00+00:00", 60),
        ("1969-12-31T23:59:59.9+00:00", 60),
    ],
)
def test_a_purchase_notes_its_stores_clock_also_on_the_day_that_changes_it(at: str, minutes: int) -> None:
    occurred_at = datetime.fromisoformat(at)
    event = msgspec.structs.replace(a_sale("r1", card(1)), occurred_at=occurred_at)
    berlin = StoreRow(
        store_id=event.data.store_id,  # type: ignore[attr-defined]  # a sale
        time_zone="Europe/Berlin",
        currency="EUR",
        occurred_at=occurred_at,
        event_id="s",
    )
    purchase = purchase_of(event, MasterData({}, {berlin.store_id: berlin}))
    assert purchase.utc_offset_minutes == minutes
    assert purchase.occurred_at_seconds == math.floor(occurred_at.timestamp())

"""Laws of what a voucher gives and what a return takes back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.offers.domain.campaigns.catalogue import Item
from services.offers.domain.campaigns.terms import PercentOff, Terms
from services.offers.domain.vouchers.voucher import (
    Basket,
    BasketLine,
    Given,
    NotRedeemed,
    ReturnedSoFar,
    Voucher,
    VoucherState,
    redeem,
)
from tests.support.offers_facts import NOW

ITEM = Item(
    item_id="milk-1",
    name="Milk",
    category="milk",
    item_type="milk",
    price_cents=250,
    voucherable=True,
    stock_keeping=True,
    barred=None,
)
ITEMS = {"milk-1": ITEM, "milk-2": replace(ITEM, item_id="milk-2"), "bread-1": replace(ITEM, category="bread")}
TEN_PERCENT = Terms(promise=PercentOff(percent=10), greatest_value_cents=100, validity_days=7)
VOUCHER = Voucher(
    voucher_id="voucher",
    campaign_id="usual",
    customer_id="customer",
    receipt_id="receipt-1",
    store_id="store-1",
    category="milk",
    terms=TEN_PERCENT,
    currency="USD",
    expires_at=NOW + timedelta(days=7),
    state=VoucherState.ISSUED,
    reserved_cents=100,
)
AMOUNTS = st.lists(st.integers(1, 5_000), min_size=1, max_size=12)


def a_basket(amounts: Sequence[int] = (250,), item_id: str = "milk-1") -> Basket:
    lines = [
        BasketLine(line_no=number, item_id=item_id, quantity=Decimal(1), amount_cents=cents)
        for number, cents in enumerate(amounts, 1)
    ]
    return Basket(receipt_id="receipt-2", store_id="store-1", currency="USD", lines=lines)


@given(amounts=AMOUNTS, reserved_cents=st.integers(1, 100), percent=st.integers(1, 100))
def test_the_discount_is_allocated_to_lines_exactly(amounts: list[int], reserved_cents: int, percent: int) -> None:
    voucher = replace(
        VOUCHER, reserved_cents=reserved_cents, terms=replace(TEN_PERCENT, promise=PercentOff(percent=percent))
    )
    outcome = redeem(voucher, a_basket(amounts), ITEMS, NOW)
    if not isinstance(outcome, Given):
        assert sum(amounts) * percent < 100, "less than a cent"
        return
    assert outcome.given_cents == min(sum(amounts) * percent // 100, 100, reserved_cents)
    assert sum(line.discount_cents for line in outcome.lines) == outcome.given_cents
    assert all(0 < line.discount_cents <= amounts[line.line_no - 1] for line in outcome.lines)


@pytest.mark.parametrize(
    ("voucher", "basket", "reason"),
    [
        (None, a_basket(), NotRedeemed.UNKNOWN_CODE),
        (replace(VOUCHER, state=VoucherState.REDEEMED), a_basket(), NotRedeemed.ALREADY_REDEEMED),
        (replace(VOUCHER, state=VoucherState.EXPIRED), a_basket(), NotRedeemed.EXPIRED),
        (replace(VOUCHER, expires_at=NOW), a_basket(), NotRedeemed.EXPIRED),
        (replace(VOUCHER, currency="EUR"), a_basket(), NotRedeemed.OTHER_CURRENCY),
        (replace(VOUCHER, receipt_id="receipt-2"), a_basket(), NotRedeemed.ISSUED_ON_THIS_RECEIPT),
        (VOUCHER, a_basket(item_id="bread-1"), NotRedeemed.NO_ELIGIBLE_LINE),
        (VOUCHER, a_basket(item_id="ghost"), NotRedeemed.NO_ELIGIBLE_LINE),
        (VOUCHER, a_basket([-250]), NotRedeemed.NO_ELIGIBLE_LINE),
        (VOUCHER, a_basket([]), NotRedeemed.NO_ELIGIBLE_LINE),
    ],
)
def test_a_voucher_that_gives_nothing_says_why(voucher: Voucher | None, basket: Basket, reason: NotRedeemed) -> None:
    assert redeem(voucher, basket, ITEMS, NOW) is reason


def test_a_voucher_is_good_until_just_before_its_end() -> None:
    assert isinstance(redeem(VOUCHER, a_basket(), ITEMS, VOUCHER.expires_at - timedelta(microseconds=1)), Given)


def test_a_barred_item_gets_nothing_off() -> None:
    items = {**ITEMS, "milk-1": replace(ITEM, barred="infant_formula")}
    assert redeem(VOUCHER, a_basket(), items, NOW) is NotRedeemed.NO_ELIGIBLE_LINE


@given(
    quantity=st.integers(1, 20),
    discount_cents=st.integers(0, 500),
    parts=st.lists(st.integers(0, 10), max_size=12),
)
def test_returns_give_back_what_was_given_in_whatever_parts_and_never_more(
    quantity: int, discount_cents: int, parts: list[int]
) -> None:
    line = ReturnedSoFar(quantity=Decimal(quantity), discount_cents=discount_cents)
    for part in [*parts, quantity]:
        taken, share_cents = line.give_back(Decimal(part))
        assert 0 <= taken <= part
        assert share_cents >= 0
        line = replace(
            line,
            returned_quantity=line.returned_quantity + taken,
            returned_cents=line.returned_cents + share_cents,
        )
        assert line.returned_cents <= discount_cents
    assert (line.returned_quantity, line.returned_cents) == (Decimal(quantity), discount_cents)


def test_weighed_goods_return_in_thirds_to_the_cent() -> None:
    line = ReturnedSoFar(quantity=Decimal("0.999"), discount_cents=100)
    given_back = []
    for _ in range(3):
        taken, share_cents = line.give_back(Decimal("0.333"))
        given_back.append(share_cents)
        line = replace(
            line, returned_quantity=line.returned_quantity + taken, returned_cents=line.returned_cents + share_cents
        )
    assert given_back == [33, 33, 34]

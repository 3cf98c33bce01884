"""What each kind of voucher takes off: golden examples to the cent and by line, and the laws that hold for all of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.offers.domain.campaigns.catalogue import Item
from services.offers.domain.campaigns.terms import (
    AmountOff,
    Bundle,
    BundlePart,
    BuyGet,
    FixedPrice,
    FreeItem,
    PercentOff,
    Promise,
    Terms,
    from_stored,
    to_stored,
)
from services.offers.domain.vouchers.discount import Goods, worth
from services.offers.domain.vouchers.voucher import (
    Basket,
    BasketLine,
    Given,
    NotRedeemed,
    Voucher,
    VoucherState,
    redeem,
)
from tests.support.offers_facts import NOW

ITEMS = {
    f"{category}-{number}": Item(
        item_id=f"{category}-{number}",
        name=category,
        category=category,
        item_type=category,
        price_cents=100,
        voucherable=True,
        stock_keeping=True,
        barred="infant_formula" if category == "formula" else None,
    )
    for category in ("milk", "bread", "formula")
    for number in (1, 2, 3)
}
MENU = Bundle(parts=(BundlePart(category="milk", pieces=2), BundlePart(category="bread")), price_cents=300)

Row = tuple[str, str, int]
"""Item, quantity (with `kg` where it is weighed), cents."""


def a_line(number: int, row: Row) -> BasketLine:
    item_id, quantity, cents = row
    return BasketLine(
        line_no=number,
        item_id=item_id,
        quantity=Decimal(quantity.removesuffix("kg")),
        amount_cents=cents,
        weighed=quantity.endswith("kg"),
    )


def a_basket(lines: Sequence[BasketLine]) -> Basket:
    return Basket(receipt_id="receipt-2", store_id="store-1", currency="USD", lines=lines)


def a_voucher(promise: Promise, *, reserved_cents: int = 10_000, greatest_value_cents: int = 10_000) -> Voucher:
    return Voucher(
        voucher_id="voucher",
        campaign_id="usual",
        customer_id=None,
        receipt_id="receipt-1",
        store_id="store-1",
        category="milk",
        terms=Terms(promise=promise, greatest_value_cents=greatest_value_cents),
        currency="USD",
        expires_at=NOW + timedelta(days=7),
        state=VoucherState.ISSUED,
        reserved_cents=reserved_cents,
    )


GOLDEN: dict[str, tuple[Promise, list[Row], dict[int, int]]] = {
    "amount: shared by what lines cost, a cent to the dearest part": (
        AmountOff(amount_cents=100),
        [("milk-1", "1", 200), ("milk-2", "1", 100), ("bread-1", "1", 500)],
        {1: 67, 2: 33},
    ),
    "amount: never more than the goods": (AmountOff(amount_cents=100), [("milk-1", "1", 60)], {1: 60}),
    "percent: rounded down once, not by line": (
        PercentOff(percent=10),
        [("milk-1", "1", 105), ("milk-2", "1", 105)],
        {1: 11, 2: 10},
    ),
    "percent: of what is weighed": (PercentOff(percent=25), [("milk-1", "1.234kg", 307)], {1: 76}),
    "fixed price: one piece of three, the dearest cent": (
        FixedPrice(price_cents=199),
        [("milk-1", "3", 1000)],
        {1: 135},
    ),
    "fixed price: the dearest of two kinds": (
        FixedPrice(price_cents=199),
        [("milk-1", "1", 249), ("milk-2", "1", 299)],
        {2: 100},
    ),
    "fixed price: two pieces over two lines": (
        FixedPrice(price_cents=200, pieces=2),
        [("milk-1", "1", 249), ("milk-2", "1", 299), ("milk-3", "1", 230)],
        {1: 49, 2: 99},
    ),
    "fixed price: cheaper goods cost no more for it": (FixedPrice(price_cents=300), [("milk-1", "1", 249)], {}),
    "fixed price: by the kilogram, the discount rounded down": (
        FixedPrice(price_cents=199),
        [("milk-1", "1.234kg", 369)],
        {1: 123},
    ),
    "fixed price: half a piece is by its measure too": (FixedPrice(price_cents=199), [("milk-1", "0.5", 150)], {1: 50}),
    "fixed price: for nothing": (FixedPrice(price_cents=0), [("milk-1", "2", 399)], {1: 200}),
    "free item: the dearest piece": (FreeItem(), [("milk-1", "2", 399), ("milk-2", "1", 150)], {1: 200}),
    "free item: what is weighed is one piece": (
        FreeItem(),
        [("milk-1", "0.350kg", 420), ("milk-2", "1", 150)],
        {1: 420},
    ),
    "free item: two of three": (FreeItem(pieces=2), [("milk-1", "1", 100), ("milk-2", "2", 300)], {2: 300}),
    "free item: fewer there than promised": (FreeItem(pieces=3), [("milk-1", "1", 100)], {1: 100}),
    "buy two get one: the cheapest of three, shared by all three": (
        BuyGet(buy=2, get=1),
        [("milk-1", "2", 600), ("milk-2", "1", 200)],
        {1: 150, 2: 50},
    ),
    "buy two get one: two are not enough": (BuyGet(buy=2, get=1), [("milk-1", "2", 600)], {}),
    "buy two get one: a fourth, cheaper piece takes nothing away": (
        BuyGet(buy=2, get=1),
        [("milk-1", "3", 600), ("milk-2", "1", 50)],
        {1: 200},
    ),
    "buy one get two: a set that is not whole gives nothing": (BuyGet(buy=1, get=2), [("milk-1", "2", 600)], {}),
    "buy two get one: what is in no whole set bears nothing": (
        BuyGet(buy=2, get=1, sets=2),
        [("milk-1", "3", 600), ("milk-2", "2", 100)],
        {1: 200},
    ),
    "buy one get one at half price, once": (
        BuyGet(buy=1, get=1, percent=50),
        [("milk-1", "1", 301), ("milk-2", "1", 201), ("milk-3", "2", 200)],
        {1: 60, 2: 40},
    ),
    "buy one get one, twice": (
        BuyGet(buy=1, get=1, sets=2),
        [("milk-1", "1", 300), ("milk-2", "1", 200), ("milk-3", "2", 200)],
        {1: 128, 2: 86, 3: 86},
    ),
    "bundle: together, shared by what the pieces cost": (
        MENU,
        [("milk-1", "3", 450), ("bread-1", "1", 250)],
        {1: 136, 2: 114},
    ),
    "bundle: a part is missing": (MENU, [("milk-1", "1", 150), ("bread-1", "1", 250)], {}),
    "bundle: dearer than its parts": (MENU, [("milk-1", "2", 100), ("bread-1", "1", 100)], {}),
    "bundle: twice, the dearest pieces first": (
        MENU.model_copy(update={"sets": 2}),
        [("milk-1", "4", 800), ("bread-1", "1", 250), ("bread-2", "1", 150)],
        {1: 400, 2: 125, 3: 75},
    ),
    "nothing for goods of no such category": (FreeItem(), [("bread-1", "1", 100)], {}),
    "nothing for goods that no offer may be made for": (PercentOff(percent=50), [("formula-1", "1", 100)], {}),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_each_kind_takes_off_to_the_cent_what_its_examples_say(name: str) -> None:
    promise, rows, expected = GOLDEN[name]
    basket = a_basket([a_line(number, row) for number, row in enumerate(rows, 1)])
    outcome = redeem(a_voucher(promise), basket, ITEMS, NOW)
    if not expected:
        assert outcome is NotRedeemed.NO_ELIGIBLE_LINE
        return
    assert isinstance(outcome, Given)
    assert {line.line_no: line.discount_cents for line in outcome.lines} == expected
    assert outcome.given_cents == sum(expected.values())


def test_each_kind_has_examples() -> None:
    assert {promise.kind for promise, _, _ in GOLDEN.values()} == {
        *("amount", "percent", "fixed_price", "free_item", "buy_get", "bundle")
    }


PIECES = st.integers(1, 4)
PROMISES: st.SearchStrategy[Promise] = st.one_of(
    st.builds(AmountOff, amount_cents=st.integers(1, 2_000)),
    st.builds(PercentOff, percent=st.integers(1, 100)),
    st.builds(FixedPrice, price_cents=st.integers(0, 500), pieces=PIECES),
    st.builds(FreeItem, pieces=PIECES),
    st.builds(BuyGet, buy=PIECES, get=PIECES, percent=st.integers(1, 100), sets=PIECES),
    st.builds(
        lambda milk, bread, cents, sets: Bundle(
            parts=(BundlePart(category="milk", pieces=milk), BundlePart(category="bread", pieces=bread)),
            price_cents=cents,
            sets=sets,
        ),
        PIECES,
        PIECES,
        st.integers(0, 1_000),
        PIECES,
    ),
)
ROWS = st.tuples(
    st.sampled_from(sorted(ITEMS)),
    st.one_of(st.integers(1, 9).map(str), st.sampled_from(["0.5", "1.25", "0.333kg", "2kg", "1000000000"])),
    st.one_of(st.sampled_from([100, 101, 200]), st.integers(-200, 3_000)),
)
BASKETS = st.lists(ROWS, max_size=8).map(lambda rows: [a_line(number, row) for number, row in enumerate(rows, 1)])
CAPS = st.integers(1, 3_000)
THREE_ALIKE = [a_line(number, (f"milk-{number}", "1", 100)) for number in (1, 2, 3)]


def given_by(voucher: Voucher, lines: Sequence[BasketLine]) -> Given:
    outcome = redeem(voucher, a_basket(lines), ITEMS, NOW)
    return outcome if isinstance(outcome, Given) else Given(0, ())


@given(promise=PROMISES, lines=BASKETS, reserved_cents=CAPS, greatest_value_cents=CAPS)
@settings(max_examples=400)
def test_no_kind_gives_more_than_is_reserved_promised_or_paid_and_lines_add_up(
    promise: Promise, lines: list[BasketLine], reserved_cents: int, greatest_value_cents: int
) -> None:
    voucher = a_voucher(promise, reserved_cents=reserved_cents, greatest_value_cents=greatest_value_cents)
    found = given_by(voucher, lines)
    assert 0 <= found.given_cents <= min(reserved_cents, greatest_value_cents)
    assert sum(line.discount_cents for line in found.lines) == found.given_cents
    by_number = {line.line_no: line for line in lines}
    assert all(0 < line.discount_cents <= by_number[line.line_no].amount_cents for line in found.lines)
    touched = {ITEMS[line.item_id].category for line in found.lines}
    assert touched <= ({"milk", "bread"} if isinstance(promise, Bundle) else {"milk"})
    assert found == given_by(voucher, lines), "the same again"


@given(promise=PROMISES, lines=BASKETS, more=ROWS, caps=CAPS)
@settings(max_examples=400)
def test_more_goods_never_give_less(promise: Promise, lines: list[BasketLine], more: Row, caps: int) -> None:
    voucher = a_voucher(promise, reserved_cents=caps)
    after = given_by(voucher, [*lines, a_line(len(lines) + 1, more)])
    assert after.given_cents >= given_by(voucher, lines).given_cents


@given(promise=PROMISES, lines=BASKETS, caps=CAPS, seed=st.integers(0, 1_000))
@example(promise=AmountOff(amount_cents=1), lines=THREE_ALIKE, caps=1, seed=1)
@settings(max_examples=400)
def test_however_a_till_sorts_and_numbers_the_lines_each_gets_the_same(
    promise: Promise, lines: list[BasketLine], caps: int, seed: int
) -> None:
    voucher = a_voucher(promise, reserved_cents=caps)
    shuffled = list(lines)
    Random(seed).shuffle(shuffled)
    assert _by_number(given_by(voucher, shuffled)) == _by_number(given_by(voucher, lines))
    renumbered = [replace(line, line_no=number) for number, line in enumerate(shuffled, 1)]
    assert _without_numbers(voucher, renumbered) == _without_numbers(voucher, lines)


def _by_number(found: Given) -> dict[int, int]:
    return {line.line_no: line.discount_cents for line in found.lines}


def _without_numbers(voucher: Voucher, lines: Sequence[BasketLine]) -> list[tuple[str, Decimal, int, int]]:
    shares = _by_number(given_by(voucher, lines))
    return sorted((line.item_id, line.quantity, line.amount_cents, shares.get(line.line_no, 0)) for line in lines)


@given(promise=PROMISES, lines=BASKETS)
def test_weights_bear_the_discount_whatever_caps_it(promise: Promise, lines: list[BasketLine]) -> None:
    goods = [
        Goods(
            category=ITEMS[line.item_id].category,
            quantity=line.quantity,
            amount_cents=line.amount_cents,
            weighed=line.weighed,
        )
        for line in lines
        if line.amount_cents > 0
    ]
    found = worth(promise, goods)
    assert 0 <= found.discount_cents <= sum(found.weights)
    assert all(0 <= weight <= line.amount_cents for weight, line in zip(found.weights, goods, strict=True))


@given(PROMISES)
def test_a_promise_is_kept_as_it_was_made(promise: Promise) -> None:
    stored = to_stored(promise)
    if stored is None:
        assert promise.kind in ("amount", "percent"), "these have columns, which processes of a release before read"
    else:
        assert from_stored(stored) == promise


@given(promise=PROMISES, price_cents=st.integers(0, 1_000), cap=CAPS)
def test_what_an_offer_is_weighed_with_is_never_more_than_is_reserved(
    promise: Promise, price_cents: int, cap: int
) -> None:
    assert 0 <= Terms(promise=promise, greatest_value_cents=cap).discount_cents(price_cents) <= cap

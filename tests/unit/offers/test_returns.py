"""Laws of returns: refunds never exceed what was paid, discounts come back once, whatever returns in which parts and when."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.offers.domain.campaigns.stacking_rules import BelowMinimum
from services.offers.domain.returns.taking_back import (
    RedeemedLine,
    RedeemedVoucher,
    Sold,
    TakenBack,
    take_back,
    take_back_late,
)
from services.offers.domain.vouchers.voucher import Basket, BasketLine, ReturnedSoFar

ITEMS = ("milk", "bread", "tea")
QUANTITIES = st.sampled_from([Decimal(1), Decimal(2), Decimal(3), Decimal("0.333"), Decimal("1.5")])


def a_basket(*lines: tuple[str, Any, int]) -> Basket:
    """Of these goods: item, quantity, cents."""
    return Basket(
        receipt_id="sale",
        store_id="store-1",
        currency="USD",
        lines=[
            BasketLine(line_no=number, item_id=item_id, quantity=Decimal(quantity), amount_cents=cents)
            for number, (item_id, quantity, cents) in enumerate(lines, 1)
        ],
    )


def redeemed(basket: Basket, name: str, discounts: list[int], **said: Any) -> RedeemedVoucher:
    """A redemption that took so much off each line."""
    lines = [
        RedeemedLine(
            line_no=line.line_no,
            item_id=line.item_id,
            so_far=ReturnedSoFar(quantity=line.quantity, discount_cents=cents),
        )
        for line, cents in zip(basket.lines, discounts, strict=True)
        if cents
    ]
    return RedeemedVoucher(redemption_id=name, lines=lines, **said)


def after(voucher: RedeemedVoucher, taken: TakenBack) -> RedeemedVoucher:
    """The redemption as the next return finds it."""
    backs = {(back.redemption_id, back.line_no): back for back in taken.backs}
    lines = []
    for line in voucher.lines:
        back = backs.get((voucher.redemption_id, line.line_no))
        so_far = line.so_far
        if back is not None:
            so_far = replace(
                so_far,
                returned_quantity=so_far.returned_quantity + back.quantity,
                returned_cents=so_far.returned_cents + back.cents,
            )
        lines.append(replace(line, so_far=so_far))
    return replace(voucher, lines=lines)


class Returns(RuleBasedStateMachine):
    """One receipt: sold with some vouchers, others redeemed late, returned in parts, more than once and too much."""

    @initialize(
        lines=st.lists(st.tuples(st.sampled_from(ITEMS), QUANTITIES, st.integers(0, 999)), min_size=1, max_size=5)
    )
    def sell(self, lines: list[tuple[str, Decimal, int]]) -> None:
        self.basket = a_basket(*lines)
        self.prices = [line.amount_cents for line in self.basket.lines]
        self.sold = Sold().with_basket(self.basket)
        self.vouchers: list[RedeemedVoucher] = []
        self.given_cents = 0
        self.refunds: list[int] = []
        self.taken_cents = 0
        self.reissued: list[str] = []
        self.early: dict[str, Decimal] = {}

    @rule(data=st.data(), below=st.sampled_from(BelowMinimum), minimum=st.integers(0, 3_000))
    def redeem(self, data: st.DataObject, below: BelowMinimum, minimum: int) -> None:
        """Also after goods came back: a till without a network tells of it late. It gave before they did."""
        discounts = [data.draw(st.integers(0, price)) for price in self.prices]
        self.prices = [price - cents for price, cents in zip(self.prices, discounts, strict=True)]
        voucher = redeemed(
            self.basket, f"r{len(self.vouchers)}", discounts, minimum_basket_cents=minimum, below_minimum=below
        )
        self.given_cents += sum(discounts)
        self.vouchers.append(voucher)
        known_cents = self.sold.refunded_cents
        beside_cents = sum(each.kept_cents for each in self._in_force() if each is not voucher)
        self._apply(take_back_late(self.sold, [voucher], {}, beside_cents=beside_cents))
        self.refunds[-1] = self.sold.refunded_cents - known_cents

    @rule(goods=st.dictionaries(st.sampled_from((*ITEMS, "ghost")), QUANTITIES, max_size=3))
    def bring_back(self, goods: dict[str, Decimal]) -> None:
        self._apply(take_back(self.sold, self._in_force(), goods))

    @rule()
    def bring_back_all(self) -> None:
        self._apply(take_back(self.sold, self._in_force(), dict.fromkeys(ITEMS, Decimal(100))))
        assert self.sold.remaining_cents == 0
        assert sum(self.refunds) == self.paid_cents, "all that was paid, to the cent"
        assert self.taken_cents == self.given_cents

    def _in_force(self) -> list[RedeemedVoucher]:
        return [each for each in self.vouchers if each.redemption_id not in self.reissued]

    def _apply(self, taken: TakenBack) -> None:
        assert taken.refund_cents >= 0
        assert all(back.cents >= back.reclaimed_cents >= 0 for back in taken.backs)
        self.sold = taken.sold
        self.refunds.append(taken.refund_cents)
        self.taken_cents += taken.cents
        self.vouchers = [after(each, taken) for each in self.vouchers]
        self.reissued += taken.reissued

    @property
    def paid_cents(self) -> int:
        return sum(line.amount_cents for line in self.basket.lines) - self.given_cents

    @invariant()
    def refunds_never_exceed_what_was_paid(self) -> None:
        assert sum(self.refunds) <= self.paid_cents
        assert sum(self.refunds) == self.sold.refunded_cents

    @invariant()
    def no_discount_comes_back_twice(self) -> None:
        for voucher in self.vouchers:
            for line in voucher.lines:
                assert 0 <= line.so_far.returned_cents <= line.so_far.discount_cents
                (sold,) = [each for each in self.sold.lines if each.line_no == line.line_no]
                in_force = voucher.redemption_id not in self.reissued
                assert not in_force or line.so_far.returned_quantity == sold.returned_quantity, (
                    "so much as of the goods"
                )
        assert self.taken_cents == self.sold.taken_back_cents <= self.given_cents

    @invariant()
    def a_voucher_is_good_again_once_and_only_when_all_of_it_is_back(self) -> None:
        assert len(set(self.reissued)) == len(self.reissued)
        for voucher in self.vouchers:
            if voucher.redemption_id in self.reissued:
                assert all(line.so_far.returned_cents == line.so_far.discount_cents for line in voucher.lines)


TestReturns = Returns.TestCase
TestReturns.settings = settings(max_examples=200, stateful_step_count=12, deadline=None, derandomize=True)


def test_goods_take_back_the_share_of_every_voucher_on_them() -> None:
    basket = a_basket(("milk", 2, 1_000), ("bread", 1, 500))
    two = [redeemed(basket, "a", [200, 0]), redeemed(basket, "b", [80, 50])]
    taken = take_back(Sold().with_basket(basket), two, {"milk": Decimal(1)})
    assert {(back.redemption_id, back.cents) for back in taken.backs} == {("a", 100), ("b", 40)}
    assert taken.refund_cents == 500 - 140


@pytest.mark.parametrize("known", ["before", "late"])
def test_parts_of_goods_that_cost_nothing_give_nothing(known: str) -> None:
    basket = a_basket(("milk", 2, 523))
    three = [redeemed(basket, name, [cents]) for name, cents in (("a", 461), ("b", 3), ("c", 59))]
    half, sold = {"milk": Decimal(1)}, Sold().with_basket(basket)
    if known == "before":
        sold = take_back(sold, three, half).sold
    else:
        sold, there = take_back(sold, [], half).sold, 0
        for each in three:
            taken = take_back_late(sold, [each], {}, beside_cents=there)
            sold, there = taken.sold, there + after(each, taken).kept_cents
    assert sold.refunded_cents == 0, "of 261.5 cents 230.5, 1.5 and 29.5 are taken back, each rounded down"


@pytest.mark.parametrize(
    ("below", "refunds", "reissued"),
    [
        (BelowMinimum.KEEP, [200, 1_500], []),
        (BelowMinimum.RECLAIM, [0, 1_700], []),
        (BelowMinimum.REISSUE, [0, 1_700], ["a"]),
    ],
)
def test_below_the_minimum_the_rest_is_kept_reclaimed_or_the_voucher_good_again(
    below: BelowMinimum, refunds: list[int], reissued: list[str]
) -> None:
    basket = a_basket(("milk", 1, 200), ("bread", 1, 1_800))
    one = redeemed(basket, "a", [0, 300], minimum_basket_cents=2_000, below_minimum=below)
    sold = Sold().with_basket(basket)
    found: list[int] = []
    again: list[str] = []
    for item_id in ("milk", "bread"):
        taken = take_back(sold, [one], {item_id: Decimal(1)})
        sold, one = taken.sold, after(one, taken)
        found.append(taken.refund_cents)
        again += taken.reissued
    assert (found, again) == (refunds, reissued), "a refund is never less than nothing: what it cannot bear waits"


def test_a_basket_that_is_numbered_anew_gives_back_the_share_of_the_same_goods() -> None:
    first = a_basket(("milk", 1, 200), ("bread", 1, 300))
    one = redeemed(first, "a", [50, 30])
    again = a_basket(("bread", 1, 300), ("milk", 1, 200))
    taken = take_back(Sold().with_basket(first).with_basket(again), [one], {"milk": Decimal(1)})
    assert [(back.item_id, back.cents) for back in taken.backs] == [("milk", 50)]

"""Golden receipts: text in three widths, and what a printer gets."""

import dataclasses
from datetime import date

import msgspec
import pytest

from services.offers.domain.answer import (
    BUDGET_EXHAUSTED,
    CheckoutAnswer,
    Proposal,
    ProposedVoucher,
    answer,
    pack,
    unpack,
)
from services.offers.domain.code import CodeKey
from services.offers.domain.receipt import Columns, Coupon, as_escpos, as_text, money, promise, template
from tests.support.offers_facts import NOW

KEY = CodeKey(b"k" * 32)
COUPON = Coupon(
    headline="10% off Fluid Milk Products",
    note="up to $1.50",
    title="Your usual, for less",
    such_as=("2% Milk 1 gal", "Whole milk"),
    code="4T8N-0AQV-Z7XK-M",
    last_day=date(2026, 3, 24),
)

GOLDEN: dict[Columns, str] = {
    32: """\
--------------------------------
      Your usual, for less
  10% off Fluid Milk Products
          up to $1.50
For example: 2% Milk 1 gal,
Whole milk
        4T8N-0AQV-Z7XK-M
    Good through 2026-03-24
--------------------------------
""",
    42: """\
------------------------------------------
           Your usual, for less
       10% off Fluid Milk Products
               up to $1.50
For example: 2% Milk 1 gal, Whole milk
             4T8N-0AQV-Z7XK-M
         Good through 2026-03-24
------------------------------------------
""",
    48: """\
------------------------------------------------
              Your usual, for less
          10% off Fluid Milk Products
                  up to $1.50
For example: 2% Milk 1 gal, Whole milk
                4T8N-0AQV-Z7XK-M
            Good through 2026-03-24
------------------------------------------------
""",
}


@pytest.mark.parametrize("columns", GOLDEN)
def test_text_is_as_it_was_agreed(columns: Columns) -> None:
    text = as_text(template([COUPON]), columns)
    assert text == GOLDEN[columns]
    assert max(map(len, text.splitlines())) == columns


def test_a_printer_gets_the_text_the_code_in_two_forms_and_a_cut() -> None:
    printed = as_escpos(template([COUPON]), 42)
    assert b"10% off Fluid Milk Products\n" in printed
    assert b"\x1dkI\x0f{B4T8N0AQVZ7XKM" in printed, "Code 128, set B, of the bare code"
    assert b"\x1d(k\x13\x001P04T8N-0AQV-Z7XK-M" in printed, "QR, stored and then printed"
    assert b"\x1d(k\x03\x001Q0" in printed
    assert printed.endswith(b"\x1bd\x04\x1bd\x06\x1dV\x00")
    assert as_escpos(template([COUPON]), 42) == printed


def test_without_vouchers_nothing_is_printed() -> None:
    assert as_text(template([]), 42) == ""
    assert as_escpos(template([]), 42) == b""


def test_a_sign_that_no_code_page_has_does_not_stop_the_printer() -> None:
    odd = Coupon(headline="10% 牛奶", note="", title="Ωμέγα €", such_as=(), code=COUPON.code, last_day=COUPON.last_day)
    assert as_escpos(template([odd]), 32)


@pytest.mark.parametrize(
    ("currency", "cents", "shown"),
    [("USD", 5, "$0.05"), ("JPY", 150, "¥150"), ("KWD", 1_500, "KWD 1.500"), ("EUR", 12_345, "€123.45")],
)
def test_money_is_shown_as_its_currency_is(currency: str, cents: int, shown: str) -> None:
    assert money(currency, cents) == shown


def test_an_amount_needs_no_note() -> None:
    assert promise(percent=None, greatest_value_cents=50, currency="USD", category="milk") == ("$0.50 off Milk", "")


def a_proposal(slots: int = 2) -> Proposal:
    vouchers = [
        ProposedVoucher(
            slot=slot,
            voucher_id=f"voucher-{slot}",
            campaign_id="usual",
            title="Your usual, for less",
            category="milk",
            item_ids=("milk-1",),
            such_as=("Milk",),
            kind="percent",
            headline="10% off Milk",
            note="up to $1.50",
            greatest_value_cents=150,
            currency="USD",
            valid_from=NOW,
            expires_at=NOW,
            last_day=NOW.date(),
            propensity_ratio=0.25,
            reasons=("habit",),
        )
        for slot in range(1, slots + 1)
    ]
    return Proposal("checkout", "decision", 0, "offered", "treated", "model", 42, tuple(vouchers))


def test_an_answer_is_made_again_from_what_is_stored_byte_for_byte() -> None:
    stored = pack(a_proposal())
    assert answer(unpack(stored), [1, 2], KEY) == answer(a_proposal(), [1, 2], KEY)
    code = KEY.code_of("voucher-1")
    assert code.encode() not in stored
    assert code.encode() in answer(unpack(stored), [1], KEY)


def test_only_granted_slots_are_printed() -> None:
    told = msgspec.json.decode(answer(a_proposal(), [2], KEY), type=CheckoutAnswer)
    assert [voucher.voucher_id for voucher in told.vouchers] == ["voucher-2"]
    assert KEY.code_of("voucher-1") not in told.receipt.text
    nothing = msgspec.json.decode(answer(a_proposal(), [], KEY), type=CheckoutAnswer)
    assert (nothing.vouchers, nothing.reason, nothing.receipt.escpos_base64) == ((), BUDGET_EXHAUSTED, "")


def test_a_signed_voucher_prints_its_signature_as_qr_and_its_code_beside_it() -> None:
    coupon = dataclasses.replace(COUPON, signed="TU1:SIGNED")
    printed = as_escpos(template([coupon]), 42)
    assert b"TU1:SIGNED" in printed
    assert COUPON.code.replace("-", "").encode() in printed
    assert as_text(template([coupon]), 42) == as_text(template([COUPON]), 42)

"""Laws of signed coupons on receipts: the signature is what a scanner reads, it fits the paper, and it never costs the code."""

from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import msgspec
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from libs.tills.verify_voucher import verify
from services.offers.domain.checkout.answer import CheckoutAnswer, answered, coupon_of
from services.offers.domain.checkout.reprint import Form, rendered
from services.offers.domain.codes.signed import SigningKey
from services.offers.domain.receipts.electronic import ElectronicReceipt
from services.offers.domain.receipts.escpos import as_escpos
from services.offers.domain.receipts.printing import PrintPolicy
from services.offers.domain.receipts.sheet import (
    CUT_DOTS,
    DOTS_PER_COLUMN,
    GREATEST_COUPON_DOTS,
    Columns,
    laid,
    length_dots,
)
from services.offers.domain.receipts.symbols import Symbols, barcode_modules, bare, drawn
from tests.support.escpos_paper import Printed, Printer
from tests.support.offers_printing import (
    EXAMPLES,
    FONT,
    ISSUED_AT,
    KEY,
    KEYS,
    SIGNING_KEY,
    Example,
    a_coupon,
    signing,
)

WIDTHS: list[Columns] = [32, 42, 48]
SIGNED = next(example for example in EXAMPLES if example.signed_for)
SLOTS = [voucher.slot for voucher in SIGNED.proposal.vouchers]
TRUSTED = {1: SIGNING_KEY.public_key}
QR_DOTS_MORE = 4 * 53 - 6 * 25
"""Of a signed text's QR code over a code's, at most: four dots a module, for a printer that packs it as bytes."""


def on_paper(example: Example, columns: Columns | None = None) -> Printed:
    job = rendered(Form.PRINTER, (example.proposal, SLOTS), KEYS, font=FONT, columns=columns)
    return Printer(columns or example.columns).print(job)


def checked(picture: Image.Image) -> list[tuple[str, int, int]]:
    """What a till without a network reads of the QR codes: code, percent, greatest value."""
    texts = [found.text for found in zxingcpp.read_barcodes(picture) if found.format.name == "QRCode"]
    read = [verify(text, TRUSTED, "store-1", ISSUED_AT.timestamp()) for text in texts]
    return [(voucher.code, voucher.percent, voucher.greatest_value_cents) for voucher in read]


PROMISED = [(KEY.code_of(voucher.voucher_id), 10, 150) for voucher in SIGNED.proposal.vouchers]


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_till_without_a_network_checks_what_is_scanned_off_the_picture(columns: Columns) -> None:
    png = rendered(Form.PICTURE, (SIGNED.proposal, SLOTS), KEYS, font=FONT, columns=columns)
    with Image.open(BytesIO(png)) as picture:
        assert checked(picture) == PROMISED


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("symbols", ["both", "one"])
def test_a_till_without_a_network_checks_what_is_scanned_off_the_paper(columns: Columns, symbols: Symbols) -> None:
    example = replace(SIGNED, policy=PrintPolicy(how="print", symbols=symbols))
    paper = on_paper(example, columns)
    assert checked(paper.paper) == PROMISED
    codes = [code for code, _, _ in PROMISED]
    assert paper.barcodes == ([code.replace("-", "") for code in codes] if symbols == "both" else [])
    assert [line.strip() for line in paper.lines if line.strip() in codes] == codes, "people read the code"


def test_the_answer_the_printer_and_the_e_receipt_have_the_same_signature() -> None:
    body, receipt = answered(SIGNED.proposal, SLOTS, KEY, signing)
    signatures = [voucher.signed for voucher in msgspec.json.decode(body, type=CheckoutAnswer).vouchers]
    assert None not in signatures
    assert Printer(SIGNED.columns).print(b64decode(receipt.escpos_base64)).qr_codes == signatures
    electronic = rendered(Form.E_RECEIPT, (SIGNED.proposal, SLOTS), KEYS, font=FONT)
    coupons = msgspec.json.decode(electronic, type=ElectronicReceipt).coupons
    assert [coupon.signed for coupon in coupons] == signatures
    assert receipt.text == rendered(Form.TEXT, (SIGNED.proposal, SLOTS), KEYS, font=FONT).decode()
    assert not any(signature in receipt.text for signature in signatures if signature)


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_length_that_is_told_is_that_of_the_signed_symbol(columns: Columns) -> None:
    signed = coupon_of(SIGNED.proposal.vouchers[0], KEY, signing)
    with_signature, without = (
        laid(coupon, columns, "both", lambda text: text)
        for coupon in (signed, msgspec.structs.replace(signed, signed=None))
    )
    assert with_signature.dots - without.dots == QR_DOTS_MORE
    # What is told is for the loosest packing, as bytes; this printer packs letters and digits tighter.
    tighter = {with_signature: 4 * (53 - 41), without: 6 * (25 - 21)}
    for block, dots in tighter.items():
        paper = Printer(columns).print(as_escpos([block], "", columns, ["CP1252"]))
        assert paper.length_dots == length_dots([block]) - dots - CUT_DOTS


def test_a_paper_budget_counts_the_signed_symbol() -> None:
    whole_mm = answered(SIGNED.proposal, SLOTS, KEY, signing)[1].paper_mm
    unsigned_mm = answered(replace(SIGNED, signed_for=None).proposal, SLOTS, KEY, signing)[1].paper_mm
    assert unsigned_mm < whole_mm
    tight = replace(SIGNED, policy=PrintPolicy(how="print", greatest_mm=unsigned_mm))
    receipt = answered(tight.proposal, SLOTS, KEY, signing)[1]
    assert 0 < receipt.paper_mm <= unsigned_mm
    assert receipt.saved_mm > 0
    paper = Printer(tight.columns).print(b64decode(receipt.escpos_base64))
    assert checked(paper.paper) == PROMISED, "bars go first: they hold no signature"
    assert paper.barcodes == []


def test_a_campaign_without_signatures_asks_for_no_keys() -> None:
    def none_read() -> list[SigningKey]:
        raise AssertionError("asked for keys that may not be read yet")

    plain = replace(SIGNED, signed_for=None).proposal
    assert coupon_of(plain.vouchers[0], KEY, none_read).signed is None


@given(
    code=st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ-", min_size=1, max_size=64),
    length=st.integers(1, 400),
    columns=st.sampled_from(WIDTHS),
    symbols=st.sampled_from(["both", "one"]),
)
def test_a_signature_never_costs_the_code_its_symbol(
    code: str, length: int, columns: Columns, symbols: Symbols
) -> None:
    dots, text = columns * DOTS_PER_COLUMN, "S" * length
    plain, found = drawn(code, dots, symbols), drawn(code, dots, symbols, signed=text)
    if found.qr_content != text:
        assert found == plain, "as if there were no signature"
    assert found.bar_dots or found.module_dots
    assert found.bar_dots * (barcode_modules(bare(code)) + 10) <= dots
    assert found.module_dots * (found.qr_modules + 8) <= dots
    assert symbols == "one" or found.bar_dots == plain.bar_dots
    block = laid(a_coupon(code=code, signed=text), columns, symbols, lambda said: said)
    assert block.dots <= GREATEST_COUPON_DOTS
    paper = Printer(columns).print(as_escpos([block], "", columns, ["CP1252"]))
    assert paper.length_dots <= length_dots([block])
    assert paper.qr_codes == ([found.qr_content] if found.module_dots else [])


@pytest.mark.parametrize("symbols", ["both", "one"])
def test_a_text_too_long_for_a_small_symbol_leaves_the_code_s_own(symbols: Symbols) -> None:
    longest, too_long = "S" * 251, "S" * 252
    assert drawn("4T8N-0AQV-Z7XK-M", 384, "both", signed=longest).qr_content == longest
    assert drawn("4T8N-0AQV-Z7XK-M", 384, symbols, signed=too_long) == drawn("4T8N-0AQV-Z7XK-M", 384, symbols)
    assert drawn("4T8N-0AQV-Z7XK-M", 384, "both", signed=too_long).qr_content == "4T8N-0AQV-Z7XK-M"

"""Receipts as they were agreed, in every form; what a scanner reads off the picture and off the printer's paper."""

from io import BytesIO

import msgspec
import pytest
import zxingcpp
from PIL import Image, ImageChops

from services.offers.domain.checkout.answer import coupon_of
from services.offers.domain.checkout.reprint import Form, rendered
from services.offers.domain.codes.numbers import NumberKind, number_in
from services.offers.domain.receipts.electronic import ElectronicReceipt
from services.offers.domain.receipts.printing import fitted
from services.offers.domain.receipts.sheet import Columns
from services.offers.domain.receipts.template import Coupon
from tests.support.escpos_paper import Printer
from tests.support.golden_receipts import made, path_of
from tests.support.offers_printing import EXAMPLES, FONT, KEY, KEYS, Example, signing

NAMED = [pytest.param(example, id=example.name) for example in EXAMPLES]
_TOLERANCE_RATIO = 0.01


def codes_of(example: Example) -> list[str]:
    return [KEY.code_of(voucher.voucher_id) for voucher in example.proposal.vouchers]


def coupons_of(example: Example) -> list[Coupon]:
    return [coupon_of(voucher, KEY, signing) for voucher in example.proposal.vouchers]


def carried_by(example: Example) -> list[str]:
    """What the QR codes must say."""
    coupons = coupons_of(example)
    assert all(bool(coupon.signed) == bool(example.signed_for) for coupon in coupons)
    return [coupon.signed or coupon.code for coupon in coupons]


def scanned(picture: Image.Image) -> dict[str, list[str]]:
    """What a scanner says: of bars with the identifier of their symbology (]C0 Code 128, ]C1 GS1-128, ]E0 EAN-13)."""
    found: dict[str, list[str]] = {"bars": [], "QRCode": []}
    for symbol in zxingcpp.read_barcodes(picture, text_mode=zxingcpp.TextMode.Plain):
        if symbol.format.name == "QRCode":
            found["QRCode"].append(symbol.text)
        else:
            found["bars"].append(symbol.symbology_identifier + symbol.text)
    return found


def bars_by(coupon: Coupon) -> str:
    """What the bars of a coupon must say to a scanner."""
    if coupon.number is None:
        return "]C0" + coupon.code.replace("-", "")
    return ("]C1" if coupon.number.kind is NumberKind.GCN else "]E0") + coupon.number.element_string


@pytest.mark.parametrize("example", NAMED)
@pytest.mark.parametrize("form", [Form.TEXT, Form.PRINTER, Form.E_RECEIPT])
def test_a_receipt_is_as_it_was_agreed(example: Example, form: Form) -> None:
    assert made(example, form) == path_of(example, form).read_bytes()


@pytest.mark.parametrize("example", NAMED)
def test_a_picture_looks_as_it_was_agreed(example: Example) -> None:
    with Image.open(path_of(example, Form.PICTURE)) as agreed:
        now = as_picture(made(example, Form.PICTURE))
        assert now.size == agreed.size
        histogram = ImageChops.difference(now, agreed.convert("L")).histogram()
        # Another build of the font renderer may shade edges a little differently.
        assert sum(histogram[64:]) <= _TOLERANCE_RATIO * now.width * now.height


def as_picture(png: bytes) -> Image.Image:
    with Image.open(BytesIO(png)) as picture:
        return picture.convert("L")


@pytest.mark.parametrize("example", NAMED)
def test_every_code_can_be_scanned_off_the_picture(example: Example) -> None:
    assert scanned(as_picture(made(example, Form.PICTURE))) == {
        "bars": [bars_by(coupon) for coupon in coupons_of(example)],
        "QRCode": carried_by(example),
    }


@pytest.mark.parametrize("example", NAMED)
def test_a_scanner_reads_off_the_paper_what_the_printer_was_told(example: Example) -> None:
    paper = Printer(example.columns).print(made(example, Form.PRINTER))
    fit = fitted(
        coupons_of(example),
        example.columns,
        example.proposal.printing,
    )
    codes = [coupon.code for coupon in fit.on_paper]
    assert codes
    assert scanned(paper.paper) == {
        "bars": [bars_by(coupon) for coupon in fit.on_paper],
        "QRCode": carried_by(example) if fit.symbols == "both" else [],
    }
    assert [line.strip() for line in paper.lines if line.strip() in codes] == codes, "people read it too"
    assert paper.cut


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example.numbered])
def test_what_a_scanner_reads_off_the_bars_of_a_numbered_voucher_is_taken_for_its_number(example: Example) -> None:
    (coupon,) = coupons_of(example)
    assert coupon.number is not None
    (read,) = scanned(Printer(example.columns).print(made(example, Form.PRINTER)).paper)["bars"]
    assert number_in(read) == (coupon.number.kind, coupon.number.digits)
    assert coupon.number.shown in {line.strip() for line in made(example, Form.TEXT).decode().splitlines()}


@pytest.mark.parametrize("example", NAMED)
def test_paper_is_never_longer_than_was_told(example: Example) -> None:
    fit = fitted(
        coupons_of(example),
        example.columns,
        example.proposal.printing,
    )
    paper = Printer(example.columns).print(made(example, Form.PRINTER))
    assert paper.length_dots <= fit.paper_dots


@pytest.mark.parametrize("example", NAMED)
def test_text_and_paper_say_the_same_but_for_signs_that_the_printer_lacks(example: Example) -> None:
    text = made(example, Form.TEXT).decode().splitlines()
    paper = Printer(example.columns).print(made(example, Form.PRINTER)).lines
    assert [line.replace("Żubrówka-Käse", "Zubrówka-Käse") for line in text] == paper


@pytest.mark.parametrize("columns", [32, 42, 48])
def test_a_reprint_may_be_of_another_width(columns: Columns) -> None:
    example = EXAMPLES[0]
    text = rendered(Form.TEXT, (example.proposal, [1]), KEYS, font=FONT, columns=columns).decode()
    assert max(map(len, text.splitlines())) == columns


def test_an_e_receipt_holds_all_coupons_and_says_which_are_on_paper() -> None:
    example = next(example for example in EXAMPLES if example.policy.greatest_mm)
    receipt = msgspec.json.decode(made(example, Form.E_RECEIPT), type=ElectronicReceipt)
    assert [coupon.code for coupon in receipt.coupons] == codes_of(example)
    assert [coupon.on_paper for coupon in receipt.coupons] == [True, False, False]
    assert receipt.language == "pl"


def test_only_granted_vouchers_are_in_any_form() -> None:
    example = next(example for example in EXAMPLES if len(example.categories) > 1)
    hidden = codes_of(example)[0]
    for form in (Form.TEXT, Form.PRINTER, Form.E_RECEIPT):
        assert hidden.encode() not in rendered(form, (example.proposal, [2]), KEYS, font=FONT)
    picture = as_picture(rendered(Form.PICTURE, (example.proposal, [2]), KEYS, font=FONT))
    assert scanned(picture)["QRCode"] == codes_of(example)[1:2]


def test_without_a_granted_voucher_nothing_is_rendered_for_paper() -> None:
    proposal = EXAMPLES[0].proposal
    assert rendered(Form.TEXT, (proposal, []), KEYS, font=FONT) == b""
    assert rendered(Form.PRINTER, (proposal, []), KEYS, font=FONT) == b""
    assert scanned(as_picture(rendered(Form.PICTURE, (proposal, []), KEYS, font=FONT))) == {"bars": [], "QRCode": []}

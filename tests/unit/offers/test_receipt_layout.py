"""Laws of the layout, whatever a catalogue holds: nothing too wide, nothing too long, no name gives orders, nothing is lost."""

from datetime import date
from io import BytesIO

import pytest
import zxingcpp
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from services.offers.domain.campaigns.terms import (
    AmountOff,
    Bundle,
    BundlePart,
    BuyGet,
    FixedPrice,
    FreeItem,
    PercentOff,
    Terms,
)
from services.offers.domain.codes.numbers import Number, NumberKind
from services.offers.domain.receipts.code_pages import encoded, page_number, spelled
from services.offers.domain.receipts.escpos import as_escpos
from services.offers.domain.receipts.lines import broken, clean, width
from services.offers.domain.receipts.picture import as_png, drawable
from services.offers.domain.receipts.promises import said as promised
from services.offers.domain.receipts.sheet import (
    DOTS_PER_COLUMN,
    GREATEST_COUPON_DOTS,
    GREATEST_COUPON_MM,
    Columns,
    laid,
    length_dots,
    millimetres,
)
from services.offers.domain.receipts.symbols import Symbols, barcode_modules, bare, drawn
from services.offers.domain.receipts.template import GREATEST_CODE, GREATEST_LINES, Style
from services.offers.domain.receipts.text import as_text
from tests.support.escpos_paper import Printer
from tests.support.offers_printing import FONT, WORDING, a_coupon

WIDTHS: list[Columns] = [32, 42, 48]
PAGES = ("CP852", "CP1252")
ISSUE_DAY = date(2026, 9, 30)
TEXTS = st.text(max_size=200)
CODES = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ-{", min_size=1, max_size=GREATEST_CODE)


@given(text=TEXTS, columns=st.sampled_from(WIDTHS), lines=st.integers(1, 4))
@example(text="\x1b@\x1dV\x00", columns=32, lines=1)
@example(text="牛" * 40, columns=32, lines=2)
def test_a_text_is_broken_to_lines_that_fit_and_gives_no_orders(text: str, columns: Columns, lines: int) -> None:
    found = broken(clean(text), columns, lines)
    assert len(found) <= lines
    assert all(width(line) <= columns for line in found)
    assert all(sign.isprintable() or sign == "\u00a0" for line in found for sign in line)


@given(st.lists(st.sampled_from(["milk", "one", "gallon", "2%"]), min_size=1, max_size=30), st.sampled_from(WIDTHS))
def test_breaking_loses_no_word_while_there_is_room(words: list[str], columns: Columns) -> None:
    assert " ".join(broken(" ".join(words), columns, 100)) == " ".join(words)


@given(
    texts=st.lists(TEXTS, min_size=5, max_size=5),
    code=CODES,
    columns=st.sampled_from(WIDTHS),
    symbols=st.sampled_from(["both", "one"]),
    number=st.sampled_from(
        [None, Number(NumberKind.EAN13, "2900000000001"), Number(NumberKind.GCN, "8712345000011" + "0" * 12)]
    ),
)
def test_no_coupon_is_longer_than_stated_and_the_printer_takes_all_of_it(
    texts: list[str], code: str, columns: Columns, symbols: Symbols, number: Number | None
) -> None:
    headline, note, title, such_as, valid_through = texts
    coupon = a_coupon(
        headline=headline,
        note=note,
        title=title,
        such_as=such_as,
        valid_through=valid_through,
        code=code,
        number=number,
    )
    block = laid(coupon, columns, symbols, lambda text: spelled(text, PAGES))
    assert len(block.lines) <= GREATEST_LINES
    assert block.dots <= GREATEST_COUPON_DOTS
    job = as_escpos([block], "", columns, PAGES)
    paper = Printer(columns).print(job)  # refuses what is too wide, and orders that nobody meant
    assert paper.length_dots <= length_dots([block])
    assert paper.cut
    # What people read of a code is all of it, in whatever lines.
    read = "".join(line.text for line in block.lines if line.style is Style.CODE)
    assert read.replace(" ", "") == (number.shown if number else "") + code
    assert max(map(width, as_text([block], "", columns).splitlines())) <= columns


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("language", sorted(WORDING.languages))
def test_what_counts_is_never_cut_off_in_any_language(columns: Columns, language: str) -> None:
    voice = WORDING.voice(language, "XX")
    endless = "ungeheuer lange Warengruppe " * 4
    parts = tuple(BundlePart(category=f"{endless}{number}", pieces=20) for number in range(3))
    for promise in (
        PercentOff(percent=100),
        AmountOff(amount_cents=10**9),
        FixedPrice(price_cents=10**9, pieces=20),
        FreeItem(pieces=20),
        BuyGet(buy=20, get=20),
        BuyGet(buy=20, get=20, percent=99),
        Bundle(parts=parts, price_cents=10**9),
    ):
        headline, note = promised(Terms(promise=promise, greatest_value_cents=10**9), voice, "CHF", endless)
        coupon = a_coupon(headline=headline, note=note, valid_through=voice.valid_through(ISSUE_DAY))
        block = laid(coupon, columns, "both", lambda text: text)
        laid_out = " ".join(line.text for line in block.lines)
        for part in (headline, note, coupon.valid_through):
            assert clean(part) in laid_out, part


@given(length=st.integers(1, GREATEST_CODE), columns=st.sampled_from(WIDTHS), symbols=st.sampled_from(["both", "one"]))
def test_a_symbol_fits_the_paper_with_its_quiet_zone_or_is_not_drawn(
    length: int, columns: Columns, symbols: Symbols
) -> None:
    code, dots = "A" * length, columns * DOTS_PER_COLUMN
    found = drawn(code, dots, symbols)
    assert found.bar_dots * (barcode_modules(bare(code)) + 10) <= dots
    assert found.module_dots * (found.qr_modules + 8) <= dots
    assert found.bar_dots or found.module_dots, "one of the two always fits"


def test_a_code_too_long_for_bars_falls_back_to_qr() -> None:
    assert drawn("A" * 13, 384, "one").bar_dots == 2
    assert drawn("4T8N-0AQV-Z7XK-M", 384, "both").bar_dots == 2, "bars hold no dashes"
    assert drawn("4T8N-0AQV-Z7XK-MMMM", 384, "both").bar_dots == 0
    fallen = drawn("A" * 30, 384, "one")
    assert (fallen.bar_dots, fallen.module_dots, fallen.qr_modules) == (0, 6, 29)
    assert drawn("A" * 30, 384 * 2, "one").bar_dots == 2


def test_the_cap_is_stated_in_millimetres() -> None:
    assert GREATEST_COUPON_MM == 121
    assert millimetres(180) == 26


@given(TEXTS)
@example("Żubrówka 牛奶 😀 \ufffd ∞")
def test_what_a_printer_lacks_is_written_plainly_and_never_as_a_question_mark(text: str) -> None:
    said = spelled(clean(text), PAGES)
    assert said.count("?") == clean(text).count("?")
    told = b"".join(piece for _, piece in encoded(said, PAGES, PAGES[0]))
    assert len(told) == len(said), "a byte a sign"
    back = "".join(piece.decode(page) for page, piece in encoded(said, PAGES, PAGES[0]))
    assert back == said.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("text", "pages", "said"),
    [
        ("Crème brûlée 1,50 €", ("CP1252",), "Crème brûlée 1,50 €"),
        ("Żółć 1,50 €", ("CP852",), "Żółć 1,50 EUR"),
        ("Żółć 1,50 €", ("CP852", "CP1252"), "Żółć 1,50 €"),
        ("Молоко", ("CP1252",), "Moloko"),
        ("Молоко", ("CP866",), "Молоко"),
        ("Γάλα", ("CP1252",), "Gala"),
        ("牛奶", ("CP1252",), "NiuNai"),
    ],
)
def test_spelling_for_code_pages(text: str, pages: tuple[str, ...], said: str) -> None:
    assert spelled(text, pages) == said


def test_a_code_page_has_the_number_that_printers_know_it_by() -> None:
    assert [page_number(page) for page in ("CP437", "CP1252", "CP866", "CP852", "CP858")] == [0, 16, 17, 18, 19]
    with pytest.raises(ValueError, match="no code page"):
        page_number("UTF-8")


@given(TEXTS)
def test_a_picture_draws_no_sign_that_its_font_lacks(text: str) -> None:
    assert not {sign for sign in drawable(clean(text)) if not _is_in_the_font(sign)}


def test_the_font_has_latin_greek_and_cyrillic() -> None:
    letters = "ÄäßÇçÐðŁłŘřŽžŐőİıĞğΑΩάώϊЁЖЯжяіїґ€£¥\u201e\u201c\u201d\u2018\u2019\u2013…№™"
    assert drawable(letters) == letters
    assert not {sign for sign in letters if not _is_in_the_font(sign)}
    everything = "".join(map(chr, range(0x20, 0x2200)))
    assert not {sign for sign in drawable(everything) if not _is_in_the_font(sign)}


_FACE = ImageFont.truetype(BytesIO(FONT), 20)
_LACKING = bytes(_FACE.getmask("\U0010fffe"))


def _is_in_the_font(sign: str) -> bool:
    return sign == "\u00a0" or bytes(_FACE.getmask(sign)) != _LACKING


def test_a_code_of_unreasonable_length_is_refused() -> None:
    for code in ("", "A" * (GREATEST_CODE + 1)):
        with pytest.raises(ValueError, match="characters"):
            a_coupon(code=code)


SIGNED = "TU1:" + "0123456789ABCDEFGHIJ" * 7 + "ABCDEFGHIJ"


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("symbols", ["both", "one"])
def test_a_signed_coupon_always_has_its_signature_as_qr_and_its_code_to_read(
    columns: Columns, symbols: Symbols
) -> None:
    coupon = a_coupon(signed=SIGNED)
    block = laid(coupon, columns, symbols, lambda text: text)
    assert block.dots <= GREATEST_COUPON_DOTS
    paper = Printer(columns).print(as_escpos([block], "", columns, PAGES))
    assert paper.qr_codes == [SIGNED]
    assert SIGNED in {found.text for found in zxingcpp.read_barcodes(paper.paper)}
    assert paper.barcodes == ([bare(coupon.code)] if symbols == "both" else [])
    assert coupon.code in {line.strip() for line in paper.lines}
    with Image.open(BytesIO(as_png([block], "", columns, FONT))) as picture:
        assert SIGNED in {found.text for found in zxingcpp.read_barcodes(picture)}
    plain = laid(a_coupon(), columns, symbols, lambda text: text)
    assert as_text([block], "", columns) == as_text([plain], "", columns)

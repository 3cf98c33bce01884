"""What is laid once and found again prints as what is laid anew each time, whatever came before it."""

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from services.offers.domain.codes.numbers import Number, NumberKind
from services.offers.domain.receipts.code_pages import spelled
from services.offers.domain.receipts.escpos import as_escpos
from services.offers.domain.receipts.frames import framed
from services.offers.domain.receipts.printing import Printing, fitted
from services.offers.domain.receipts.sheet import Columns
from services.offers.domain.receipts.symbols import Symbols
from services.offers.domain.receipts.template import Coupon
from services.offers.domain.receipts.text import as_text
from tests.support.offers_printing import a_coupon
from tests.support.plain_paper import plain_escpos, plain_text

WORDS = st.sampled_from(
    ["", "Milk", "Żółty ser", "Сыр 1,50\u00a0€", "牛奶", "a very long name " * 6, "7777-7777-7777-7"]
)
CODES = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ-{", min_size=1, max_size=40)
NUMBERS = st.sampled_from(
    [None, Number(NumberKind.EAN13, "2900000000001"), Number(NumberKind.GCN, "8712345000011" + "012345678901")]
)
PAGES = st.sampled_from([("CP1252",), ("CP852", "CP1252"), ("CP866", "CP1252")])


@st.composite
def coupons(draw: st.DrawFn) -> Coupon:
    return a_coupon(
        headline=draw(WORDS),
        note=draw(WORDS),
        title=draw(WORDS),
        such_as=draw(WORDS),
        valid_through=draw(WORDS),
        code=draw(CODES),
        number=draw(NUMBERS),
        signed=draw(st.sampled_from([None, "TU1:ABC$%*+-./:", "TU1:äöü"])),
    )


@given(
    many=st.lists(coupons(), min_size=1, max_size=3),
    columns=st.sampled_from([32, 42, 48]),
    symbols=st.sampled_from(["both", "one"]),
    pages=PAGES,
)
def test_what_is_laid_once_prints_as_what_is_laid_anew(
    many: list[Coupon], columns: Columns, symbols: Symbols, pages: tuple[str, ...]
) -> None:
    def spell(text: str) -> str:
        return spelled(text, pages)

    for _ in range(2):
        blocks = fitted(many, columns, Printing(symbols=symbols, code_pages=pages)).blocks
        assert as_escpos(blocks, "more", columns, pages) == plain_escpos(many, "more", columns, symbols, spell, pages)
        assert as_text(blocks, "more", columns) == plain_text(many, "more", columns, spell)


OURS = st.from_regex(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]", fullmatch=True)


@given(
    coupon=coupons(),
    codes=st.lists(OURS | CODES, min_size=1, max_size=3),
    columns=st.sampled_from([32, 42, 48]),
    symbols=st.sampled_from(["both", "one"]),
    pages=PAGES,
)
@example(a_coupon(title="3333-3333-3333-3"), ["4T8N-0AQV-Z7XK-M"], 42, "both", ("CP1252",))
@example(a_coupon(such_as="7777777777777"), ["7777-7777-7777-7", "3333-3333-3333-3"], 48, "both", ("CP1252",))
def test_a_frame_prints_a_code_as_if_all_were_laid_anew_or_does_not_print_it(
    coupon: Coupon, codes: list[str], columns: Columns, symbols: Symbols, pages: tuple[str, ...]
) -> None:
    def spell(text: str) -> str:
        return spelled(text, pages)

    for code in codes:
        one = msgspec.structs.replace(coupon, code=code)
        found = framed(fitted([one], columns, Printing(symbols=symbols, code_pages=pages)), columns, pages)
        if found is not None:
            assert found.escpos == plain_escpos([one], "", columns, symbols, spell, pages)
            assert found.text == plain_text([one], "", columns, spell)


def test_the_ordinary_coupon_is_framed_and_no_other() -> None:
    one, pages = a_coupon(code="4T8N-0AQV-Z7XK-M"), ("CP1252",)
    assert framed(fitted([one], 42, Printing()), 42, pages) is not None
    assert framed(fitted([one, one], 42, Printing()), 42, pages) is None
    short = Printing(greatest_mm=95, elsewhere=("one more", "two more"))
    assert fitted([one, one], 42, short).elsewhere == "one more"
    assert framed(fitted([one, one], 42, short), 42, pages) is None, "there is more to say than the coupon"
    foreign = msgspec.structs.replace(one, title="牛奶")
    assert framed(fitted([foreign], 42, Printing()), 42, pages) is None, "its text has signs that its paper has not"

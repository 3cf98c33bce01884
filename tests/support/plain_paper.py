"""Coupons for a printer and as text, spelled out: row by row, every order asked of the printer's library; what is laid once is held against it."""

from collections.abc import Callable, Sequence
from typing import Any

from escpos.constants import CODEPAGE_CHANGE, QR_ECLEVEL_M
from escpos.printer import Dummy

from services.offers.domain.receipts.code_pages import encoded, page_number
from services.offers.domain.receipts.lines import broken, clean
from services.offers.domain.receipts.sheet import DOTS_PER_COLUMN, Columns, Line
from services.offers.domain.receipts.symbols import BARCODE_DOTS, BarKind, Bars, Symbols, drawn
from services.offers.domain.receipts.template import Coupon, Row, Style, exemplified, lasting, promised, read
from services.offers.domain.receipts.text import closing, shown


def plain_text(coupons: Sequence[Coupon], elsewhere: str, columns: Columns, spell: Callable[[str], str]) -> str:
    """As `as_text` says the laid coupons."""
    lines = [shown(line, columns) for coupon in coupons for part in _parts(coupon, columns, spell) for line in part]
    return "".join(f"{line}\n" for line in [*lines, *closing(elsewhere, columns)])


def plain_escpos(
    coupons: Sequence[Coupon],
    elsewhere: str,
    columns: Columns,
    symbols: Symbols,
    spell: Callable[[str], str],
    pages: Sequence[str],
) -> bytes:
    """As `as_escpos` says the laid coupons."""
    job = _Job(pages)
    job.ask(lambda printer: printer.hw("INIT"))
    job.turn(pages[0])
    for coupon in coupons:
        _coupon(job, coupon, columns, symbols, spell)
    for line in closing(elsewhere, columns):
        job.write(line)
    job.ask(lambda printer: printer.cut(feed=False))
    return bytes(job.told)


class _Job:
    def __init__(self, pages: Sequence[str]) -> None:
        self.told = bytearray()
        self.pages = pages
        self.page = pages[0]
        self.loud = False

    def ask(self, order: Callable[[Any], object]) -> None:
        printer = Dummy()
        order(printer)
        self.told += printer.output

    def turn(self, page: str) -> None:
        self.page = page
        self.told += bytes(CODEPAGE_CHANGE) + bytes([page_number(page)])

    def lines(self, lines: Sequence[Line], columns: Columns) -> None:
        for line in lines:
            loud = line.style is Style.LOUD
            if loud != self.loud:
                self.loud = loud
                self.ask(lambda printer, loud=loud: printer.set(bold=loud))  # type: ignore[misc]  # bound at once
            self.write(shown(line, columns))

    def write(self, text: str) -> None:
        for page, piece in encoded(text, self.pages, self.page):
            if page != self.page:
                self.turn(page)
            self.told += piece
        self.told += b"\n"


def _coupon(job: _Job, coupon: Coupon, columns: Columns, symbols: Symbols, spell: Callable[[str], str]) -> None:
    above, code, below = _parts(coupon, columns, spell)
    found = drawn(coupon.code, columns * DOTS_PER_COLUMN, symbols, signed=coupon.signed, number=coupon.number)
    job.lines(above, columns)
    if found.bar_dots:
        job.ask(lambda printer: printer.set(align="center"))
        job.ask(lambda printer: _bars(printer, found.bars, found.bar_dots))
        job.ask(lambda printer: printer.set(align="left"))
    job.lines(code, columns)
    if found.module_dots:
        job.ask(lambda printer: printer.print_and_feed(1))
        job.ask(lambda printer: printer.set(align="center"))
        job.ask(lambda printer: printer.qr(found.qr_content, native=True, size=found.module_dots, ec=QR_ECLEVEL_M))
        job.ask(lambda printer: printer.set(align="left"))
        job.ask(lambda printer: printer.print_and_feed(1))
    job.lines(below, columns)


def _bars(printer: Any, bars: Bars, bar_dots: int) -> None:
    content = {
        BarKind.EAN_13: lambda: bars.content,
        BarKind.CODE_128: lambda: "{B" + bars.content.replace("{", "{{"),
        BarKind.GS1_128: lambda: "{C{1" + "".join(map(chr, map(int, _pairs(bars.content)))),
    }[bars.kind]()
    name = "EAN13" if bars.kind is BarKind.EAN_13 else "CODE128"
    printer._hw_barcode(content, name, BARCODE_DOTS, bar_dots, "OFF", align_ct=False, function_type="B", check=False)


def _pairs(digits: str) -> list[str]:
    return [digits[place : place + 2] for place in range(0, len(digits), 2)]


def _parts(coupon: Coupon, columns: Columns, spell: Callable[[str], str]) -> list[list[Line]]:
    above = [*promised(coupon.title, coupon.headline, coupon.note), *exemplified(coupon.such_as)]
    rows = (above, read(coupon.code, coupon.number), lasting(coupon.valid_through))
    return [[line for row in part for line in _lines(row, columns, spell)] for part in rows]


def _lines(row: Row, columns: Columns, spell: Callable[[str], str]) -> list[Line]:
    if row.style is Style.RULE:
        return [Line(Style.RULE, "-" * columns)]
    return [Line(row.style, line) for line in broken(spell(clean(row.text)), columns, row.greatest_lines)]

"""Coupons as a receipt printer takes them (ESC/POS): symbols are drawn by the printer itself, from a few bytes."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from escpos.constants import CODEPAGE_CHANGE, QR_ECLEVEL_M
from escpos.printer import Dummy

from services.offers.domain.receipts.code_pages import encoded, page_number
from services.offers.domain.receipts.sheet import Block, Columns, Line
from services.offers.domain.receipts.symbols import BARCODE_DOTS, BarKind, Bars
from services.offers.domain.receipts.template import Style
from services.offers.domain.receipts.text import closing, shown


def as_escpos(blocks: Sequence[Block], elsewhere: str, columns: Columns, pages: Sequence[str]) -> bytes:
    """The coupons, spelled for these code pages, from a printer's reset to the cut; empty without any."""
    if not blocks:
        return b""
    paper = _Paper(columns, pages)
    for block in blocks:
        paper.block(block)
    for line in closing(elsewhere, columns):
        paper.write(line)
    return paper.ended()


class _Paper:
    """Bytes for a printer, and what it was told of code page and weight so far."""

    def __init__(self, columns: Columns, pages: Sequence[str]) -> None:
        self._columns = columns
        self._pages = pages
        self._page = pages[0]
        self._loud = False
        # Its own defaults first: what the till had set must not change what a coupon looks like, or how long it is.
        self._told = bytearray(_said(_reset) + _page_change(self._page))

    def block(self, block: Block) -> None:
        """One coupon."""
        symbols = block.symbols
        for line in block.above:
            self.line(line)
        if symbols.bar_dots:
            self._told += _said(_centre) + _barcode(symbols.bars, symbols.bar_dots) + _said(_left)
        for line in block.code_lines:
            self.line(line)
        if symbols.module_dots:
            air = _said(_feed)
            self._told += air + _said(_centre) + _qr(symbols.qr_content, symbols.module_dots) + _said(_left) + air
        for line in block.below:
            self.line(line)

    def line(self, line: Line) -> None:
        """One line of a coupon."""
        loud = line.style is Style.LOUD
        if loud != self._loud:
            self._loud = loud
            self._told += _said(_bold if loud else _plain)
        self.write(shown(line, self._columns))

    def write(self, text: str) -> None:
        """A line as it stands."""
        for page, piece in encoded(text, self._pages, self._page):
            if page != self._page:
                self._page = page
                self._told += _page_change(page)
            self._told += piece
        self._told += b"\n"

    def ended(self) -> bytes:
        """All of it, cut."""
        return bytes(self._told + _said(_cut))


Order = Callable[[Dummy], None]


@lru_cache(maxsize=32)
def _said(order: Order) -> bytes:
    """What the library says to a printer for an order that never changes."""
    printer = Dummy()
    order(printer)
    return bytes(printer.output)


def _reset(printer: Dummy) -> None:
    printer.hw("INIT")


def _centre(printer: Dummy) -> None:
    printer.set(align="center")


def _left(printer: Dummy) -> None:
    printer.set(align="left")


def _bold(printer: Dummy) -> None:
    printer.set(bold=True)


def _plain(printer: Dummy) -> None:
    printer.set(bold=False)


def _feed(printer: Dummy) -> None:
    printer.print_and_feed(1)


def _cut(printer: Dummy) -> None:
    printer.cut(feed=False)  # the printer itself knows how far its knife is: no more paper than that


def _page_change(page: str) -> bytes:
    return bytes(CODEPAGE_CHANGE) + bytes([page_number(page)])


def _barcode(bars: Bars, bar_dots: int) -> bytes:
    printer = Dummy()
    # The public barcode() tells standard output which renderer it takes.
    printer._hw_barcode(  # noqa: SLF001
        _told_of(bars),
        "EAN13" if bars.kind is BarKind.EAN_13 else "CODE128",
        BARCODE_DOTS,
        bar_dots,
        "OFF",
        align_ct=False,
        function_type="B",
        check=False,
    )
    return bytes(printer.output)


def _told_of(bars: Bars) -> str:
    """What the printer is told to draw: digits, or Code 128 with its set and its special signs behind braces."""
    match bars.kind:
        case BarKind.EAN_13:
            return bars.content
        case BarKind.CODE_128:
            return "{B" + bars.content.replace("{", "{{")
        case BarKind.GS1_128:
            pairs = [int(bars.content[place : place + 2]) for place in range(0, len(bars.content), 2)]
            return "{C{1" + "".join(map(chr, pairs))


def _qr(content: str, module_dots: int) -> bytes:
    printer = Dummy()
    printer.qr(content, native=True, size=module_dots, ec=QR_ECLEVEL_M)
    return bytes(printer.output)

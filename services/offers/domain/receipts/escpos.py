"""Coupons as a receipt printer takes them (ESC/POS): symbols are drawn by the printer itself, from a few bytes."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

from escpos.constants import CODEPAGE_CHANGE, QR_ECLEVEL_M
from escpos.printer import Dummy

from services.offers.domain.receipts.code_pages import encoded, page_number
from services.offers.domain.receipts.sheet import Block, Columns, Passage
from services.offers.domain.receipts.symbols import BARCODE_DOTS, BarKind, Bars
from services.offers.domain.receipts.template import Style
from services.offers.domain.receipts.text import closing, shown

Pages: TypeAlias = tuple[str, ...]
Frame: TypeAlias = tuple[bytes, bytes]
"""What stands before and behind a content."""
_TOLD_ONCE = 8_192


def as_escpos(blocks: Sequence[Block], elsewhere: str, columns: Columns, pages: Sequence[str]) -> bytes:
    """The coupons, spelled for these code pages, from a printer's reset to the cut; empty without any."""
    if not blocks:
        return b""
    paper = _Paper(columns, tuple(pages))
    for block in blocks:
        paper.block(block)
    for line in closing(elsewhere, columns):
        paper.write(line)
    return paper.ended()


class _Paper:
    """Bytes for a printer, and what it was told of code page and weight so far."""

    def __init__(self, columns: Columns, pages: Pages) -> None:
        self._columns = columns
        self._pages = pages
        self._page = pages[0]
        self._loud = False
        self._told = [_begun(pages[0])]

    def block(self, block: Block) -> None:
        """One coupon."""
        symbols = block.symbols
        self.passage(block.promise)
        self.passage(block.examples)
        if symbols.bar_dots:
            self._told += _barcode(symbols.bars, symbols.bar_dots)
        self.passage(block.read)
        if symbols.module_dots:
            self._told += _qr(symbols.qr_content, symbols.module_dots)
        self.passage(block.lasting)

    def passage(self, passage: Passage) -> None:
        """Lines of a coupon."""
        told, self._page, self._loud = _told(passage, self._columns, self._pages, self._page, self._loud)
        self._told.append(told)

    def write(self, text: str) -> None:
        """A line as it stands."""
        told, self._page = _written(text, self._pages, self._page)
        self._told.append(told)

    def ended(self) -> bytes:
        """All of it, cut."""
        return b"".join([*self._told, _said(_cut)])


@lru_cache(maxsize=_TOLD_ONCE)
def _told(passage: Passage, columns: Columns, pages: Pages, page: str, loud: bool) -> tuple[bytes, str, bool]:  # noqa: FBT001
    """What says the lines to a printer that is at this page and weight, and where it is then."""
    told = bytearray()
    for line in passage.lines:
        if loud != (line.style is Style.LOUD):
            loud = not loud
            told += _said(_bold if loud else _plain)
        text, page = _written(shown(line, columns), pages, page)
        told += text
    return bytes(told), page, loud


def _written(text: str, pages: Pages, page: str) -> tuple[bytes, str]:
    told = bytearray()
    for other, piece in encoded(text, pages, page):
        if other != page:
            page = other
            told += _page_change(page)
        told += piece
    return bytes(told + b"\n"), page


@lru_cache(maxsize=32)
def _begun(page: str) -> bytes:
    # Its own defaults first: what the till had set must not change what a coupon looks like, or how long it is.
    return _said(_reset) + _page_change(page)


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


def _barcode(bars: Bars, bar_dots: int) -> Sequence[bytes]:
    told = _told_of(bars)
    before, after = _bars_frame(bars.kind, len(told), bar_dots)
    return before, told.encode("ascii"), after


@lru_cache(maxsize=256)
def _bars_frame(kind: BarKind, length: int, bar_dots: int) -> Frame:
    """What stands around bars of so many ASCII signs: the library is asked once, with others in their place."""

    def drawn(content: str) -> bytes:
        printer = Dummy()
        # The public barcode() tells standard output which renderer it takes.
        printer._hw_barcode(  # noqa: SLF001
            content,
            "EAN13" if kind is BarKind.EAN_13 else "CODE128",
            BARCODE_DOTS,
            bar_dots,
            "OFF",
            align_ct=False,
            function_type="B",
            check=False,
        )
        return _said(_centre) + bytes(printer.output) + _said(_left)

    return _around(drawn, length)


def _around(drawn: Callable[[str], bytes], length: int) -> Frame:
    """What `drawn` puts before and behind a content of so many ASCII signs, whatever it is."""
    content = "7" * length
    before, found, after = drawn(content).partition(content.encode())
    if not found or drawn("3" * length) != before + b"3" * length + after:
        raise ValueError("the printer's library says a content otherwise than sign by sign")
    return before, after


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


def _qr(content: str, module_dots: int) -> Sequence[bytes]:
    if not content.isascii():
        return (_qr_drawn(content, module_dots),)
    before, after = _qr_frame(len(content), module_dots)
    return before, content.encode("ascii"), after


@lru_cache(maxsize=256)
def _qr_frame(length: int, module_dots: int) -> Frame:
    return _around(lambda content: _qr_drawn(content, module_dots), length)


def _qr_drawn(content: str, module_dots: int) -> bytes:
    printer = Dummy()
    printer.qr(content, native=True, size=module_dots, ec=QR_ECLEVEL_M)
    air = _said(_feed)
    return air + _said(_centre) + bytes(printer.output) + _said(_left) + air

"""Laying the template out on paper: lines of so many columns, the symbols of each code, and how long it all becomes.

A coupon never takes more than GREATEST_COUPON_MM, whatever is on it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from services.offers.domain.receipts.lines import broken, clean
from services.offers.domain.receipts.symbols import BARCODE_DOTS, GREATEST_QR_DOTS, Drawn, Symbols, drawn
from services.offers.domain.receipts.template import GREATEST_LINES, Coupon, Row, Style, template

Columns = Literal[32, 42, 48]

DOTS_PER_COLUMN = 12
_DOTS_PER_INCH = 180
"""Of the coarsest common printer: others print the same a little shorter."""
LINE_DOTS = 30
CUT_DOTS = 110
"""From the head to the knife: each print feeds so far before it is cut."""
_SYMBOL_AIR_LINES = 1
GREATEST_COUPON_DOTS = (GREATEST_LINES + 2 * _SYMBOL_AIR_LINES) * LINE_DOTS + BARCODE_DOTS + GREATEST_QR_DOTS
ELSEWHERE_LINES = 2
_PAPER_MM = {32: 58, 42: 80, 48: 80}
_GRAMS_PER_SQUARE_METRE = 55


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands on paper. A line of style CODE is what a person reads of the code."""

    style: Style
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """One coupon laid out: a barcode stands above the code's own lines, a QR code below them."""

    voucher_id: str
    code: str
    above: tuple[Line, ...]
    code_lines: tuple[Line, ...]
    below: tuple[Line, ...]
    symbols: Drawn
    as_said: bool
    """Whether spelling left every word as it was."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """All of its text."""
        return self.above + self.code_lines + self.below

    @property
    def dots(self) -> int:
        """Its length."""
        lines = len(self.above) + len(self.code_lines) + len(self.below)
        if self.symbols.module_dots:
            lines += 2 * _SYMBOL_AIR_LINES
        return lines * LINE_DOTS + (BARCODE_DOTS if self.symbols.bar_dots else 0) + self.symbols.qr_dots


def laid(coupon: Coupon, columns: Columns, symbols: Symbols, spell: Callable[[str], str]) -> Block:
    """The coupon on paper of so many columns, in signs that `spell` leaves."""
    as_said = True
    parts: list[tuple[Line, ...]] = []
    for rows in template(coupon):
        lines: list[Line] = []
        for row in rows:
            said = clean(row.text)
            text = spell(said)
            as_said = as_said and text == said
            lines += _lines(row, text, columns)
        parts.append(tuple(lines))
    above, code_lines, below = parts
    symbols_drawn = drawn(coupon.code, columns * DOTS_PER_COLUMN, symbols, signed=coupon.signed, number=coupon.number)
    return Block(coupon.voucher_id, coupon.code, above, code_lines, below, symbols_drawn, as_said)


def _lines(row: Row, text: str, columns: Columns) -> list[Line]:
    if row.style is Style.RULE:
        return [Line(Style.RULE, "-" * columns)]
    return [Line(row.style, line) for line in broken(text, columns, row.greatest_lines)]


def length_dots(blocks: Sequence[Block], elsewhere_lines: int = 0) -> int:
    """The paper that these coupons take together, with the closing lines and the feed to the knife; 0 without any."""
    if not blocks:
        return 0
    return sum(block.dots for block in blocks) + (1 + elsewhere_lines) * LINE_DOTS + CUT_DOTS


def millimetres(dots: int) -> int:
    """A length that no common printer exceeds.

    >>> millimetres(180)
    26
    """
    return math.ceil(dots * 25.4 / _DOTS_PER_INCH)


def greatest_dots(mm: int) -> int:
    """The dots that fit into so many millimetres."""
    return mm * _DOTS_PER_INCH * 10 // 254


def grams(mm: int, columns: Columns) -> float:
    """What so much paper of this width weighs.

    >>> grams(100, 48)
    0.44
    """
    return round(mm * _PAPER_MM[columns] * _GRAMS_PER_SQUARE_METRE / 1_000_000, 3)


GREATEST_COUPON_MM = millimetres(GREATEST_COUPON_DOTS)

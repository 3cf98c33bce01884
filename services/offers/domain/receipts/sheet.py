"""Laying the template out on paper: lines of so many columns, the symbols of each code, and how long it all becomes.

A coupon never takes more than GREATEST_COUPON_MM, whatever is on it.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import msgspec

from services.offers.domain.receipts.lines import broken, clean
from services.offers.domain.receipts.symbols import BARCODE_DOTS, GREATEST_QR_DOTS, Drawn, Symbols, drawn
from services.offers.domain.receipts.template import (
    GREATEST_LINES,
    Coupon,
    Row,
    Style,
    exemplified,
    lasting,
    promised,
    read,
)

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
_LAID_ONCE = 4_096
"""Promises, lists of examples and last days: so many of each are kept, the least recently used are laid anew."""
_AS_IT_STANDS = re.compile(r"[!-~]+")
"""Codes that every printer spells, which nothing is taken out of."""
_PAPER_MM = {32: 58, 42: 80, 48: 80}
_GRAMS_PER_SQUARE_METRE = 55


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands on paper. A line of style CODE is what a person reads of the code."""

    style: Style
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """Lines that stand together, known by themselves: what is laid once is the same object ever after."""

    lines: tuple[Line, ...]
    as_said: bool
    """Whether spelling left every word as it was."""


class Block(msgspec.Struct, frozen=True):
    """One coupon laid out: a barcode stands above the code's own lines, a QR code below them."""

    voucher_id: str
    code: str
    promise: Passage
    examples: Passage
    read: Passage
    lasting: Passage
    symbols: Drawn

    @property
    def above(self) -> tuple[Line, ...]:
        """What stands above the code."""
        return self.promise.lines + self.examples.lines

    @property
    def code_lines(self) -> tuple[Line, ...]:
        """What a person reads of the code."""
        return self.read.lines

    @property
    def below(self) -> tuple[Line, ...]:
        """What stands below the code."""
        return self.lasting.lines

    @property
    def lines(self) -> tuple[Line, ...]:
        """All of its text."""
        return self.above + self.code_lines + self.below

    @property
    def passages(self) -> tuple[Passage, ...]:
        """All of its text, in order."""
        return self.promise, self.examples, self.read, self.lasting

    @property
    def as_said(self) -> bool:
        """Whether spelling left every word as it was."""
        return self.promise.as_said and self.examples.as_said and self.read.as_said and self.lasting.as_said

    @property
    def dots(self) -> int:
        """Its length."""
        lines = sum(len(passage.lines) for passage in self.passages)
        if self.symbols.module_dots:
            lines += 2 * _SYMBOL_AIR_LINES
        return lines * LINE_DOTS + (BARCODE_DOTS if self.symbols.bar_dots else 0) + self.symbols.qr_dots


Spell = Callable[[str], str]


def laid(coupon: Coupon, columns: Columns, symbols: Symbols, spell: Spell) -> Block:
    """The coupon on paper of so many columns, in signs that `spell` leaves. What says the same on many is laid once."""
    return Block(
        coupon.voucher_id,
        coupon.code,
        _promised(coupon.title, coupon.headline, coupon.note, columns, spell),
        _exemplified(coupon.such_as, columns, spell),
        _read(coupon, columns, spell),
        _lasting(coupon.valid_through, columns, spell),
        drawn(coupon.code, columns * DOTS_PER_COLUMN, symbols, signed=coupon.signed, number=coupon.number),
    )


def _read(coupon: Coupon, columns: Columns, spell: Spell) -> Passage:
    code = coupon.code
    if coupon.number is None and len(code) <= columns and _AS_IT_STANDS.fullmatch(code):
        return Passage((Line(Style.CODE, code),), as_said=True)
    return passage(read(code, coupon.number), columns, spell)


def passage(rows: Sequence[Row], columns: Columns, spell: Spell) -> Passage:
    """Rows of the template as lines."""
    as_said = True
    lines: list[Line] = []
    for row in rows:
        said = clean(row.text)
        text = spell(said)
        as_said = as_said and text == said
        lines += _lines(row, text, columns)
    return Passage(tuple(lines), as_said)


@lru_cache(maxsize=_LAID_ONCE)
def _promised(title: str, headline: str, note: str, columns: Columns, spell: Spell) -> Passage:
    return passage(promised(title, headline, note), columns, spell)


@lru_cache(maxsize=_LAID_ONCE)
def _exemplified(such_as: str, columns: Columns, spell: Spell) -> Passage:
    return passage(exemplified(such_as), columns, spell)


@lru_cache(maxsize=_LAID_ONCE)
def _lasting(valid_through: str, columns: Columns, spell: Spell) -> Passage:
    return passage(lasting(valid_through), columns, spell)


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

"""Coupons as a picture (PNG), dot for dot as a printer would set them: for e-mails, apps and screens, never for the till."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from barcode.codex import Code128, Gs1_128
from barcode.ean import EAN13
from PIL import Image, ImageDraw, ImageFont
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

from services.offers.domain.receipts.code_pages import plain
from services.offers.domain.receipts.sheet import DOTS_PER_COLUMN, LINE_DOTS, Block, Columns, Line
from services.offers.domain.receipts.symbols import BARCODE_DOTS, BarKind, Bars
from services.offers.domain.receipts.template import Style
from services.offers.domain.receipts.text import closing, shown

_FONT_DOTS = 20
"""Of DejaVu Sans Mono: 12 dots to a sign."""
_MARGIN_DOTS = 24
_WHITE = 255
_BLACK = 0
_DRAWN = (
    (" ", "~"),
    ("\u00a0", "\u017f"),  # Latin
    ("\u0388", "\u038a"),  # Greek
    ("\u038e", "\u03a1"),
    ("\u03a3", "\u03ce"),
    ("\u0400", "\u045f"),  # Cyrillic
    ("\u0490", "\u0491"),
    ("\u2010", "\u2015"),
    ("\u2018", "\u201e"),
    ("\u2020", "\u2022"),
    ("\u2039", "\u203a"),
    ("\u20a0", "\u20b5"),  # money
)
_SYMBOLOGIES = {BarKind.CODE_128: Code128, BarKind.EAN_13: EAN13, BarKind.GS1_128: Gs1_128}
_ALSO_DRAWN = frozenset("\u0386\u038c\u2026\u2030\u2116\u2122\u2126\u212e")


def drawable(text: str) -> str:
    """The text in Latin, Greek, Cyrillic and their marks; what the picture's font lacks is written in plain letters."""
    return "".join(sign if _is_drawn(sign) else plain(sign) for sign in text)


def _is_drawn(sign: str) -> bool:
    return sign in _ALSO_DRAWN or any(first <= sign <= last for first, last in _DRAWN)


@dataclass(frozen=True, slots=True)
class _Pen:
    """Draws downwards."""

    draw: ImageDraw.ImageDraw
    font: ImageFont.FreeTypeFont
    columns: Columns

    def line(self, line: Line, top: int) -> int:
        """A line; returns where the next one begins."""
        if line.style is Style.RULE:
            right = _MARGIN_DOTS + self.columns * DOTS_PER_COLUMN
            middle = top + LINE_DOTS // 2
            for left in range(_MARGIN_DOTS, right, 2 * DOTS_PER_COLUMN):
                self.draw.line((left, middle, left + DOTS_PER_COLUMN, middle), fill=_BLACK, width=2)
            return top + LINE_DOTS
        for place, sign in enumerate(shown(line, self.columns)):
            left = _MARGIN_DOTS + place * DOTS_PER_COLUMN
            self.draw.text((left, top), sign, fill=_BLACK, font=self.font)
            if line.style is Style.LOUD:
                self.draw.text((left + 1, top), sign, fill=_BLACK, font=self.font)
        return top + LINE_DOTS

    def barcode(self, bars: Bars, bar_dots: int, top: int) -> int:
        """Bars in the middle."""
        modules = _SYMBOLOGIES[bars.kind](bars.content).build()[0]
        left = self._left_of(len(modules) * bar_dots)
        for place, module in enumerate(modules):
            if module == "1":
                start = left + place * bar_dots
                self.draw.rectangle((start, top, start + bar_dots - 1, top + BARCODE_DOTS - 1), fill=_BLACK)
        return top + BARCODE_DOTS

    def qr(self, content: str, module_dots: int, top: int) -> int:
        """A QR code in the middle, with air above and below."""
        top += LINE_DOTS
        code: QRCode[Image.Image] = QRCode(error_correction=ERROR_CORRECT_M, border=0)
        code.add_data(content)
        rows = code.get_matrix()
        left = self._left_of(len(rows) * module_dots)
        for down, row in enumerate(rows):
            for right, dark in enumerate(row):
                if dark:
                    x, y = left + right * module_dots, top + down * module_dots
                    self.draw.rectangle((x, y, x + module_dots - 1, y + module_dots - 1), fill=_BLACK)
        return top + len(rows) * module_dots + LINE_DOTS

    def _left_of(self, width_dots: int) -> int:
        return _MARGIN_DOTS + (self.columns * DOTS_PER_COLUMN - width_dots) // 2


def as_png(blocks: Sequence[Block], elsewhere: str, columns: Columns, font: bytes) -> bytes:
    """The coupons, `drawable`, in this font (TrueType), on white; a white strip without any."""
    height = sum(block.dots for block in blocks) + 4 * LINE_DOTS + 2 * _MARGIN_DOTS
    picture = Image.new("L", (columns * DOTS_PER_COLUMN + 2 * _MARGIN_DOTS, height), _WHITE)
    pen = _Pen(ImageDraw.Draw(picture), ImageFont.truetype(BytesIO(font), _FONT_DOTS), columns)
    top = _MARGIN_DOTS
    for block in blocks:
        top = _block(pen, block, top)
    if blocks:
        *words, _rule = closing(elsewhere, columns)
        for line in [*(Line(Style.PLAIN, word) for word in words), Line(Style.RULE, "")]:
            top = pen.line(line, top)
    written = BytesIO()
    picture.crop((0, 0, picture.width, top + _MARGIN_DOTS)).save(written, "PNG", optimize=True)
    return written.getvalue()


def _block(pen: _Pen, block: Block, top: int) -> int:
    for line in block.above:
        top = pen.line(line, top)
    if block.symbols.bar_dots:
        top = pen.barcode(block.symbols.bars, block.symbols.bar_dots, top)
    for line in block.code_lines:
        top = pen.line(line, top)
    if block.symbols.module_dots:
        top = pen.qr(block.symbols.qr_content, block.symbols.module_dots, top)
    for line in block.below:
        top = pen.line(line, top)
    return top

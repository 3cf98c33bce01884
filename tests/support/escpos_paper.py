"""A receipt printer for tests: reads ESC/POS bytes, refuses what it does not know, and burns dots into paper.

Symbols are drawn from what the printer is told alone, so that a decoder of somebody else's can read them off the paper.
"""

from dataclasses import dataclass, field

from barcode.codex import Code128, Gs1_128
from barcode.ean import EAN13
from PIL import Image, ImageDraw
from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M
from qrcode.main import QRCode

LINE_DOTS = 30
SIGN_DOTS = 12
_PAGES = {0: "cp437", 2: "cp850", 14: "cp737", 16: "cp1252", 17: "cp866", 18: "cp852", 19: "cp858"}
_EDGE_DOTS = 40
"""Paper beyond what the head reaches, on each side of 58 mm rolls."""


@dataclass
class Printed:
    """What came out."""

    lines: list[str] = field(default_factory=list)
    loud_lines: list[str] = field(default_factory=list)
    barcodes: list[str] = field(default_factory=list)
    qr_codes: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    length_dots: int = 0
    cut: bool = False
    paper: Image.Image = field(default_factory=lambda: Image.new("L", (1, 1), 255))


class Printer:
    """Prints one job on paper with so many columns; raises ValueError for an order that it does not know."""

    def __init__(self, columns: int) -> None:
        self._width = columns * SIGN_DOTS
        self._paper = Image.new("L", (self._width + 2 * _EDGE_DOTS, 12_000), 255)
        self._draw = ImageDraw.Draw(self._paper)
        self._done = Printed()
        self._line: list[str] = []
        self._line_is_loud = False
        self._page = "cp437"
        self._loud = self._centred = False
        self._bar_dots, self._bar_height = 3, 162
        self._module_dots, self._level = 3, ERROR_CORRECT_L
        self._qr_content = ""

    def print(self, job: bytes) -> Printed:
        """Everything that the job says."""
        place = 0
        while place < len(job):
            place = self._order(job, place)
        if self._line:
            raise ValueError("a line was left in the buffer")
        self._done.paper = self._paper.crop((0, 0, self._paper.width, self._done.length_dots + 60))
        return self._done

    def _order(self, job: bytes, at: int) -> int:
        if job[at] == 0x1B:
            return at + self._escape(job[at + 1 : at + 2], job[at + 2])
        if job[at] == 0x1D:
            return self._group_order(job, at)
        if job[at] == 0x0A:
            self._feed_line(1)
        elif job[at] < 0x20:
            raise ValueError(f"unknown order {job[at : at + 3]!r}")
        else:
            self._line.append(job[at : at + 1].decode(self._page))
            self._line_is_loud = self._loud
        return at + 1

    def _escape(self, order: bytes, value: int) -> int:
        """Returns how many bytes it takes."""
        match order:
            case b"@":
                return 2
            case b"t":
                self._page = _PAGES[value]
                self._done.pages.append(self._page)
            case b"E":
                self._loud = bool(value & 1)
            case b"a":
                if self._line:
                    raise ValueError("alignment counts only at the beginning of a line")
                self._centred = value == 1
            case b"d":
                self._feed_line(value)
            case _:
                raise ValueError(f"unknown order ESC {order!r}")
        return 3

    def _group_order(self, job: bytes, at: int) -> int:
        match job[at + 1 : at + 2]:
            case b"h":
                self._bar_height = job[at + 2]
            case b"w":
                self._bar_dots = job[at + 2]
            case b"H" | b"f":
                if job[at + 2]:
                    raise ValueError("the printer is asked for readable text of its own")
            case b"k" if job[at + 2] in {67, 73}:
                size = job[at + 3]
                draw = self._ean if job[at + 2] == 67 else self._code_128
                draw(job[at + 4 : at + 4 + size])
                return at + 4 + size
            case b"(" if job[at + 2 : at + 3] == b"k":
                size = job[at + 3] + 256 * job[at + 4]
                self._two_dimensional(job[at + 5 : at + 5 + size])
                return at + 5 + size
            case b"V" if job[at + 2 : at + 4] == b"\x42\x00":
                self._done.cut = True
                return at + 4
            case _:
                raise ValueError(f"unknown order {job[at : at + 4]!r}")
        return at + 3

    def _ean(self, told: bytes) -> None:
        digits = told.decode("ascii")
        if len(digits) != 13 or not digits.isdigit():
            raise ValueError("an EAN-13 has 13 digits")
        self._bars(EAN13(digits).build()[0], digits)

    def _code_128(self, told: bytes) -> None:
        match told[:2], told[2:4]:
            case b"{B", _:
                content = told[2:].decode("ascii").replace("{{", "{")
                self._bars(Code128(content).build()[0], content)
            case b"{C", b"{1":
                if max(told[4:]) > 99:
                    raise ValueError("set C holds pairs of digits")
                content = "".join(f"{pair:02d}" for pair in told[4:])
                self._bars(Gs1_128(content).build()[0], content)
            case _:
                raise ValueError("only set B, and set C behind FNC1, are read")

    def _bars(self, bars: str, content: str) -> None:
        left = self._left_of(len(bars) * self._bar_dots)
        top = self._done.length_dots
        for place, bar in enumerate(bars):
            if bar == "1":
                start = left + place * self._bar_dots
                self._draw.rectangle((start, top, start + self._bar_dots - 1, top + self._bar_height - 1), fill=0)
        self._done.barcodes.append(content)
        self._done.length_dots += self._bar_height

    def _two_dimensional(self, told: bytes) -> None:
        kind, function = told[0], told[1]
        if kind != 49:
            raise ValueError("only QR is drawn")
        if function == 65 and told[2:] != b"2\x00":
            raise ValueError("only model 2")
        if function == 67:
            self._module_dots = told[2]
        if function == 69:
            self._level = {48: ERROR_CORRECT_L, 49: ERROR_CORRECT_M}[told[2]]
        if function == 80:
            self._qr_content = told[3:].decode("utf-8")
        if function == 81:
            self._qr()

    def _qr(self) -> None:
        code: QRCode[Image.Image] = QRCode(error_correction=self._level, border=0)
        code.add_data(self._qr_content, optimize=0)
        rows = code.get_matrix()
        side = self._module_dots
        left, top = self._left_of(len(rows) * side), self._done.length_dots
        for down, row in enumerate(rows):
            for right, dark in enumerate(row):
                if dark:
                    x, y = left + right * side, top + down * side
                    self._draw.rectangle((x, y, x + side - 1, y + side - 1), fill=0)
        self._done.qr_codes.append(self._qr_content)
        self._done.length_dots += len(rows) * side

    def _left_of(self, width_dots: int) -> int:
        if width_dots > self._width:
            raise ValueError("a symbol wider than the paper: a printer prints nothing then")
        return _EDGE_DOTS + ((self._width - width_dots) // 2 if self._centred else 0)

    def _feed_line(self, lines: int) -> None:
        text = "".join(self._line)
        if len(text) * SIGN_DOTS > self._width:
            raise ValueError(f"a line wider than the paper: {text!r}")
        for place, sign in enumerate(text):
            if sign != " ":
                left = _EDGE_DOTS + place * SIGN_DOTS
                top = self._done.length_dots
                self._draw.rectangle((left + 1, top + 2, left + SIGN_DOTS - 2, top + 23), fill=0)
        if text:
            self._done.lines.append(text)
            if self._line_is_loud:
                self._done.loud_lines.append(text)
        self._line = []
        self._done.length_dots += lines * LINE_DOTS

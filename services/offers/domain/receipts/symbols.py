"""How large a code's symbols are on paper: bars where they fit the width, QR in any case that can be scanned.

A printer says nothing when a symbol is too wide for it: it prints none. So this is decided here.
"""

from bisect import bisect_left
from enum import Enum, auto
from functools import lru_cache
from typing import Literal

import msgspec

from services.offers.domain.codes.numbers import Number, NumberKind

Symbols = Literal["both", "one"]

BARCODE_DOTS = 64
"""Its height."""
_QR_QUIET_MODULES = 4
GREATEST_QR_DOTS = 220
_GREATEST_MODULE_DOTS = 6
_LEAST_MODULE_DOTS = 3
# ISO/IEC 18004: bytes that versions 1, 2, ... take at error correction M. A printer may pack some contents tighter.
_QR_BYTES = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251)


class BarKind(Enum):
    """Which bars."""

    CODE_128 = auto()
    """Of the code, in set B."""
    EAN_13 = auto()
    GS1_128 = auto()
    """Code 128 in set C behind the sign FNC1: a GCN behind its application identifier."""


class Bars(msgspec.Struct, frozen=True):
    """What bars say, and how."""

    kind: BarKind
    content: str

    @property
    def modules(self) -> int:
        """Their width, without quiet zones."""
        match self.kind:
            case BarKind.EAN_13:
                return 95
            case BarKind.GS1_128:
                return 11 + 11 + 11 * (len(self.content) // 2) + 11 + 13
            case BarKind.CODE_128:
                return barcode_modules(self.content)

    @property
    def quiet_modules(self) -> int:
        """What must stay white beside them, as far as the unprinted margin of the paper is not that already."""
        return 18 if self.kind is BarKind.EAN_13 else 10

    @property
    def module_dots(self) -> int:
        """The narrowest bar at 203 dots an inch: 0.25 mm is read by common scanners; an EAN has 0.264 mm at least."""
        return 3 if self.kind is BarKind.EAN_13 else 2


class Drawn(msgspec.Struct, frozen=True):
    """The symbols of one code, in dots; 0 for one that is not drawn."""

    bars: Bars
    bar_dots: int
    """The width of the narrowest bar."""
    module_dots: int
    """The side of a module of the QR code."""
    qr_modules: int
    """Its side at most, without the quiet zone."""
    qr_content: str
    """What it says: the signed text if there is one that fits, else the code; nothing when it is not drawn."""

    @property
    def qr_dots(self) -> int:
        """Its side in dots, at most."""
        return self.module_dots * self.qr_modules


def bare(code: str) -> str:
    """The code as Code 128 holds it."""
    return code.replace("-", "")


def barcode_modules(content: str) -> int:
    """The width of Code 128, set B: start, a sign each, check and stop; without quiet zones.

    >>> barcode_modules("4T8N0AQVZ7XKM")
    178
    """
    return 11 + 11 * len(content) + 11 + 13


def bars_of(code: str, number: Number | None) -> Bars:
    """What a coupon's bars say: its number if it has one, else its code."""
    if number is None:
        return Bars(BarKind.CODE_128, bare(code))
    kind = BarKind.GS1_128 if number.kind is NumberKind.GCN else BarKind.EAN_13
    return Bars(kind, number.element_string)


def drawn(code: str, dots: int, symbols: Symbols, *, signed: str | None = None, number: Number | None = None) -> Drawn:
    """Which symbols a code gets on paper with so many dots: a symbol that does not fit is not drawn at all.

    Of a signed one the QR code is never left out: it alone holds the signature. A signed text that is too long for a QR
    code gives way to the code: then all is as if there were none.
    """
    if signed is None and number is None and code.isascii() and code.isprintable():
        # Nothing but its length decides, with and without dashes: all codes of ours are drawn alike.
        content = bare(code)
        bar_dots, module_dots, qr_modules = _sizes(len(code), len(content), dots, symbols)
        return Drawn(Bars(BarKind.CODE_128, content), bar_dots, module_dots, qr_modules, code if module_dots else "")
    return _drawn(code, dots, symbols, signed, number)


@lru_cache(maxsize=256)
def _sizes(length: int, bare_length: int, dots: int, symbols: Symbols) -> tuple[int, int, int]:
    alike = _drawn("-" * (length - bare_length) + "0" * bare_length, dots, symbols, None, None)
    return alike.bar_dots, alike.module_dots, alike.qr_modules


def _drawn(code: str, dots: int, symbols: Symbols, signed: str | None, number: Number | None) -> Drawn:
    bars = bars_of(code, number)
    bars_alone = Drawn(bars, _bar_dots(bars, dots), 0, 0, "")
    with_signature = _with_qr(bars_alone, signed, dots) if signed else None
    if with_signature is not None:
        return msgspec.structs.replace(with_signature, bar_dots=0) if symbols == "one" else with_signature
    if symbols == "one" and bars_alone.bar_dots:
        return bars_alone
    return _with_qr(bars_alone, code, dots) or bars_alone


def _with_qr(others: Drawn, content: str, dots: int) -> Drawn | None:
    """With the largest QR code that the paper takes; None when none that can be scanned fits."""
    modules = _qr_modules(content)
    whole = modules + 2 * _QR_QUIET_MODULES
    module_dots = min(_GREATEST_MODULE_DOTS, GREATEST_QR_DOTS // modules, dots // whole) if modules else 0
    if module_dots < _LEAST_MODULE_DOTS:
        return None
    return msgspec.structs.replace(others, module_dots=module_dots, qr_modules=modules, qr_content=content)


def _bar_dots(bars: Bars, dots: int) -> int:
    # The unprinted margin of the paper is part of a quiet zone; an eighth of the printed width lies beyond it.
    sayable = bars.content.isascii() and bars.content.isprintable()
    return bars.module_dots if sayable and (bars.modules + bars.quiet_modules) * bars.module_dots <= dots else 0


def _qr_modules(content: str) -> int:
    """The greatest side of its QR code, 0 when it is too long for one that is small enough."""
    version = bisect_left(_QR_BYTES, len(content.encode())) + 1
    return 17 + 4 * version if version <= len(_QR_BYTES) else 0

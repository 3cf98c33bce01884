"""How large a code's symbols are on paper: Code 128 where it fits the width, QR in any case that can be scanned.

A printer says nothing when a symbol is too wide for it: it prints none. So this is decided here.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Literal

Symbols = Literal["both", "one"]

BARCODE_DOTS = 64
"""Its height."""
_LEAST_BAR_DOTS = 2
"""0.25 mm at 203 dots an inch: what common scanners read."""
_QUIET_MODULES = 10
_QR_QUIET_MODULES = 4
GREATEST_QR_DOTS = 220
_GREATEST_MODULE_DOTS = 6
_LEAST_MODULE_DOTS = 3
# ISO/IEC 18004: bytes that versions 1, 2, ... take at error correction M. A printer may pack some contents tighter.
_QR_BYTES = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The symbols of one code, in dots; 0 for one that is not drawn."""

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


def drawn(code: str, dots: int, symbols: Symbols, *, signed: str | None = None) -> Drawn:
    """Which symbols a code gets on paper with so many dots: a symbol that does not fit is not drawn at all.

    Of a signed one the QR code is never left out: it alone holds the signature. A signed text that is too long for a QR
    code gives way to the code: then all is as if there were none.
    """
    bars_alone = Drawn(_bar_dots(bare(code), dots), 0, 0, "")
    with_signature = _with_qr(bars_alone, signed, dots) if signed else None
    if with_signature is not None:
        return replace(with_signature, bar_dots=0) if symbols == "one" else with_signature
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
    return replace(others, module_dots=module_dots, qr_modules=modules, qr_content=content)


def _bar_dots(content: str, dots: int) -> int:
    # The unprinted margin of the paper is part of a quiet zone; an eighth of the printed width lies beyond it.
    fits = content.isascii() and content.isprintable()
    return _LEAST_BAR_DOTS if fits and (barcode_modules(content) + _QUIET_MODULES) * _LEAST_BAR_DOTS <= dots else 0


def _qr_modules(content: str) -> int:
    """The greatest side of its QR code, 0 when it is too long for one that is small enough."""
    version = bisect_left(_QR_BYTES, len(content.encode())) + 1
    return 17 + 4 * version if version <= len(_QR_BYTES) else 0

"""A receipt of one coupon by what stands around its code: who gets the same promise with the same examples gets the same paper but for that.

Asked by domain/checkout/answer.py for the ordinary coupon; whatever is unusual is printed line by line.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from services.offers.domain.receipts.escpos import as_escpos
from services.offers.domain.receipts.printing import Fitted
from services.offers.domain.receipts.sheet import Block, Columns, Line, Passage
from services.offers.domain.receipts.symbols import BarKind, Bars, Drawn, bare
from services.offers.domain.receipts.template import Style
from services.offers.domain.receipts.text import as_text

_OURS = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]")
_KEPT = 8_192
_BESIDE_ONE_CODE = 2


class Printed(NamedTuple):
    """A receipt as text and for a printer."""

    text: str
    escpos: bytes


class _Frame(NamedTuple):
    text: Sequence[str]
    """What stands before and behind the code."""
    begins: bytes
    goes_on: Sequence[tuple[bool, bytes]]
    """What stands behind each further place of the code, and whether it has its dashes there."""


def framed(fit: Fitted, columns: Columns, pages: tuple[str, ...]) -> Printed | None:
    """The receipt of one coupon with a code of ours and nothing unusual; None for any other."""
    if len(fit.blocks) != 1 or fit.elsewhere:
        return None
    block = fit.blocks[0]
    symbols, code = block.symbols, block.code
    plain = symbols.bars.kind is BarKind.CODE_128 and symbols.qr_content in ("", code) and len(block.read.lines) == 1
    if not (plain and block.as_said and _OURS.fullmatch(code)):
        return None
    sizes = symbols.bar_dots, symbols.module_dots, symbols.qr_modules
    frame = _frame(block.promise, block.examples, block.lasting, sizes, columns, pages)
    if frame is None:
        return None
    before, behind = frame.text
    dashed, undashed = code.encode("ascii"), symbols.bars.content.encode("ascii")
    told = [frame.begins]
    for has_dashes, behind_it in frame.goes_on:
        told += (dashed if has_dashes else undashed, behind_it)
    return Printed(before + code + behind, b"".join(told))


@lru_cache(maxsize=_KEPT)
def _frame(
    promise: Passage,
    examples: Passage,
    lasting: Passage,
    sizes: tuple[int, int, int],
    columns: Columns,
    pages: tuple[str, ...],
) -> _Frame | None:
    """Found by printing two codes: what is the same stands around them. None where a text looks like one of the two."""
    found = []
    for sign in "73":
        code = f"{sign * 4}-{sign * 4}-{sign * 4}-{sign}"
        read = Passage((Line(Style.CODE, code),), as_said=True)
        symbols = Drawn(Bars(BarKind.CODE_128, bare(code)), *sizes, code if sizes[1] else "")
        block = Block("", code, promise, examples, read, lasting, symbols)
        begins, *rest = re.split(f"({code}|{bare(code)})".encode(), as_escpos([block], "", columns, pages))
        goes_on = [(place == code.encode(), behind) for place, behind in zip(rest[::2], rest[1::2], strict=True)]
        found.append(_Frame(as_text([block], "", columns).split(code), begins, goes_on))
    one, other = found
    return one if one == other and len(one.text) == _BESIDE_ONE_CODE else None

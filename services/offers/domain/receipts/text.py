"""Coupons as plain text, for tills that set their own receipts."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from services.offers.domain.receipts.lines import NO_BREAK, broken, centred
from services.offers.domain.receipts.sheet import ELSEWHERE_LINES, Block, Columns, Line, Passage
from services.offers.domain.receipts.template import Style

_SAID_ONCE = 8_192


def as_text(blocks: Sequence[Block], elsewhere: str, columns: Columns) -> str:
    """No line is wider than `columns`; empty without coupons."""
    if not blocks:
        return ""
    said = [_said(passage, columns) for block in blocks for passage in block.passages]
    return "".join([*said, *(f"{line}\n" for line in closing(elsewhere, columns))])


@lru_cache(maxsize=_SAID_ONCE)
def _said(passage: Passage, columns: Columns) -> str:
    return "".join(f"{shown(line, columns)}\n" for line in passage.lines)


def shown(line: Line, columns: Columns) -> str:
    """The line with the spaces before it."""
    text = line.text if line.style in {Style.PLAIN, Style.RULE} else centred(line.text, columns)
    return text.replace(NO_BREAK, " ")


def closing(elsewhere: str, columns: Columns) -> Iterable[str]:
    """What stands below the last coupon: how many more there are, if any, and a rule."""
    for line in broken(elsewhere, columns, ELSEWHERE_LINES):
        yield centred(line, columns).replace(NO_BREAK, " ")
    yield "-" * columns

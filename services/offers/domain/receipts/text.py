"""Coupons as plain text, for tills that set their own receipts."""

from collections.abc import Iterable, Sequence

from services.offers.domain.receipts.lines import NO_BREAK, broken, centred
from services.offers.domain.receipts.sheet import ELSEWHERE_LINES, Block, Columns, Line
from services.offers.domain.receipts.template import Style


def as_text(blocks: Sequence[Block], elsewhere: str, columns: Columns) -> str:
    """No line is wider than `columns`; empty without coupons."""
    if not blocks:
        return ""
    lines = [shown(line, columns) for block in blocks for line in block.lines]
    return "".join(f"{line}\n" for line in [*lines, *closing(elsewhere, columns)])


def shown(line: Line, columns: Columns) -> str:
    """The line with the spaces before it."""
    text = line.text if line.style in {Style.PLAIN, Style.RULE} else centred(line.text, columns)
    return text.replace(NO_BREAK, " ")


def closing(elsewhere: str, columns: Columns) -> Iterable[str]:
    """What stands below the last coupon: how many more there are, if any, and a rule."""
    for line in broken(elsewhere, columns, ELSEWHERE_LINES):
        yield centred(line, columns).replace(NO_BREAK, " ")
    yield "-" * columns

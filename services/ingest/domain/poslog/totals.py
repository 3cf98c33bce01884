"""What the customer paid for each line: makers write amounts in four ways, and the document's own total says in which.

POSLog means an ExtendedAmount to be after price modifiers and before added taxes; tills in the field differ. So each
reading is tried in that order, and the first whose lines add up to the stated total is taken. None does: somebody must
look, for a wrong amount would be wrong without a trace.
"""

from collections.abc import Iterator, Sequence

from libs.common.money import allocate_cents
from services.ingest.domain.poslog.lines import Discount, Line
from services.ingest.domain.poslog.values import broken

_PATH = "/Transaction/RetailTransaction/Total"


def settle(lines: Sequence[Line], stated: Sequence[int], *, is_whole: bool) -> list[int]:
    """The cents paid for each line, positive for returned goods too.

    `stated` holds the totals that would do (with and without rounding to coins), none when the document states none.
    With `is_whole` False there are money lines that no event carries, and a difference is theirs. Raises InvalidMessage.
    """
    readings = list(_readings(lines))
    for amounts in readings:
        if not stated or _sum(lines, amounts) in stated:
            return amounts
    if not is_whole:
        return readings[0]
    raise broken("total-mismatch", f"the lines add up to {_sum(lines, readings[0])}, the total says {stated[0]}", _PATH)


def spread_discount(lines: Sequence[Line], discount: Discount) -> None:
    """A discount on the whole receipt, taken off the lines that were sold, in proportion; raises InvalidMessage for none."""
    if not any(_can_share(line) for line in lines):
        raise broken("total-mismatch", "a discount on the receipt, and nothing was sold", _PATH)
    for line, cents in _shares(lines, discount.cents):
        line.extended_cents -= cents
        line.receipt_discounts.append(Discount(cents, discount.funder))


def spread_tax(lines: Sequence[Line], cents: int, *, is_included: bool | None) -> None:
    """A tax on the whole receipt; lines that state their own taxes have it already.

    It is on what was sold, and where nothing was, on what was brought back.
    """
    if any(line.tax_cents for line in lines):
        return
    if lines and all(line.returned for line in lines):
        back = [line for line in lines if line.extended_cents > 0]
        shares = _among(back, abs(cents))
    else:
        shares = _shares(lines, cents)
    for line, share in shares:
        line.tax_cents, line.tax_is_included = share, is_included


def _readings(lines: Sequence[Line]) -> Iterator[list[int]]:
    for less_discounts in (False, True):
        for plus_taxes in (False, True):
            yield [_paid(line, less_discounts=less_discounts, plus_taxes=plus_taxes) for line in lines]


def _paid(line: Line, *, less_discounts: bool, plus_taxes: bool) -> int:
    is_added = plus_taxes if line.tax_is_included is None else not line.tax_is_included
    discounted = sum(discount.cents for discount in line.discounts) if less_discounts else 0
    return line.extended_cents - discounted + (line.tax_cents if is_added else 0)


def _sum(lines: Sequence[Line], amounts: Sequence[int]) -> int:
    return sum(-cents if line.returned else cents for line, cents in zip(lines, amounts, strict=True))


def _shares(lines: Sequence[Line], cents: int) -> Iterator[tuple[Line, int]]:
    yield from _among([line for line in lines if _can_share(line)], cents)


def _among(lines: Sequence[Line], cents: int) -> Iterator[tuple[Line, int]]:
    if lines:
        yield from zip(lines, allocate_cents(cents, [line.extended_cents for line in lines]), strict=True)


def _can_share(line: Line) -> bool:
    return not line.returned and line.extended_cents > 0

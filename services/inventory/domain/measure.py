"""Quantities as integers of a thousandth, so that sums are exact in any order; used wherever stock is counted."""

from decimal import ROUND_HALF_EVEN, Decimal

MILLI = 1000
GREATEST_MILLI = 10**12
"""The most that a command can ask for: the greatest quantity of a contract."""
_THOUSANDTH = Decimal("0.001")


def to_milli(quantity: Decimal) -> int:
    """Thousandths of the unit, ties to even.

    >>> to_milli(Decimal("1.5"))
    1500
    """
    return int(quantity.quantize(_THOUSANDTH, ROUND_HALF_EVEN).scaleb(3))


def from_milli(milli: int) -> Decimal:
    """The quantity without trailing zeros.

    >>> from_milli(1500), from_milli(2000)
    (Decimal('1.5'), Decimal('2'))
    """
    whole, rest = divmod(milli, MILLI)
    return Decimal(whole) if not rest else Decimal(milli).scaleb(-3).normalize()


def plain(milli: int) -> str:
    """The quantity as a person writes it.

    >>> plain(12_000), plain(-250)
    ('12', '-0.25')
    """
    return f"{from_milli(milli):f}"


def money(cents: float, currency: str) -> str:
    """An amount as a person reads it; currencies here have hundredths.

    >>> money(1234.4, "EUR")
    '12.34 EUR'
    """
    return f"{cents / 100:.2f} {currency}".strip()

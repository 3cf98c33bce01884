"""Money as integer minor units (`_cents`) of a stated currency; never a float."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

# ISO 4217: every other currency has two digits.
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DIGITS = "CLF UYW"
_MINOR_DIGITS: Mapping[str, int] = {
    currency: digits
    for digits, currencies in ((0, _NO_DIGITS), (3, _THREE_DIGITS), (4, _FOUR_DIGITS))
    for currency in currencies.split()
}

_POWERS = (1, 10, 100, 1_000, 10_000)
_GREATEST_EXPONENT = 30
"""`1E999999999` is a few bytes as text, and gigabytes as an integer."""


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in minor units of one currency (cents, pence, or whole yen where a currency has none).

    >>> Money("EUR", 250) + Money("EUR", 50)
    Money(currency='EUR', amount_cents=300)
    """

    currency: str
    amount_cents: int

    def __add__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.currency, self.amount_cents + other.amount_cents)

    def __sub__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.currency, self.amount_cents - other.amount_cents)

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot join {self.currency} and {other.currency}")


def allocate_cents(total_cents: int, weights: Sequence[int]) -> list[int]:
    """Split `total_cents` in proportion to `weights`: whole cents that add up to the total exactly.

    Largest remainder, ties to the earlier line, so the same input gives the same split.
    Raises ValueError when a weight is negative or none is positive.

    >>> allocate_cents(100, [1, 1, 1])
    [34, 33, 33]
    """
    if any(weight < 0 for weight in weights) or not sum(weights):
        raise ValueError("weights must not be negative and one must be positive")
    whole = sum(weights)
    shares = [total_cents * weight // whole for weight in weights]
    remainders = [total_cents * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda line: (-remainders[line], line))
    for line in by_remainder[: total_cents - sum(shares)]:
        shares[line] += 1
    return shares


def minor_digits(currency: str) -> int:
    """How many decimals an amount of this currency has.

    >>> minor_digits("EUR"), minor_digits("JPY"), minor_digits("KWD")
    (2, 0, 3)
    """
    return _MINOR_DIGITS.get(currency, 2)


def minor_units(amount: Decimal, currency: str) -> int:
    """`amount` as whole minor units, exactly; raises ValueError when it has a smaller part or is no number.

    >>> minor_units(Decimal("12.30"), "EUR"), minor_units(Decimal("150"), "JPY")
    (1230, 150)
    """
    if not amount.is_finite() or abs(amount.adjusted()) > _GREATEST_EXPONENT:
        raise ValueError("not an amount of money")
    numerator, denominator = amount.as_integer_ratio()
    units, rest = divmod(numerator * _POWERS[minor_digits(currency)], denominator)
    if rest:
        raise ValueError(f"{currency} has no part as small as that")
    return units

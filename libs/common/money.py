"""Money as integer minor units (`_cents`) of a stated currency; never a float."""

from collections.abc import Sequence
from dataclasses import dataclass


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

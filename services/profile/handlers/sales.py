"""A sale's body as far as a profile reads it, in a quarter of the time that the whole contract takes; used by worker and learner.

What is read here is held against the contract's rules; the front door has held all of the rest against them. What is not plain is
left to the contract itself, which says what is wrong with it, or how to read it.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from libs.common.contracts.values import DiscountKind, Funder, IdentifierKind

Key = Annotated[str, Meta(min_length=1, max_length=128)]
Cents = Annotated[int, Meta(ge=-(10**12), le=10**12)]
_MILLI = {"1": 1000}
_REMEMBERED = 10_000
_GREATEST, _PLACES = Decimal(10**9), 6


class DiscountRead(Struct, frozen=True, gc=False):
    """What was taken off."""

    amount_cents: Annotated[int, Meta(ge=0, le=10**12)]
    kind: DiscountKind = DiscountKind.DISCOUNT
    funder: Funder = Funder.RETAILER
    voucher_id: Key | None = None


class LineRead(Struct, frozen=True, gc=False):
    """One line."""

    item_id: Key
    amount_cents: Cents
    quantity: Annotated[str, Meta(max_length=24)] = "1"
    discounts: tuple[DiscountRead, ...] = ()


class HolderRead(Struct, frozen=True, gc=False):
    """Whose card it was."""

    kind: IdentifierKind
    value: Key

    @property
    def key(self) -> str:
        """As the contract's Identifier says it."""
        return f"{self.kind}:{self.value}"


class SaleRead(Struct, frozen=True, gc=False):
    """The sale; of it only what facets are told."""

    receipt_id: Key
    store_id: Key
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    lines: Annotated[tuple[LineRead, ...], Meta(min_length=1, max_length=2000)]
    total_cents: Cents
    customer: HolderRead | None = None
    training: Literal[False] = False
    cancelled: Literal[False] = False

    def __post_init__(self) -> None:
        """Raises ValueError where quantities or the total are not as the contract wants them."""
        for line in self.lines:
            if line.quantity not in _MILLI:
                _remember(line.quantity)
        if self.total_cents != sum([line.amount_cents for line in self.lines]):
            raise ValueError("total_cents is not the sum of the lines' amount_cents")

    @property
    def counts(self) -> bool:
        """What does not count is not plain: the contract reads it."""
        return True


read_sale: Callable[[bytes], Any] = msgspec.json.Decoder(SaleRead).decode
"""Raises msgspec.DecodeError for what is not plain."""


def milli_of(quantity: str | Decimal) -> int:
    """Thousandths of the line's unit, rounded down."""
    known = _MILLI.get(quantity) if isinstance(quantity, str) else None
    return int(Decimal(quantity) * 1000) if known is None else known


def _remember(quantity: str) -> None:
    if not quantity.replace(".", "", 1).isdecimal() or not quantity.isascii():
        raise ValueError("not a plain quantity")
    number = Decimal(quantity)
    whole = number.as_tuple()
    if not 0 < number <= _GREATEST or -int(whole.exponent) > _PLACES:
        raise ValueError("a quantity out of range")
    if len(_MILLI) < _REMEMBERED:
        _MILLI[quantity] = int(number * 1000)

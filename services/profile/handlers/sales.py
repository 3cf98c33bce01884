"""What was bought, by columns, whichever contract told of it; a sale's body is read no further than a profile needs it.

That takes a quarter of the time that the whole contract takes; worker and learner do it. What is read here is held against the
contract's rules; the front door has held all of the rest against them. What is not plain is left to the contract itself, which says
what is wrong with it, or how to read it.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from libs.common.contracts import Event
from libs.common.contracts.pos import Sale
from libs.common.contracts.registry import TYPES
from libs.common.contracts.values import DiscountKind, Funder, IdentifierKind
from libs.common.contracts.web import Ordered
from services.profile.domain.purchases import Bought

Key = Annotated[str, Meta(min_length=1, max_length=128)]
Cents = Annotated[int, Meta(ge=-(10**12), le=10**12)]
SALE, ORDERED = TYPES[Sale], TYPES[Ordered]
WEB_STORE_ID = "web"
DISCOUNT, RETAILER = DiscountKind.DISCOUNT, Funder.RETAILER
_REMEMBERED = 10_000
_GREATEST, _PLACES = Decimal(10**9), 6


class _Milli(dict[str, int]):
    """Thousandths by what the till wrote, of the quantities met first; the others are read each time."""

    def __missing__(self, quantity: str) -> int:
        if not quantity.replace(".", "", 1).isdecimal() or not quantity.isascii():
            raise msgspec.ValidationError("not a plain quantity")
        number = Decimal(quantity)
        if not 0 < number <= _GREATEST or -int(number.as_tuple().exponent) > _PLACES:
            raise msgspec.ValidationError("a quantity out of range")
        milli = milli_of(number)
        if len(self) < _REMEMBERED:
            self[quantity] = milli
        return milli


_MILLI = _Milli()


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


_decode = msgspec.json.Decoder(SaleRead).decode


def read_sale(content: bytes) -> Bought:
    """What was bought, from the body of a sale; raises msgspec.DecodeError for what is not plain."""
    sale = _decode(content)
    lines, holder = sale.lines, sale.customer
    amounts = [line.amount_cents for line in lines]
    if sale.total_cents != sum(amounts):
        raise msgspec.ValidationError("total_cents is not the sum of the lines' amount_cents")
    quantities = [_MILLI[line.quantity] for line in lines]
    taken_off, coupon_cents = _discounts([line.discounts for line in lines])
    return Bought(
        sale.receipt_id,
        sale.store_id,
        sale.currency,
        f"{holder.kind}:{holder.value}" if holder is not None else None,
        [line.item_id for line in lines],
        quantities,
        amounts,
        taken_off,
        coupon_cents,
    )


def bought_of(event: Event) -> Bought:
    """What was bought in a sale or a web order, read in short or by its contract."""
    body: Any = event.data
    if type(body) is Bought:
        return body
    in_store = event.type == SALE
    holder = body.customer if in_store else body.visitor
    taken_off, coupon_cents = _discounts([line.discounts for line in body.lines])
    return Bought(
        body.receipt_id if in_store else body.order_id,
        body.store_id if in_store else WEB_STORE_ID,
        body.currency,
        holder.key if holder is not None else None,
        [line.item_id for line in body.lines],
        [milli_of(line.quantity) for line in body.lines],
        [line.amount_cents for line in body.lines],
        taken_off,
        coupon_cents,
    )


def milli_of(quantity: Decimal) -> int:
    """Thousandths of the line's unit, rounded down."""
    return int(quantity * 1000)


def _discounts(by_line: Sequence[Iterable[Any]]) -> tuple[list[int], int]:
    """What was taken off each line; and of all lines what a voucher caused or somebody else pays for.

    The latter counts whether it lowered the price or paid a part of it.
    """
    taken_off, by_coupons = [], 0
    for discounts in by_line:
        off = 0
        for given in discounts:
            if given.kind is DISCOUNT:
                off += given.amount_cents
            if given.voucher_id is not None or given.funder is not RETAILER:
                by_coupons += given.amount_cents
        taken_off.append(off)
    return taken_off, by_coupons

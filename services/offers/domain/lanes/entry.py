"""What a lane's journal says of a voucher that it took without a network; handlers take it in by domain/lanes/lease.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from libs.common.money import allocate_cents
from services.offers.domain.repeating import digest_of_parts
from services.offers.domain.vouchers.voucher import Basket, BasketLine, GivenLine


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineLine:
    """One line of a receipt, and what the lane took off it."""

    line_no: int
    item_id: str
    quantity: Decimal
    amount_cents: int
    discount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a lane's journal: a voucher that it took without a network. `signed` is the text of its QR code."""

    redemption_id: str
    signed: str
    receipt_id: str
    currency: str
    given_at: datetime
    lines: Sequence[OfflineLine]
    taken_back: bool = False
    """The receipt was cancelled since: the last word on this entry, whichever is heard first."""

    @property
    def given_cents(self) -> int:
        """What the lane gave."""
        return sum(line.discount_cents for line in self.lines)

    def basket(self, store_id: str) -> Basket:
        """The receipt as the rules see it."""
        return Basket(
            receipt_id=self.receipt_id,
            store_id=store_id,
            currency=self.currency,
            lines=[
                BasketLine(
                    line_no=line.line_no, item_id=line.item_id, quantity=line.quantity, amount_cents=line.amount_cents
                )
                for line in self.lines
            ],
        )

    def digest(self) -> bytes:
        """16 bytes that say what was given; not whether it was taken back, which may be told later."""
        lines = [
            (line.line_no, line.item_id, line.quantity.normalize(), line.amount_cents, line.discount_cents)
            for line in self.lines
        ]
        said = (self.signed, self.receipt_id, self.currency, self.given_at.isoformat(), lines)
        return digest_of_parts(said)


def split_lines(lines: Sequence[OfflineLine], reserve_cents: int) -> tuple[list[GivenLine], list[GivenLine]]:
    """What the reserve paid of each line, and what somebody else did: together what the line got off."""
    weights = [line.discount_cents for line in lines]
    paid = allocate_cents(reserve_cents, weights)
    rest = [whole - part for whole, part in zip(weights, paid, strict=True)]
    return _given(lines, paid), _given(lines, rest)


def _given(lines: Sequence[OfflineLine], shares: Sequence[int]) -> list[GivenLine]:
    return [
        GivenLine(line_no=line.line_no, item_id=line.item_id, quantity=line.quantity, discount_cents=share)
        for line, share in zip(lines, shares, strict=True)
        if share
    ]

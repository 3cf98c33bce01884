"""A voucher's life: issued, redeemed, rolled back, expired; what it gives, line by line, and what a return takes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from libs.common.money import allocate_cents
from services.offers.domain.campaign import Terms
from services.offers.domain.catalogue import Item


class VoucherState(StrEnum):
    """Where a voucher stands."""

    ISSUED = "issued"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    REVOKED = "revoked"


class NotRedeemed(StrEnum):
    """Why a voucher was refused: an outcome, told to the till and kept."""

    UNKNOWN_CODE = "unknown-code"
    FOREIGN_CODE = "foreign-code"
    AMBIGUOUS_NUMBER = "ambiguous-number"
    ALREADY_REDEEMED = "already-redeemed"
    EXPIRED = "expired"
    REVOKED = "revoked"
    ISSUED_ON_THIS_RECEIPT = "issued-on-this-receipt"
    OTHER_CURRENCY = "other-currency"
    NO_ELIGIBLE_LINE = "no-eligible-line"
    HELD_ELSEWHERE = "held-elsewhere"


@dataclass(frozen=True, slots=True)
class Hold:
    """A voucher is kept for one receipt until a moment: nobody else gets it, and its holder does even if it ends meanwhile."""

    hold_id: str
    receipt_id: str
    until: datetime

    def keeps(self, receipt_id: str, now: datetime) -> bool:
        """Whether it is in force for this receipt."""
        return now < self.until and receipt_id == self.receipt_id

    def bars(self, receipt_id: str, now: datetime) -> bool:
        """Whether it is in force for another receipt than this."""
        return now < self.until and receipt_id != self.receipt_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """One voucher. `reserved_cents` is what its campaign's budget holds for it now: it never gives more."""

    voucher_id: str
    campaign_id: str
    customer_id: str | None
    receipt_id: str
    """The receipt that it was printed with."""
    store_id: str
    category: str
    terms: Terms
    currency: str
    expires_at: datetime
    state: VoucherState
    reserved_cents: int
    given_cents: int = 0
    revoked: bool = False
    """A revocation covers it, whether or not it has been ended yet."""
    hold: Hold | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketLine:
    """One line of the receipt that a voucher is redeemed on."""

    line_no: int
    item_id: str
    quantity: Decimal
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """The receipt that a voucher is redeemed on."""

    receipt_id: str
    store_id: str
    currency: str
    lines: Sequence[BasketLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenLine:
    """What one line got off; frozen at redemption, so that a return gives back exactly its share."""

    line_no: int
    item_id: str
    quantity: Decimal
    discount_cents: int


@dataclass(frozen=True, slots=True)
class Given:
    """What a redemption takes off, in cents and by line."""

    given_cents: int
    lines: tuple[GivenLine, ...]


def redeem(voucher: Voucher | None, basket: Basket, items: Mapping[str, Item], now: datetime) -> Given | NotRedeemed:
    """What the voucher gives on this basket now, or why nothing."""
    if voucher is None:
        return NotRedeemed.UNKNOWN_CODE
    refusal = _refusal(voucher, basket, now)
    if refusal is not None:
        return refusal
    lines = [line for line in basket.lines if line.amount_cents > 0 and _fits(voucher, items.get(line.item_id))]
    total_cents = sum(line.amount_cents for line in lines)
    given_cents = min(voucher.terms.discount_cents(total_cents), voucher.reserved_cents)
    if given_cents <= 0:
        return NotRedeemed.NO_ELIGIBLE_LINE
    shares = allocate_cents(given_cents, [line.amount_cents for line in lines])
    return Given(
        given_cents,
        tuple(
            GivenLine(line_no=line.line_no, item_id=line.item_id, quantity=line.quantity, discount_cents=share)
            for line, share in zip(lines, shares, strict=True)
            if share
        ),
    )


def _refusal(voucher: Voucher, basket: Basket, now: datetime) -> NotRedeemed | None:
    if voucher.state is VoucherState.REDEEMED:
        return NotRedeemed.ALREADY_REDEEMED
    if voucher.revoked or voucher.state is VoucherState.REVOKED:
        return NotRedeemed.REVOKED
    kept = voucher.hold is not None and voucher.hold.keeps(basket.receipt_id, now)
    if voucher.state is VoucherState.EXPIRED or (now >= voucher.expires_at and not kept):
        return NotRedeemed.EXPIRED
    if voucher.hold is not None and voucher.hold.bars(basket.receipt_id, now):
        return NotRedeemed.HELD_ELSEWHERE
    if voucher.currency != basket.currency:
        return NotRedeemed.OTHER_CURRENCY
    return NotRedeemed.ISSUED_ON_THIS_RECEIPT if voucher.receipt_id == basket.receipt_id else None


def _fits(voucher: Voucher, item: Item | None) -> bool:
    return item is not None and item.may_be_offered and item.category == voucher.category


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedSoFar:
    """A redeemed line and what has come back of it."""

    quantity: Decimal
    discount_cents: int
    returned_quantity: Decimal = Decimal(0)
    returned_cents: int = 0

    def give_back(self, quantity: Decimal) -> tuple[Decimal, int]:
        """How much of `quantity` this line takes, and which share of its discount goes back to the budget with it.

        All parts of a line together give back its discount exactly, in whatever parts they come, and never more. What was
        reclaimed before its goods came back is not given back again with them.
        """
        taken = min(quantity, self.quantity - self.returned_quantity)
        if taken <= 0:
            return Decimal(0), 0
        whole = self.returned_quantity + taken
        due_cents = int(self.discount_cents * whole / self.quantity)
        return taken, max(0, due_cents - self.returned_cents)

"""A voucher's life: issued, redeemed, rolled back, expired; what it gives, line by line, and what a return takes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from libs.common.money import allocate_cents
from services.offers.domain.campaigns.campaign import ANY_CATEGORY
from services.offers.domain.campaigns.catalogue import Item
from services.offers.domain.campaigns.terms import Bundle, Terms
from services.offers.domain.vouchers.discount import Goods, worth


class VoucherState(StrEnum):
    """Where a voucher stands."""

    ISSUED = "issued"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    REVOKED = "revoked"
    LEASED = "leased"
    """Handed to a process ahead of time; as good as issued, since it may have been printed meanwhile."""
    VOID = "void"
    """Never told to anybody, and never will be."""

    @property
    def is_open(self) -> bool:
        """Whether it may still be redeemed."""
        return self in {VoucherState.ISSUED, VoucherState.LEASED}


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
    STOPPED = "stopped"
    STEP_UP_REQUIRED = "step-up-required"
    SUSPECTED = "suspected"


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
    stopped: bool = False
    """A brake that stops redemptions too is in force for it here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketLine:
    """One line of the receipt that a voucher is redeemed on."""

    line_no: int
    item_id: str
    quantity: Decimal
    amount_cents: int
    weighed: bool = False
    """Sold by weight or measure: `quantity` is no count of pieces."""


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
    refusal = NotRedeemed.STOPPED if voucher.stopped else _refusal(voucher, basket, now)
    if refusal is not None:
        return refusal
    places = sorted(_eligible(voucher, basket, items), key=lambda place: _rank(basket.lines[place]))
    goods = [_goods(basket.lines[place], items) for place in places]
    most = worth(voucher.terms.promise, goods)
    given_cents = min(most.discount_cents, voucher.terms.greatest_value_cents, voucher.reserved_cents)
    if given_cents <= 0:
        return NotRedeemed.NO_ELIGIBLE_LINE
    shares = zip(places, allocate_cents(given_cents, most.weights), strict=True)
    given = ((basket.lines[place], share) for place, share in sorted(shares) if share)
    return Given(
        given_cents,
        tuple(
            GivenLine(line_no=line.line_no, item_id=line.item_id, quantity=line.quantity, discount_cents=share)
            for line, share in given
        ),
    )


def _eligible(voucher: Voucher, basket: Basket, items: Mapping[str, Item]) -> list[int]:
    """Where in the basket they stand."""
    return [
        place
        for place, line in enumerate(basket.lines)
        if line.amount_cents > 0 and fits(voucher, items.get(line.item_id))
    ]


def _rank(line: BasketLine) -> tuple[int, Decimal, str, int]:
    """One order of lines, however a till numbers and sorts them."""
    return -line.amount_cents, line.quantity, line.item_id, line.line_no


def _goods(line: BasketLine, items: Mapping[str, Item]) -> Goods:
    return Goods(
        category=items[line.item_id].category,
        quantity=line.quantity,
        amount_cents=line.amount_cents,
        weighed=line.weighed,
    )


def _refusal(voucher: Voucher, basket: Basket, now: datetime) -> NotRedeemed | None:
    if voucher.state is VoucherState.REDEEMED:
        return NotRedeemed.ALREADY_REDEEMED
    if voucher.revoked or voucher.state in {VoucherState.REVOKED, VoucherState.VOID}:
        return NotRedeemed.REVOKED
    kept = voucher.hold is not None and voucher.hold.keeps(basket.receipt_id, now)
    if voucher.state is VoucherState.EXPIRED or (now >= voucher.expires_at and not kept):
        return NotRedeemed.EXPIRED
    if voucher.hold is not None and voucher.hold.bars(basket.receipt_id, now):
        return NotRedeemed.HELD_ELSEWHERE
    if voucher.currency != basket.currency:
        return NotRedeemed.OTHER_CURRENCY
    return NotRedeemed.ISSUED_ON_THIS_RECEIPT if voucher.receipt_id == basket.receipt_id else None


def fits(voucher: Voucher, item: Item | None) -> bool:
    """Whether it is for goods like this."""
    if item is None or not item.may_be_offered:
        return False
    promise = voucher.terms.promise
    if isinstance(promise, Bundle):
        return item.category in promise.categories
    return voucher.category in (item.category, ANY_CATEGORY)


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
        return taken, max(0, self.due_cents(self.returned_quantity + taken) - self.returned_cents)

    def due_cents(self, quantity: Decimal) -> int:
        """The share of the discount that so much of the line takes back."""
        return int(self.discount_cents * quantity / self.quantity)

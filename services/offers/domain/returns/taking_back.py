"""What goods that come back take with them: their share of every discount, and by policy the rest of one that needs a minimum.

A receipt is frozen at redemption. What a till gives back for all that returns of it is never more than was paid, in whatever
parts and order it returns; for all of it, exactly that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

from services.offers.domain.campaigns.stacking_rules import BelowMinimum
from services.offers.domain.vouchers.voucher import Basket, ReturnedSoFar

_NONE = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldLine:
    """A line of a receipt at its price before any voucher, and what has come back of it."""

    line_no: int
    item_id: str
    quantity: Decimal
    amount_cents: int
    returned_quantity: Decimal = _NONE

    @property
    def returned_cents(self) -> int:
        """What came back cost, before any voucher."""
        if self.amount_cents <= 0 or self.quantity <= 0:
            return 0
        return int(self.amount_cents * self.returned_quantity / self.quantity)

    def with_back(self, quantity: Decimal) -> Self:
        """With so much more of it back."""
        return replace(self, returned_quantity=self.returned_quantity + quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """A receipt on which vouchers gave."""

    lines: tuple[SoldLine, ...] = ()
    refunded_cents: int = 0
    """What returns so far gave the customer."""
    taken_back_cents: int = 0
    """What they took back of discounts."""

    @property
    def goods_cents(self) -> int:
        """What all goods cost, before any voucher; what the customer brought back with them is not among them."""
        return sum(max(0, line.amount_cents) for line in self.lines)

    @property
    def returned_cents(self) -> int:
        """What has come back cost, before any voucher."""
        return sum(line.returned_cents for line in self.lines)

    @property
    def remaining_cents(self) -> int:
        """What is left on the receipt comes to, before any voucher."""
        return sum(line.amount_cents for line in self.lines) - self.returned_cents

    def quantity_back(self, item_id: str) -> Decimal:
        """How much of an item has come back."""
        return sum((line.returned_quantity for line in self.lines if line.item_id == item_id), _NONE)

    def quantity_back_of(self, line_no: int, item_id: str) -> Decimal:
        """How much of a line; a later basket of the receipt may number its lines anew: then of the goods, wherever they stand."""
        lines = {(each.line_no, each.item_id): each.returned_quantity for each in self.lines}
        return lines.get((line_no, item_id), self.quantity_back(item_id))

    def with_basket(self, basket: Basket) -> Self:
        """As the basket of a further redemption states it; what had come back stays so."""
        known = {(line.line_no, line.item_id): line.returned_quantity for line in self.lines}
        stated = {line.line_no for line in basket.lines}
        lines = [
            SoldLine(
                line_no=line.line_no,
                item_id=line.item_id,
                quantity=line.quantity,
                amount_cents=line.amount_cents,
                returned_quantity=min(line.quantity, known.get((line.line_no, line.item_id), _NONE)),
            )
            for line in basket.lines
        ]
        return replace(self, lines=(*lines, *(line for line in self.lines if line.line_no not in stated)))

    def with_back(self, goods: Mapping[str, Decimal]) -> Self:
        """With these goods back, off the lowest line numbers first; what was never on it is passed over."""
        left, lines = dict(goods), []
        for line in sorted(self.lines, key=lambda line: line.line_no):
            sold = line.quantity - line.returned_quantity if line.amount_cents > 0 else _NONE
            taken = max(_NONE, min(left.get(line.item_id, _NONE), sold))
            lines.append(line.with_back(taken))
            left[line.item_id] = left.get(line.item_id, _NONE) - taken
        return replace(self, lines=tuple(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemedLine:
    """What one line got of one voucher, and what of it is back."""

    line_no: int
    item_id: str
    so_far: ReturnedSoFar


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemedVoucher:
    """A redemption in force on a receipt."""

    redemption_id: str
    lines: Sequence[RedeemedLine]
    minimum_basket_cents: int = 0
    below_minimum: BelowMinimum = BelowMinimum.KEEP

    @property
    def kept_cents(self) -> int:
        """What of its discount is not back."""
        return sum(line.so_far.discount_cents - line.so_far.returned_cents for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """What one line of one redemption gives back: for so much of the goods, so many cents. `reclaimed_cents` is part of them."""

    redemption_id: str
    line_no: int
    item_id: str
    quantity: Decimal
    cents: int
    reclaimed_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """What a return does: to redemptions, to the receipt, to the customer, and which vouchers are good again."""

    backs: tuple[Back, ...]
    sold: Sold
    refund_cents: int
    reissued: tuple[str, ...] = ()

    @property
    def cents(self) -> int:
        """All that is taken back of discounts."""
        return sum(back.cents for back in self.backs)


def take_back(
    sold: Sold, redeemed: Sequence[RedeemedVoucher], goods: Mapping[str, Decimal], *, beside_cents: int = 0
) -> TakenBack:
    """What these goods take with them. A reclaim never takes more than the refund: the rest is left for the next return.

    Shares are rounded down, of every voucher by itself: so no refund is more than what is left of all that was paid. `beside_cents`
    is kept of other vouchers on the receipt.
    """
    after = sold.with_back(goods)
    shares = [(each, [_share(each, line, after) for line in each.lines]) for each in redeemed]
    back_cents = sum(back.cents for _, backs in shares for back in backs)
    taken_cents = sold.taken_back_cents + back_cents
    kept_cents = beside_cents + sum(each.kept_cents for each in redeemed) - back_cents
    refundable_cents = min(after.returned_cents, after.goods_cents - kept_cents)
    room_cents = max(0, refundable_cents - taken_cents - sold.refunded_cents)
    all_backs: list[Back] = []
    reissued = []
    for each, backs in shares:
        told, left_cents = _reclaimed(each, backs, room_cents, after)
        taken_cents += room_cents - left_cents
        room_cents = left_cents
        all_backs += told
        whole = all(
            line.so_far.returned_cents + back.cents == line.so_far.discount_cents
            for line, back in zip(each.lines, told, strict=True)
        )
        if whole and each.below_minimum is BelowMinimum.REISSUE and after.remaining_cents < each.minimum_basket_cents:
            reissued.append(each.redemption_id)
    return TakenBack(
        backs=tuple(back for back in all_backs if back.quantity or back.cents),
        sold=replace(after, refunded_cents=sold.refunded_cents + room_cents, taken_back_cents=taken_cents),
        refund_cents=room_cents,
        reissued=tuple(reissued),
    )


def take_back_late(
    sold: Sold, redeemed: Sequence[RedeemedVoucher], goods: Mapping[str, Decimal], *, beside_cents: int = 0
) -> TakenBack:
    """What redemptions lose that are told of after goods came back: the till that redeemed them knew, and refunded so much less."""
    after = sold.with_back(goods)
    known_cents = sum(_share(each, line, after).cents for each in redeemed for line in each.lines)
    kept_cents = beside_cents + sum(each.kept_cents for each in redeemed)
    paid_cents = sold.goods_cents - sold.taken_back_cents - kept_cents
    refunded_cents = max(0, min(sold.refunded_cents - known_cents, paid_cents))
    return take_back(replace(sold, refunded_cents=refunded_cents), redeemed, goods, beside_cents=beside_cents)


def _share(redeemed: RedeemedVoucher, line: RedeemedLine, sold: Sold) -> Back:
    """Of the line, as much is back as of the goods that it is of."""
    is_back = sold.quantity_back_of(line.line_no, line.item_id)
    quantity, cents = line.so_far.give_back(is_back - line.so_far.returned_quantity)
    return Back(
        redemption_id=redeemed.redemption_id, line_no=line.line_no, item_id=line.item_id, quantity=quantity, cents=cents
    )


def _reclaimed(
    redeemed: RedeemedVoucher, backs: Sequence[Back], room_cents: int, sold: Sold
) -> tuple[Sequence[Back], int]:
    """The shares with the rest of each line, as far as the refund bears it, where the minimum is no longer met; and what it still bears."""
    if redeemed.below_minimum is BelowMinimum.KEEP or sold.remaining_cents >= redeemed.minimum_basket_cents:
        return backs, room_cents
    told = []
    for line, back in zip(redeemed.lines, backs, strict=True):
        rest_cents = line.so_far.discount_cents - line.so_far.returned_cents - back.cents
        cents = min(rest_cents, room_cents)
        room_cents -= cents
        told.append(replace(back, cents=back.cents + cents, reclaimed_cents=cents))
    return told, room_cents

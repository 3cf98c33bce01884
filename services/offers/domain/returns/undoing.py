"""A return that was voided itself: what it took of discounts is given again, and the receipt stands as if nothing had come back with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from services.offers.domain.campaigns.stacking_rules import BelowMinimum
from services.offers.domain.returns.taking_back import Back, RedeemedLine, RedeemedVoucher, Sold, SoldLine

_NONE = Decimal(0)


def stays_after_all(sold: Sold, voided: Mapping[str, Decimal], still_back: Mapping[str, Decimal]) -> Sold:
    """The receipt without the goods of the voided return; `still_back` is what other returns that are remembered brought.

    What those brought that was on the receipt only once, and taken for the voided return, stays back.
    """
    left = {
        item_id: min(quantity, sold.quantity_back(item_id) - still_back.get(item_id, _NONE))
        for item_id, quantity in voided.items()
    }
    lines: list[SoldLine] = []
    for line in sorted(sold.lines, key=lambda line: -line.line_no):
        stays = max(_NONE, min(left.get(line.item_id, _NONE), line.returned_quantity))
        left[line.item_id] = left.get(line.item_id, _NONE) - stays
        lines.append(line.with_back(-stays))
    return replace(sold, lines=tuple(lines[::-1]))


def given_again(after: Sold, redeemed: Sequence[RedeemedVoucher]) -> list[Back]:
    """What the lines of these redemptions got again, on the receipt as it stands after.

    What was reclaimed because the receipt came below a minimum is given again where it no longer does.
    """
    return [
        _given_again(after, each, line)
        for each in redeemed
        for line in each.lines
        if line.so_far.returned_quantity or line.so_far.returned_cents
    ]


def settled(after: Sold, redeemed: Sequence[RedeemedVoucher], again_cents: int) -> Sold:
    """The receipt once so much of discounts is given again: no more was refunded than what is still back can have been."""
    kept_cents = sum(each.kept_cents for each in redeemed) + again_cents
    taken_cents = max(0, after.taken_back_cents - again_cents)
    greatest_cents = min(after.returned_cents, after.goods_cents - kept_cents) - taken_cents
    return replace(
        after, taken_back_cents=taken_cents, refunded_cents=max(0, min(after.refunded_cents, greatest_cents))
    )


def _given_again(after: Sold, redeemed: RedeemedVoucher, line: RedeemedLine) -> Back:
    so_far = line.so_far
    is_back = min(after.quantity_back_of(line.line_no, line.item_id), so_far.returned_quantity)
    below = after.remaining_cents < redeemed.minimum_basket_cents and redeemed.below_minimum is not BelowMinimum.KEEP
    reclaimed_cents = max(0, so_far.returned_cents - so_far.due_cents(so_far.returned_quantity))
    due_cents = so_far.due_cents(is_back) + (reclaimed_cents if below else 0)
    return Back(
        redemption_id=redeemed.redemption_id,
        line_no=line.line_no,
        item_id=line.item_id,
        quantity=so_far.returned_quantity - is_back,
        cents=max(0, so_far.returned_cents - due_cents),
    )

"""What a return would take back, told before the till pays out; and receipts as the rules of returns see them."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from services.offers.domain.returns.taking_back import RedeemedLine, RedeemedVoucher, Sold, SoldLine, take_back
from services.offers.ports.redemption.redemptions import RedemptionStore, ReturnedLine


class QuotedLine(msgspec.Struct, frozen=True):
    """What a return takes back of a voucher's discount on a line. `reclaimed_cents`, a part of it, is for goods that stay."""

    voucher_id: str
    line_no: int
    item_id: str
    discount_cents: int
    reclaimed_cents: int


class ReturnQuote(msgspec.Struct, frozen=True):
    """What to refund (null: no voucher of ours gave on this receipt, so its prices are not known here), and what that leaves out.

    `good_again`: vouchers that the customer may use again after it.
    """

    receipt_id: str
    refund_cents: int | None
    taken_back_cents: int
    lines: tuple[QuotedLine, ...]
    good_again: tuple[str, ...]


async def quote_return(store: RedemptionStore, receipt_id: str, returned: Sequence[tuple[str, Decimal]]) -> ReturnQuote:
    """What a return of these goods would do now; nothing changes."""
    voucher_ids = await store.lock_receipt(receipt_id)
    lines = await store.lines_of_receipt(receipt_id, voucher_ids)
    sold = (await store.so_far(receipt_id)).sold
    taken = take_back(sold or sold_as_redeemed(lines), redeemed_vouchers(lines), summed(returned))
    vouchers = {line.redemption_id: line.voucher.voucher_id for line in lines}
    return ReturnQuote(
        receipt_id=receipt_id,
        refund_cents=taken.refund_cents if sold else None,
        taken_back_cents=taken.cents,
        lines=tuple(
            QuotedLine(
                voucher_id=vouchers[back.redemption_id],
                line_no=back.line_no,
                item_id=back.item_id,
                discount_cents=back.cents,
                reclaimed_cents=back.reclaimed_cents,
            )
            for back in taken.backs
        ),
        good_again=tuple(vouchers[redemption_id] for redemption_id in taken.reissued),
    )


def summed(returned: Sequence[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """How much of each item."""
    goods: dict[str, Decimal] = {}
    for item_id, quantity in returned:
        goods[item_id] = goods.get(item_id, Decimal(0)) + quantity
    return goods


def redeemed_vouchers(lines: Sequence[ReturnedLine]) -> list[RedeemedVoucher]:
    """The redemptions that these lines are of."""
    found: dict[str, list[ReturnedLine]] = {}
    for line in lines:
        found.setdefault(line.redemption_id, []).append(line)
    return [
        RedeemedVoucher(
            redemption_id=redemption_id,
            lines=[RedeemedLine(line_no=line.line_no, item_id=line.item_id, so_far=line.so_far) for line in of],
            minimum_basket_cents=of[0].minimum_basket_cents,
            below_minimum=of[0].below_minimum,
        )
        for redemption_id, of in found.items()
    ]


def sold_as_redeemed(lines: Sequence[ReturnedLine]) -> Sold:
    """What a redemption of a release before tells of its receipt: the goods that got something off, not what they cost."""
    known = {line.line_no: line for line in lines}
    return Sold(
        lines=tuple(
            SoldLine(
                line_no=line.line_no,
                item_id=line.item_id,
                quantity=line.so_far.quantity,
                amount_cents=1,
                returned_quantity=line.so_far.returned_quantity,
            )
            for line in known.values()
        )
    )

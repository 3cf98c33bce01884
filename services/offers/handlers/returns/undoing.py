"""Returns whose own receipts were voided: what they took back is given again."""

from datetime import datetime

from services.offers.domain.returns.taking_back import Back
from services.offers.domain.returns.undoing import given_again, settled, stays_after_all
from services.offers.handlers.returns.quotes import redeemed_vouchers
from services.offers.ports.money import Cause
from services.offers.ports.redemption.redemptions import RedemptionStore, ReturnedLine


async def undo_returns(store: RedemptionStore, return_receipt_id: str, event_id: str, voided_at: datetime) -> int:
    """Goods did not come back after all: discounts count as given again, as far as budgets and limits bear it; returns the cents.

    The receipts that they had come back to must be entered. A voucher that the return made good again stays so.
    """
    cents, cause = 0, Cause(event_id, voided_at)
    for receipt_id, voided in (await store.take_out(return_receipt_id, voided_at)).items():
        voucher_ids = await store.lock_receipt(receipt_id)
        before = await store.so_far(receipt_id)
        if before.sold is None:
            continue
        lines = await store.lines_of_receipt(receipt_id, voucher_ids)
        redeemed = redeemed_vouchers(lines)
        after = stays_after_all(before.sold, voided, before.goods)
        of = {(line.redemption_id, line.line_no): line for line in lines}
        again_cents = 0
        for back in given_again(after, redeemed):
            again_cents += await _give_again(store, of[back.redemption_id, back.line_no], back, cause)
        await store.keep_sold(receipt_id, settled(after, redeemed, again_cents))
        cents += again_cents
    return cents


async def _give_again(store: RedemptionStore, line: ReturnedLine, back: Back, cause: Cause) -> int:
    room_cents = (await store.budget(line.voucher.campaign_id)).remaining_cents
    limit_cents = await store.room_cents(line.voucher.voucher_id)
    bearable_cents = room_cents if limit_cents is None else min(room_cents, limit_cents)
    cents = max(0, min(back.cents, bearable_cents))
    await store.give_again(line, back.quantity, cents, cause)
    return cents

"""Taking a redemption back, and giving back the share of goods that return."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from libs.common.contracts.offers import VoucherRolledBack
from libs.common.errors import Conflict, NotFound
from libs.common.persistence import OutboxMessage
from services.offers.domain.returns.taking_back import Sold, TakenBack, take_back, take_back_late
from services.offers.domain.vouchers.voucher import Basket, Voucher
from services.offers.handlers.money.clock import MoneyClock
from services.offers.handlers.returns.quotes import redeemed_vouchers, sold_as_redeemed
from services.offers.handlers.vouchers.facts import about, voucher_message
from services.offers.ports.money import Cause
from services.offers.ports.redemption.redemptions import GAVE, RedemptionStore, ReturnedLine
from services.offers.ports.returns import Reversal


class RollbackAnswer(msgspec.Struct, frozen=True):
    """The answer to a rollback: what came back, and what the voucher is good for again (0: it has ended)."""

    redemption_id: str
    status: str
    voucher_id: str
    returned_cents: int
    good_for_cents: int


_encoder = msgspec.json.Encoder()


async def roll_back(
    store: RedemptionStore, redemption_id: str, clock: MoneyClock, occurred_at: datetime | None = None
) -> bytes:
    """Take a redemption back: what was given is no longer spent, and the voucher is good again while its time lasts and nobody revoked it.

    It is then good for what it was worth, as far as the budget still allows, and at least for what was given.
    Again: the same answer. Raises NotFound for an id that is unknown, Conflict for one that gave nothing.
    """
    found = await store.lock_by_redemption(redemption_id)
    if found is None:
        raise NotFound("no such redemption")
    redemption, voucher = found
    if voucher is None or redemption.status != GAVE:
        raise Conflict("this redemption gave nothing", slug="nothing-given")
    if redemption.rollback_answer is not None:
        return redemption.rollback_answer
    now = clock.now(stated=occurred_at, reached=await store.reached_at())
    return await _reopen(store, redemption_id, voucher, now)


async def roll_back_receipt(
    store: RedemptionStore, receipt_id: str, event_id: str, clock: MoneyClock, occurred_at: datetime
) -> int:
    """A whole receipt was voided: take back all that vouchers gave on it; returns how many redemptions.

    It is remembered for redemptions that come later, and what had come back of the receipt is forgotten.
    """
    voucher_ids = await store.lock_receipt(receipt_id)
    reversal = Reversal(event_id=event_id, receipt_id=receipt_id, goods={}, occurred_at=occurred_at)
    await store.remember(reversal, clock.clock.now())
    redemption_ids = await store.redemption_ids_of_receipt(receipt_id, voucher_ids)
    for redemption_id in redemption_ids:
        await roll_back(store, redemption_id, clock, occurred_at)
    return len(redemption_ids)


async def give_back_returned(store: RedemptionStore, back: Reversal, clock: MoneyClock) -> int:
    """Goods of a receipt came back, by item: their share of what vouchers gave is no longer spent; returns the cents.

    Shares are those frozen at redemption: all returns of a line together give back what it got, and never more. What a campaign
    says of receipts below its minimum is done too. It is remembered for redemptions that come later.
    """
    receipt_id = back.receipt_id
    voucher_ids = await store.lock_receipt(receipt_id)
    if back.goods:
        await store.remember(back, clock.clock.now())
    lines = await store.lines_of_receipt(receipt_id, voucher_ids)
    known = (await store.so_far(receipt_id)).sold
    if not lines and known is None:
        return 0
    sold = known or sold_as_redeemed(lines)
    taken = take_back(sold, redeemed_vouchers(lines), back.goods)
    await _post(store, receipt_id, lines, taken, Cause(back.event_id, back.occurred_at), clock)
    return taken.cents


async def redeemed_on(
    store: RedemptionStore,
    basket: Basket,
    redeemed: Sequence[tuple[str, str]],
    *,
    happened_at: datetime | None,
    now: datetime,
    clock: MoneyClock,
) -> None:
    """Freeze the receipt of these new redemptions (id, voucher id), and do with them what happened to it before they came.

    Goods that came back take their shares along. A void counts if the redemption is known to be older: the same receipt redeemed
    on after its void is a reopened one.
    """
    before = await store.so_far(basket.receipt_id)
    sold = (before.sold or Sold()).with_basket(basket)
    missed = {item_id: quantity - sold.quantity_back(item_id) for item_id, quantity in before.goods.items()}
    if not before.goods and not any(line.returned_quantity for line in sold.lines):
        await store.keep_sold(basket.receipt_id, sold)
    else:
        all_lines = await store.lines_of_receipt(basket.receipt_id)
        new_ids = {redemption_id for redemption_id, _ in redeemed}
        lines = [line for line in all_lines if line.redemption_id in new_ids]
        others = redeemed_vouchers([line for line in all_lines if line.redemption_id not in new_ids])
        beside_cents = sum(each.kept_cents for each in others)
        taken = take_back_late(sold, redeemed_vouchers(lines), missed, beside_cents=beside_cents)
        cause = Cause(f"{redeemed[0][0]}:returned-before", now)
        await _post(store, basket.receipt_id, lines, taken, cause, clock)
    if happened_at is not None and before.voided_at is not None and happened_at <= before.voided_at:
        for redemption_id, _ in redeemed:
            await roll_back(store, redemption_id, clock, now)


async def _post(
    store: RedemptionStore,
    receipt_id: str,
    lines: Sequence[ReturnedLine],
    taken: TakenBack,
    cause: Cause,
    clock: MoneyClock,
) -> None:
    now = cause.at or clock.clock.now()
    of = {(line.redemption_id, line.line_no): line for line in lines}
    messages = []
    for back in taken.backs:
        line = of[back.redemption_id, back.line_no]
        await store.give_back(line, back.quantity, back.cents, cause)
        fact_id = f"{cause.cause_id}:{back.redemption_id}:{back.line_no}"
        messages.append(_rolled_back_message(line.voucher, back.redemption_id, back.cents, fact_id, now))
    await store.tell(messages)
    await store.keep_sold(receipt_id, taken.sold)
    for redemption_id in taken.reissued:
        await roll_back(store, redemption_id, clock, now)


async def _reopen(store: RedemptionStore, redemption_id: str, voucher: Voucher, now: datetime) -> bytes:
    budget = await store.budget(voucher.campaign_id)
    given_cents, again_cents = voucher.given_cents, 0
    if now < voucher.expires_at and not voucher.revoked:
        room_cents = await store.room_cents(voucher.voucher_id)
        value_cents = voucher.terms.greatest_value_cents
        again_cents = budget.good_again_cents(given_cents=given_cents, value_cents=value_cents, room_cents=room_cents)
    answer = _encoder.encode(RollbackAnswer(redemption_id, "rolled_back", voucher.voucher_id, given_cents, again_cents))
    await store.roll_back(redemption_id, voucher, good_for_cents=again_cents, answer=answer, now=now)
    fact_id = f"{redemption_id}:rolled-back"
    await store.tell([_rolled_back_message(voucher, redemption_id, given_cents, fact_id, now)])
    return answer


def _rolled_back_message(
    voucher: Voucher, redemption_id: str, returned_cents: int, event_id: str, now: datetime
) -> OutboxMessage:
    fact = VoucherRolledBack(**about(voucher), redemption_id=redemption_id, returned_cents=returned_cents)
    return voucher_message(fact, event_id, now)

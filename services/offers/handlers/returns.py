"""Taking a redemption back, and giving back the share of goods that return."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from libs.common.contracts.offers import VoucherRolledBack
from libs.common.errors import Conflict, NotFound
from libs.common.persistence import OutboxMessage
from services.offers.domain.voucher import Voucher
from services.offers.handlers.facts import about, voucher_message
from services.offers.handlers.money_clock import MoneyClock
from services.offers.handlers.redemption import REDEEMED
from services.offers.ports.vouchers import Cause, RedemptionStore


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
    if voucher is None or redemption.status != REDEEMED:
        raise Conflict("this redemption gave nothing", slug="nothing-given")
    if redemption.rollback_answer is not None:
        return redemption.rollback_answer
    now = clock.now(stated=occurred_at, reached=await store.reached_at())
    return await _reopen(store, redemption_id, voucher, now)


async def roll_back_receipt(store: RedemptionStore, receipt_id: str, clock: MoneyClock, occurred_at: datetime) -> int:
    """A whole receipt was voided: take back all that vouchers gave on it; returns how many redemptions."""
    voucher_ids = await store.lock_receipt(receipt_id)
    redemption_ids = await store.redemption_ids_of_receipt(receipt_id, voucher_ids)
    for redemption_id in redemption_ids:
        await roll_back(store, redemption_id, clock, occurred_at)
    return len(redemption_ids)


async def give_back_returned(
    store: RedemptionStore, receipt_id: str, returned: Sequence[tuple[str, Decimal]], event_id: str, now: datetime
) -> int:
    """Goods of a receipt came back, by item: their share of what vouchers gave is no longer spent; returns the cents.

    Shares are those frozen at redemption: all returns of a line together give back what it got, and never more.
    """
    left: dict[str, Decimal] = {}
    for item_id, quantity in returned:
        left[item_id] = left.get(item_id, Decimal(0)) + quantity
    messages = []
    whole_cents = 0
    voucher_ids = await store.lock_receipt(receipt_id)
    for line in await store.lines_of_receipt(receipt_id, voucher_ids):
        taken, share_cents = line.so_far.give_back(left.get(line.item_id, Decimal(0)))
        if not taken:
            continue
        left[line.item_id] -= taken
        whole_cents += share_cents
        await store.give_back(line, taken, share_cents, Cause(event_id, now))
        fact_id = f"{event_id}:{line.redemption_id}:{line.line_no}"
        messages.append(_rolled_back_message(line.voucher, line.redemption_id, share_cents, fact_id, now))
    await store.tell(messages)
    return whole_cents


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

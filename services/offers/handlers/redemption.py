"""Redeeming a voucher: at most once, and the same answer to the same attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from libs.common.contracts.offers import RedeemedLine, VoucherRedeemed
from libs.common.errors import Conflict
from libs.common.persistence import OutboxMessage
from services.offers.domain.catalogue import Item
from services.offers.domain.code import CodeKey, normalised
from services.offers.domain.voucher import Basket, Given, GivenLine, NotRedeemed, Voucher, redeem
from services.offers.handlers.facts import about, voucher_message
from services.offers.handlers.money_clock import MoneyClock
from services.offers.ports.vouchers import Cause, NewRedemption, RedemptionStore, StoredRedemption

REDEEMED = "redeemed"
REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """What a till asks. `occurred_at` is set only where event time is the clock."""

    redemption_id: str
    code: str
    basket: Basket
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The answer's JSON and what it says, for metrics. `repeat`: it was given before."""

    answer: bytes
    status: str
    reason: str
    campaign_id: str | None = None
    repeat: bool = False


class LineAnswer(msgspec.Struct, frozen=True):
    """What one line got off."""

    line_no: int
    item_id: str
    discount_cents: int


class RedemptionAnswer(msgspec.Struct, frozen=True):
    """The answer to a redemption; a refusal has a reason and gives nothing."""

    redemption_id: str
    status: str
    reason: str
    voucher_id: str | None
    given_cents: int
    lines: tuple[LineAnswer, ...]


_encoder = msgspec.json.Encoder()


async def redeem_voucher(
    store: RedemptionStore, asked: Redemption, *, codes: CodeKey, items: Mapping[str, Item], clock: MoneyClock
) -> Redeemed:
    """Redeem, or refuse with a reason; the same attempt again, or the same code on the same receipt, gets the same answer."""
    code = normalised(asked.code)
    voucher = await store.lock_by_code(codes.lookup_of(code)) if code else None
    known = await store.answered(asked.redemption_id, voucher.voucher_id if voucher else None, asked.basket.receipt_id)
    if known is not None:
        return _repeated(known)
    now = clock.now(stated=asked.occurred_at, reached=await store.reached_at())
    outcome = redeem(voucher, asked.basket, items, now)
    attempt = _attempt(asked, voucher, outcome, now)
    if not await store.keep(attempt):
        known = await store.answered(asked.redemption_id, None, asked.basket.receipt_id)
        if known is None:
            raise Conflict("another attempt with this id is under way", slug="in-flight")
        return _repeated(known)
    if isinstance(outcome, Given) and voucher is not None:
        await store.spend(voucher, outcome.given_cents, Cause(attempt.redemption_id, now))
        await store.tell([_redeemed_message(attempt, voucher, outcome, now)])
    return Redeemed(attempt.answer, attempt.status, attempt.reason, voucher.campaign_id if voucher else None)


def _attempt(asked: Redemption, voucher: Voucher | None, outcome: Given | NotRedeemed, now: datetime) -> NewRedemption:
    given = outcome if isinstance(outcome, Given) else None
    status = REDEEMED if given else REFUSED
    reason = REDEEMED if isinstance(outcome, Given) else str(outcome)
    answer = RedemptionAnswer(
        redemption_id=asked.redemption_id,
        status=status,
        reason=reason,
        voucher_id=voucher.voucher_id if voucher and given else None,
        given_cents=given.given_cents if given else 0,
        lines=tuple(map(_line_answer, given.lines)) if given else (),
    )
    return NewRedemption(
        redemption_id=asked.redemption_id,
        voucher_id=voucher.voucher_id if voucher else None,
        receipt_id=asked.basket.receipt_id,
        store_id=asked.basket.store_id,
        status=status,
        reason=reason,
        answer=_encoder.encode(answer),
        answered_at=now,
        given=given,
    )


def _line_answer(line: GivenLine) -> LineAnswer:
    return LineAnswer(line.line_no, line.item_id, line.discount_cents)


def _repeated(known: StoredRedemption) -> Redeemed:
    return Redeemed(known.answer, known.status, "repeat", repeat=True)


def _redeemed_message(attempt: NewRedemption, voucher: Voucher, given: Given, now: datetime) -> OutboxMessage:
    redeemed = VoucherRedeemed(
        **about(voucher),
        redemption_id=attempt.redemption_id,
        given_cents=given.given_cents,
        lines=tuple(
            RedeemedLine(line_no=line.line_no, item_id=line.item_id, discount_cents=line.discount_cents)
            for line in given.lines
        ),
    )
    return voucher_message(redeemed, f"{attempt.redemption_id}:redeemed", now)

"""Several codes on one receipt: weighed together, and redeemed together in one transaction."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import msgspec

from libs.common.errors import InFlight
from services.offers.domain.fraud.guessing import Presenter
from services.offers.domain.redemption.discounting import NotStacked
from services.offers.domain.redemption.stacking import Chosen, Dropped, Stack
from services.offers.domain.repeating import digest_of
from services.offers.domain.vouchers.voucher import Basket, NotRedeemed, Voucher
from services.offers.handlers.fraud.watching import NOBODY
from services.offers.handlers.redemption.desk import (
    REDEEMED,
    REFUSED,
    LineAnswer,
    Redemption,
    RedemptionDesk,
    attempt_of,
    line_answer,
    redeemed_message,
)
from services.offers.handlers.redemption.presenting import ShownCodes, shown_codes
from services.offers.handlers.redemption.stacking import ReceiptAtTill, receipt_at_till
from services.offers.handlers.redemption.watching import redemption_id_of, watched
from services.offers.handlers.repeating import check_same
from services.offers.handlers.returns.taking_back import redeemed_on
from services.offers.ports.fraud.watching import Bearer
from services.offers.ports.money import Cause
from services.offers.ports.redemption.stacking import OnReceipt, StoredSet
from services.offers.ports.redemption.till import TillStores

_IN_THREAD = 4
"""More vouchers than these are put together beside the loop that answers tills."""
_BESIDE = ThreadPoolExecutor(1, "weighing")
"""One at a time: a search for the best set may take half a second, and the loop waits for its turn behind every thread that computes."""
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionSet:
    """What a till asks: these codes on this receipt, `all_of_them` or the best set of them."""

    set_id: str
    codes: Sequence[str]
    basket: Basket
    presenter: Presenter
    all_of_them: bool
    occurred_at: datetime | None = None
    bearer: Bearer = NOBODY


class DroppedCode(msgspec.Struct, frozen=True):
    """A code that is not redeemed: its place in the question, from 1, the reason, and which vouchers stand in its way."""

    code_no: int
    reason: str
    voucher_id: str | None
    by: tuple[str, ...]


class RedeemedCode(msgspec.Struct, frozen=True):
    """A code that is. `repeat`: it was before, on this receipt."""

    code_no: int
    redemption_id: str
    voucher_id: str
    given_cents: int
    lines: tuple[LineAnswer, ...]
    repeat: bool


class RedemptionSetAnswer(msgspec.Struct, frozen=True):
    """What comes off, in this order, and what does not. `given_cents` is all of it."""

    set_id: str
    status: str
    given_cents: int
    redeemed: tuple[RedeemedCode, ...]
    dropped: tuple[DroppedCode, ...]


@dataclass(frozen=True, slots=True)
class RedeemedSet:
    """The answer's JSON and what it says, for metrics: campaigns of which a voucher was redeemed, reasons why others were not."""

    answer: bytes
    campaign_ids: Sequence[str] = ()
    reasons: Sequence[str] = ()


async def put_together(at_till: ReceiptAtTill, vouchers: Sequence[Voucher], *, all_of_them: bool = False) -> Stack:
    """Which of them come off this receipt; many are weighed beside the loop."""
    if len(vouchers) <= _IN_THREAD:
        return at_till.stack(vouchers, all_of_them=all_of_them)
    search = partial(at_till.stack, vouchers, all_of_them=all_of_them)
    return await asyncio.get_running_loop().run_in_executor(_BESIDE, search)


async def redeem_set(desk: RedemptionDesk, stores: TillStores, asked: RedemptionSet) -> RedeemedSet:
    """Redeem the best set of these codes, or all of them or none; the same attempt again gets the same answer.

    Each voucher has a redemption of its own, which can be taken back by itself. One that is redeemed on this receipt already is
    told as it was; one that signs of fraud speak against is left out. Raises InvalidInput for another question under the same id,
    TooManyTries while the presenter is locked out.
    """
    digest = digest_of("\x1f".join(asked.codes), asked.basket, int(asked.all_of_them))
    await stores.stacks.enter(asked.basket.receipt_id)
    known = await stores.stacks.answered(asked.set_id)
    if known is not None:
        check_same(known.asked, digest, "set_id")
        return RedeemedSet(known.answer)
    shown = await shown_codes(desk, stores, asked.codes, asked.presenter, asked.occurred_at)
    at_till = await receipt_at_till(stores.stacks, desk.knowledge, asked.basket, shown.now)
    before = {each.voucher_id: each for each in at_till.redeemed}
    unfound = [each for each in shown.behind if isinstance(each, NotRedeemed)]
    seen = await watched(desk.watch, asked, shown, shown.fresh(before), at_till)
    good = [voucher for voucher in shown.fresh(before) if not seen.suspects(voucher)]
    together = await put_together(at_till, good, all_of_them=asked.all_of_them)
    if asked.all_of_them and (unfound or seen.suspected):
        others = (Dropped(each.shown, NotStacked.NOT_ALL) for each in together.chosen)
        together = Stack((), (*together.dropped, *others))
    together = Stack(together.chosen, (*together.dropped, *seen.suspected))
    answer = _answer(asked, shown, before, together)
    kept = StoredSet(
        set_id=asked.set_id,
        receipt_id=asked.basket.receipt_id,
        store_id=asked.basket.store_id,
        status=answer.status,
        asked=digest,
        answer=_encoder.encode(answer),
        answered_at=shown.now,
    )
    if not await stores.stacks.keep(kept):
        raise InFlight("another attempt with this id is under way")
    await seen.keep(desk.watch, stores.watched, asked.set_id, together)
    await _spend(desk, stores, asked, together.chosen, shown)
    campaign_ids = [each.shown.voucher.campaign_id for each in together.chosen]
    return RedeemedSet(kept.answer, campaign_ids, [each.reason for each in answer.dropped])


def dropped_codes(shown: ShownCodes, dropped: Sequence[Dropped]) -> tuple[DroppedCode, ...]:
    """Every code that is not redeemed, with the reason, in the order of the question."""
    told = [
        DroppedCode(
            shown.number(each.shown.voucher.voucher_id), str(each.reason), each.shown.voucher.voucher_id, each.by
        )
        for each in dropped
    ]
    told += [
        DroppedCode(number, str(each), None, ())
        for number, each in enumerate(shown.behind, 1)
        if isinstance(each, NotRedeemed)
    ]
    return tuple(sorted(told, key=lambda each: each.code_no))


def _answer(
    asked: RedemptionSet, shown: ShownCodes, before: Mapping[str, OnReceipt], together: Stack
) -> RedemptionSetAnswer:
    ids = {each.voucher_id for each in shown.behind if isinstance(each, Voucher)}
    again = [
        RedeemedCode(
            code_no=shown.number(each.voucher_id),
            redemption_id=each.redemption_id,
            voucher_id=each.voucher_id,
            given_cents=each.given_cents,
            lines=tuple(map(line_answer, each.lines)),
            repeat=True,
        )
        for each in before.values()
        if each.voucher_id in ids
    ]
    fresh = [
        RedeemedCode(
            code_no=shown.number(each.shown.voucher.voucher_id),
            redemption_id=redemption_id_of(asked.set_id, each.shown.voucher.voucher_id),
            voucher_id=each.shown.voucher.voucher_id,
            given_cents=each.given.given_cents,
            lines=tuple(map(line_answer, each.given.lines)),
            repeat=False,
        )
        for each in together.chosen
    ]
    redeemed = (*again, *fresh)
    dropped = dropped_codes(shown, together.dropped)
    status = REDEEMED if redeemed else REFUSED
    return RedemptionSetAnswer(asked.set_id, status, sum(each.given_cents for each in redeemed), redeemed, dropped)


async def _spend(
    desk: RedemptionDesk, stores: TillStores, asked: RedemptionSet, chosen: Sequence[Chosen], shown: ShownCodes
) -> None:
    """By campaign id: so are budgets locked everywhere."""
    messages = []
    for each in sorted(chosen, key=lambda each: each.shown.voucher.campaign_id):
        voucher = each.shown.voucher
        redemption = Redemption(
            redemption_id=redemption_id_of(asked.set_id, voucher.voucher_id),
            code=asked.codes[shown.number(voucher.voucher_id) - 1],
            basket=asked.basket,
            presenter=asked.presenter,
        )
        attempt = attempt_of(redemption, voucher, each.given, shown.now, desk.knowledge)
        if not await stores.redemptions.keep(attempt):
            raise InFlight("a redemption with the id of this set's is under way")
        await stores.redemptions.spend(voucher, each.given.given_cents, Cause(attempt.redemption_id, shown.now))
        messages.append(redeemed_message(attempt, voucher, each.given, shown.now))
    await stores.redemptions.tell(messages)
    if chosen:
        new = [
            (redemption_id_of(asked.set_id, each.shown.voucher.voucher_id), each.shown.voucher.voucher_id)
            for each in chosen
        ]
        await redeemed_on(
            stores.redemptions, asked.basket, new, happened_at=asked.occurred_at, now=shown.now, clock=desk.clock
        )

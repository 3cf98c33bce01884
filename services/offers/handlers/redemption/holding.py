"""Weighing codes on a basket before the till decides, and holding a voucher for its receipt meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from libs.common.errors import Conflict, InFlight, NotFound
from services.offers.domain.fraud.guessing import Presenter
from services.offers.domain.repeating import digest_of
from services.offers.domain.vouchers.voucher import Basket, Given, Hold, NotRedeemed, Voucher
from services.offers.handlers.redemption.desk import REFUSED, LineAnswer, RedemptionDesk, line_answer
from services.offers.handlers.redemption.presenting import shown_codes
from services.offers.handlers.redemption.sets import DroppedCode, dropped_codes, put_together
from services.offers.handlers.redemption.stacking import ReceiptAtTill, receipt_at_till
from services.offers.handlers.repeating import check_same
from services.offers.metrics import OffersMetrics
from services.offers.ports.redemption.holds import HoldStore, StoredHold
from services.offers.ports.redemption.till import TillStores

HELD, RELEASED, GIVES = "held", "released", "gives"
LONGEST = timedelta(minutes=15)
"""From its beginning, however often a hold is extended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a till asks: this code, for this receipt, for so long."""

    hold_id: str
    code: str
    basket: Basket
    presenter: Presenter
    lasting: timedelta
    occurred_at: datetime | None = None


class Weighed(msgspec.Struct, frozen=True):
    """What a code would give on this basket now, or the reason why nothing."""

    status: str
    reason: str
    voucher_id: str | None
    would_give_cents: int
    lines: tuple[LineAnswer, ...]


class TogetherCode(msgspec.Struct, frozen=True):
    """A code of the best set: its place in the question, from 1, and what it would give in its turn."""

    code_no: int
    voucher_id: str
    would_give_cents: int
    lines: tuple[LineAnswer, ...]


class Together(msgspec.Struct, frozen=True):
    """What a set redemption of these codes would give, in the order of application, and why it would leave the others out."""

    would_give_cents: int
    chosen: tuple[TogetherCode, ...]
    dropped: tuple[DroppedCode, ...]


class Qualification(msgspec.Struct, frozen=True):
    """What each code would give by itself, in the order of the question, and which of them go together."""

    codes: tuple[Weighed, ...]
    together: Together


class HoldAnswer(msgspec.Struct, frozen=True):
    """The answer to a hold: what the voucher would give now, and until when nobody else gets it."""

    hold_id: str
    status: str
    reason: str
    voucher_id: str | None
    would_give_cents: int
    lines: tuple[LineAnswer, ...]
    held_until: datetime | None


class HoldChanged(msgspec.Struct, frozen=True):
    """The answer to an extension or a release."""

    hold_id: str
    status: str
    held_until: datetime | None


_encoder = msgspec.json.Encoder()


async def weigh(
    desk: RedemptionDesk, stores: TillStores, codes: Sequence[str], basket: Basket, presenter: Presenter
) -> bytes:
    """What each code would give, and all together, by the rules and the reserve that a redemption goes by; nothing changes.

    Raises TooManyTries while the presenter is locked out.
    """
    await stores.stacks.enter(basket.receipt_id)
    shown = await shown_codes(desk, stores, codes, presenter, None)
    at_till = await receipt_at_till(stores.stacks, desk.knowledge, basket, shown.now)
    found = await put_together(at_till, shown.fresh({}))
    chosen = tuple(
        TogetherCode(
            code_no=shown.number(each.shown.voucher.voucher_id),
            voucher_id=each.shown.voucher.voucher_id,
            would_give_cents=each.given.given_cents,
            lines=tuple(map(line_answer, each.given.lines)),
        )
        for each in found.chosen
    )
    together = Together(found.given_cents, chosen, dropped_codes(shown, found.dropped))
    return _encoder.encode(Qualification(tuple(_weighed(at_till, each) for each in shown.behind), together))


async def hold_voucher(desk: RedemptionDesk, stores: TillStores, asked: Holding) -> bytes:
    """Hold, or refuse with the reason that a redemption would; the same attempt again gets the same answer.

    Raises InvalidInput for another question under the same id. A further hold for the same receipt takes the place of the first. Raises TooManyTries while the presenter is locked out.
    """
    holds = stores.holds
    digest = digest_of(asked.code, asked.basket, int(asked.lasting.total_seconds()))
    known = await holds.answered(asked.hold_id)
    if known is not None:
        check_same(known.asked, digest, "hold_id")
        return known.answer
    await stores.stacks.enter(asked.basket.receipt_id)
    shown, now = await desk.presented(stores, asked.code, asked.presenter, asked.occurred_at)
    weighed = _weighed(await receipt_at_till(stores.stacks, desk.knowledge, asked.basket, now), shown)
    held = weighed.status == GIVES
    until = now + asked.lasting if held else None
    answer = HoldAnswer(
        hold_id=asked.hold_id,
        status=HELD if held else REFUSED,
        reason=HELD if held else weighed.reason,
        voucher_id=weighed.voucher_id,
        would_give_cents=weighed.would_give_cents,
        lines=weighed.lines,
        held_until=until,
    )
    attempt = StoredHold(
        hold_id=asked.hold_id,
        voucher_id=weighed.voucher_id,
        store_id=asked.basket.store_id,
        status=answer.status,
        answer=_encoder.encode(answer),
        held_at=now,
        asked=digest,
    )
    if not await holds.keep(attempt):
        raise InFlight("another attempt with this id is under way")
    if weighed.voucher_id is not None and until is not None:
        await holds.hold(weighed.voucher_id, Hold(asked.hold_id, asked.basket.receipt_id, until))
    desk.metrics.holds.labels(answer.status).inc()
    return attempt.answer


async def extend_hold(desk: RedemptionDesk, holds: HoldStore, hold_id: str, lasting: timedelta, now: datetime) -> bytes:
    """Hold for `lasting` from now on, at most LONGEST from its beginning.

    Raises NotFound for an unknown id, Conflict for one that is no longer in force.
    """
    known, voucher_id, hold = await _in_force(holds, hold_id, now)
    until = min(now + lasting, known.held_at + LONGEST)
    await holds.hold(voucher_id, replace(hold, until=until))
    desk.metrics.holds.labels("extended").inc()
    return _encoder.encode(HoldChanged(hold_id, HELD, until))


async def release_hold(desk: RedemptionDesk, holds: HoldStore, hold_id: str, now: datetime) -> bytes:
    """Free the voucher; one whose hold is over is free already. Raises NotFound for an unknown id."""
    try:
        _, voucher_id, _ = await _in_force(holds, hold_id, now)
    except Conflict:
        return _encoder.encode(HoldChanged(hold_id, RELEASED, None))
    await holds.hold(voucher_id, None)
    desk.metrics.holds.labels(RELEASED).inc()
    return _encoder.encode(HoldChanged(hold_id, RELEASED, None))


async def free_lapsed_holds(holds: HoldStore, now: datetime, metrics: OffersMetrics) -> int:
    """Count and take away holds whose time is over; they bar nobody any more as it is. Returns how many."""
    lapsed = await holds.free_lapsed(now)
    metrics.holds.labels("lapsed").inc(lapsed)
    return lapsed


async def _in_force(holds: HoldStore, hold_id: str, now: datetime) -> tuple[StoredHold, str, Hold]:
    known = await holds.answered(hold_id)
    if known is None:
        raise NotFound("no such hold")
    if known.voucher_id is not None:
        voucher = await holds.lock_voucher(known.voucher_id)
        hold = voucher.hold
        if voucher.state.is_open and hold and hold.hold_id == hold_id and now < hold.until:
            return known, voucher.voucher_id, hold
    raise Conflict("this hold is not in force", slug="hold-ended")


def _weighed(at_till: ReceiptAtTill, shown: Voucher | NotRedeemed) -> Weighed:
    voucher = None if isinstance(shown, NotRedeemed) else shown
    outcome = at_till.outcome(voucher) if voucher else shown
    if not isinstance(outcome, Given) or voucher is None:
        return Weighed(REFUSED, str(outcome), None, 0, ())
    return Weighed(GIVES, GIVES, voucher.voucher_id, outcome.given_cents, tuple(map(line_answer, outcome.lines)))

"""Redeeming a voucher: at most once, the same answer to the same attempt, and nothing told to who guesses."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from libs.common.contracts.offers import RedeemedLine, VoucherRedeemed
from libs.common.errors import InFlight
from libs.common.persistence import OutboxMessage
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.codes.presented import Form, Presented, is_signed, read
from services.offers.domain.fraud.guessing import NOT_VALID, Presenter, is_miss
from services.offers.domain.redemption.discounting import Refusal
from services.offers.domain.repeating import digest_of
from services.offers.domain.vouchers.voucher import Basket, Given, GivenLine, NotRedeemed, Voucher
from services.offers.handlers.brakes.pulling import barred
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.handlers.codes import SigningRing
from services.offers.handlers.fraud.lockout import Lockout
from services.offers.handlers.fraud.watching import NOBODY, UNWATCHING, Watching
from services.offers.handlers.redemption.stacking import receipt_at_till
from services.offers.handlers.repeating import check_same
from services.offers.handlers.returns.taking_back import redeemed_on
from services.offers.handlers.vouchers.facts import about, voucher_message
from services.offers.ports.fraud.watching import Bearer
from services.offers.ports.money import Cause
from services.offers.ports.redemption.redemptions import GAVE, NewRedemption, RedemptionStore, StoredRedemption
from services.offers.ports.redemption.till import TillStores

REDEEMED = GAVE
REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """What a till asks. `occurred_at` is set only where event time is the clock."""

    redemption_id: str
    code: str
    basket: Basket
    presenter: Presenter
    occurred_at: datetime | None = None
    bearer: Bearer = NOBODY


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionDesk(Lockout):
    """Redeems codes that are presented, and locks out for a while whoever guesses them."""

    codes: CodeKey
    signing: SigningRing
    knowledge: Knowledge
    watch: Watching = UNWATCHING

    async def redeem(self, stores: TillStores, asked: Redemption) -> Redeemed:
        """Redeem, or refuse with a reason; the same attempt again, or the same code on the same receipt, gets the same answer.

        Whatever a well-formed code is refused for, the database is asked the same questions in the same order. Raises TooManyTries while the
        presenter is locked out: nothing was looked up.
        """
        store = stores.redemptions
        opening = await stores.misses.opening(self.limits.of(asked.presenter))
        if opening.locked_until is not None and self.clock.clock.now() < opening.locked_until:
            return await self._while_locked(store, asked, opening.locked_until)
        presented = self.read(asked.code, asked.presenter)
        await stores.stacks.enter(asked.basket.receipt_id)
        voucher, why_none = await _behind(store, presented)
        voucher = barred(voucher, opening.brakes, asked.presenter.store_id)
        voucher_id = voucher.voucher_id if voucher else None
        known = await store.answered(asked.redemption_id, voucher_id, asked.basket.receipt_id)
        if known is not None:
            return self._again(known, asked)
        now = self.clock.now(stated=asked.occurred_at, reached=opening.reached_at)
        at_till = await receipt_at_till(stores.stacks, self.knowledge, asked.basket, now)
        outcome = at_till.outcome(voucher) if voucher else why_none
        verdict = await self.watch.judge(voucher, outcome, asked.basket, asked.bearer, now)
        outcome = verdict.outcome
        attempt = attempt_of(asked, voucher, outcome, now, self.knowledge)
        if not await store.keep(attempt):
            known = await store.answered(asked.redemption_id, None, asked.basket.receipt_id)
            if known is None:
                raise InFlight("another attempt with this id is under way")
            return self._again(known, asked)
        await self.watch.keep(stores.watched, attempt.redemption_id, verdict)
        if isinstance(outcome, Given) and voucher is not None:
            await store.spend(voucher, outcome.given_cents, Cause(attempt.redemption_id, now))
            await store.tell([redeemed_message(attempt, voucher, outcome, now)])
            new = [(attempt.redemption_id, voucher.voucher_id)]
            await redeemed_on(store, asked.basket, new, happened_at=asked.occurred_at, now=now, clock=self.clock)
            return Redeemed(attempt.answer, attempt.status, attempt.reason, voucher.campaign_id)
        if is_miss(attempt.reason, mistyped=presented.form is Form.MISTYPED, sees_reasons=asked.presenter.sees_reasons):
            await self.missed(stores.misses, asked.presenter)
        return Redeemed(_told(attempt.answer, attempt.status, asked), attempt.status, attempt.reason)

    async def presented(
        self, stores: TillStores, code: str, presenter: Presenter, occurred_at: datetime | None
    ) -> tuple[Voucher | NotRedeemed, datetime]:
        """The voucher behind a code that an authorised till presents, locked until the end, or why there is none; and the time that counts.

        An unknown code is a miss. Raises TooManyTries while the presenter is locked out: nothing was looked up.
        """
        opening = await self.opening(stores.misses, presenter)
        shown = self.read(code, presenter)
        voucher, why_none = await _behind(stores.redemptions, shown)
        voucher = barred(voucher, opening.brakes, presenter.store_id)
        mistyped = shown.form is Form.MISTYPED
        if voucher is None and is_miss(why_none, mistyped=mistyped, sees_reasons=presenter.sees_reasons):
            await self.missed(stores.misses, presenter)
        return voucher or why_none, self.clock.now(stated=occurred_at, reached=opening.reached_at)

    def _again(self, known: StoredRedemption, asked: Redemption) -> Redeemed:
        """The answer that was given. Raises InvalidInput when it was given to another question under this id."""
        if known.redemption_id == asked.redemption_id:
            check_same(known.asked, digest_of(asked.code, asked.basket), "redemption_id")
        return Redeemed(_told(known.answer, known.status, asked), known.status, "repeat", repeat=True)

    def read(self, code: str, presenter: Presenter) -> Presented:
        """What was presented, and what to look it up by."""
        coupons = {each.numbered.head for each in self.knowledge.campaigns.values() if each.numbered}
        keys = self.signing.keys if is_signed(code) else ()
        legacy = any(each.legacy_codes for each in self.knowledge.campaigns.values())
        return read(code, self.codes, keys, coupons, at_till=presenter.sees_reasons, legacy=legacy)

    async def _while_locked(self, store: RedemptionStore, asked: Redemption, until: datetime) -> Redeemed:
        """What was answered before is answered again, since a till that lost the answer must learn it; nothing else is."""
        known = await store.answered(asked.redemption_id, None, asked.basket.receipt_id)
        if known is None:
            raise self.locked_out(until)
        return self._again(known, asked)


async def _behind(store: RedemptionStore, presented: Presented) -> tuple[Voucher | None, NotRedeemed]:
    """The voucher that was presented, locked, and why there is none where there is none."""
    numbered = await store.lock_by_number(presented.number_lookup) if presented.form is Form.NUMBER else ()
    coded = await store.lock_by_code(presented.code_lookup)
    if len(numbered) > 1:
        return coded, NotRedeemed.AMBIGUOUS_NUMBER
    why_none = NotRedeemed.FOREIGN_CODE if presented.form is Form.FOREIGN else NotRedeemed.UNKNOWN_CODE
    return coded or (numbered[0] if numbered else None), why_none


def attempt_of(
    asked: Redemption, voucher: Voucher | None, outcome: Given | Refusal, now: datetime, knowledge: Knowledge
) -> NewRedemption:
    """The attempt as it is kept, with its answer and what its campaign says of returns."""
    given = outcome if isinstance(outcome, Given) else None
    campaign = knowledge.campaigns.get(voucher.campaign_id) if voucher and given else None
    status = REDEEMED if given else REFUSED
    reason = REDEEMED if isinstance(outcome, Given) else str(outcome)
    answer = RedemptionAnswer(
        redemption_id=asked.redemption_id,
        status=status,
        reason=reason,
        voucher_id=voucher.voucher_id if voucher and given else None,
        given_cents=given.given_cents if given else 0,
        lines=tuple(map(line_answer, given.lines)) if given else (),
    )
    return NewRedemption(
        redemption_id=asked.redemption_id,
        asked=digest_of(asked.code, asked.basket),
        voucher_id=voucher.voucher_id if voucher else None,
        receipt_id=asked.basket.receipt_id,
        store_id=asked.basket.store_id,
        status=status,
        reason=reason,
        answer=_encoder.encode(answer),
        answered_at=now,
        given=given,
        minimum_basket_cents=campaign.minimum_basket_cents if campaign else None,
        below_minimum=campaign.below_minimum if campaign and campaign.minimum_basket_cents else None,
    )


def line_answer(line: GivenLine) -> LineAnswer:
    """A line's share as an answer tells it."""
    return LineAnswer(line.line_no, line.item_id, line.discount_cents)


def _told(answer: bytes, status: str, asked: Redemption) -> bytes:
    """The answer as this presenter may hear it: a refusal without its reason where it has no right to reasons."""
    if status != REFUSED or asked.presenter.sees_reasons:
        return answer
    return _encoder.encode(RedemptionAnswer(asked.redemption_id, REFUSED, NOT_VALID, None, 0, ()))


def redeemed_message(attempt: NewRedemption, voucher: Voucher, given: Given, now: datetime) -> OutboxMessage:
    """The event that says so."""
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

"""A checkout: read once, decide, make it durable once, answer in time from the highest tier that there is."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from libs.common.clock import Clock
from libs.common.errors import RetryableError
from libs.common.ids import derived_id
from libs.ranking.state import Moment
from services.offers.domain.campaigns.catalogue import Store
from services.offers.domain.checkout.answer import BUDGET_EXHAUSTED, PrintedReceipt, answered
from services.offers.domain.checkout.proposal import Proposal
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.decisions.decision import OFFERED, Decision, decide
from services.offers.domain.decisions.eligibility import Circumstances
from services.offers.domain.decisions.needs import NeedModel
from services.offers.domain.decisions.policy import MODEL_ID, Prior
from services.offers.handlers.campaigns.knowledge import KnowledgeKeeper
from services.offers.handlers.checkout.ladder import Ladder
from services.offers.handlers.codes import SigningRing
from services.offers.handlers.decisions.asking import Answered, Attempt, Checkout, without
from services.offers.handlers.decisions.drafting import PrintRoom, decided_message, drafts_of, proposed
from services.offers.handlers.decisions.limiting import question_of, standing_of
from services.offers.handlers.decisions.ranking import SharedRanking, Wanted
from services.offers.handlers.money.clock import MoneyClock
from services.offers.handlers.repeating import check_same
from services.offers.metrics import OffersMetrics
from services.offers.ports.checkout import (
    CheckoutReads,
    CheckoutView,
    IssueRequest,
    Issuing,
    KnownCustomer,
)

ANSWER_SECONDS = 0.02
"""Of the deadline, what is kept for making and sending the answer."""
DECISIONS = 3
"""At most, where brakes are pulled between reading and issuing."""


class _Asked(msgspec.Struct, frozen=True):
    """A checkout with the tier at which it is decided, and why that one."""

    checkout: Checkout
    store: Store
    now: datetime
    view: CheckoutView
    personal: KnownCustomer | None
    reason: str
    model: NeedModel
    """The newest at that time: whoever ranks beside others may see another one come."""

    @property
    def customer_id(self) -> str | None:
        return self.personal.customer_id if self.personal else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutDesk:
    """Answers checkouts. In a play memory is brought up to date before it decides, so that the play can be repeated."""

    reads: CheckoutReads
    issuing: Issuing
    keeper: KnowledgeKeeper
    codes: CodeKey
    signing: SigningRing
    clock: Clock
    money_clock: MoneyClock
    metrics: OffersMetrics
    fresh_within: timedelta
    print_room: PrintRoom
    ladder: Ladder
    prior: Prior = field(default_factory=Prior)
    ranking: SharedRanking = field(default_factory=SharedRanking)

    async def answer(self, checkout: Checkout, accepted_seconds: float) -> bytes:
        """The answer's JSON in time, whatever is down or slow, from a monotonic start; raises InvalidInput where the id was another's."""
        passed = self.clock.monotonic_seconds() - accepted_seconds
        left = checkout.deadline_seconds - passed - min(ANSWER_SECONDS, checkout.deadline_seconds / 4)
        tier, reason, body = await self.ladder.answered(checkout, left, self._decided)
        took = self.clock.monotonic_seconds() - accepted_seconds
        self.metrics.counted(self.metrics.checkouts, str(tier), reason).inc()
        self.metrics.timed(self.metrics.decision_seconds, str(tier)).observe(took)
        if took > checkout.deadline_seconds:
            self.metrics.late.inc()
        return body

    async def _decided(self, checkout: Checkout, attempt: Attempt) -> Answered:
        customer_id = derived_id("customer", checkout.identifier) if checkout.identifier else None
        attempt.customer_id = customer_id
        looked_at = self.money_clock.now(stated=checkout.occurred_at, reached=None)
        question = question_of(self.keeper.knowledge, checkout.checkout_id, customer_id, checkout.store_id, looked_at)
        view = await self.reads.read(question)
        if view.stored is not None:
            return self._repeated(checkout, view.stored, view)
        if not self.keeper.saw(view.revisions) and (self.money_clock.play_mode or not self.keeper.knowledge.loaded):
            await self.keeper.catch_up(view.revisions)
            view = await self.reads.read(question)
        store = self.keeper.knowledge.stores.get(checkout.store_id)
        if store is None:
            return without(checkout, "unknown-store")
        if view.customer is not None:
            attempt.customer_id = view.customer.customer_id
        for _ in range(DECISIONS):
            asked = self._tiered(checkout, store, view)
            proposal, request = self._request(asked, await self._wanted(asked))
            granted = await self._issued(request, attempt)
            if granted is not None:
                return self._answered(proposal, granted)
            view = await self.reads.read(question)
            if view.stored is not None:
                return self._repeated(checkout, view.stored, view)
            self.metrics.brakes.decided_again.inc()
        return without(checkout, "undecided")

    async def _issued(self, request: IssueRequest, attempt: Attempt) -> Sequence[int] | None:
        try:
            attempt.committing_at = request.decided_at
            return await self.issuing.issue(request)
        except (asyncio.CancelledError, RetryableError):
            self.metrics.outcome_unknown.inc()
            raise

    def _tiered(self, checkout: Checkout, store: Store, view: CheckoutView) -> _Asked:
        now = self.money_clock.now(stated=checkout.occurred_at, reached=view.reached_at)
        why_not = self._why_not_personal(checkout, view)
        personal, model = None if why_not else view.customer, self.keeper.knowledge.model
        return _Asked(checkout, store, now, view, personal, why_not or OFFERED, model)

    def _why_not_personal(self, checkout: Checkout, view: CheckoutView) -> str | None:
        """Why this customer's own profile must not be used, or None when it may."""
        if checkout.identifier is None:
            return "no-identifier"
        if view.customer is None:
            return "unknown-customer"
        # Consent is known only as far as the feed is: one that lags may hide a withdrawal. Server time on both sides.
        fresh_at = view.snapshots_fresh_at
        if fresh_at is None or self.clock.now() - fresh_at > self.fresh_within:
            return "stale-profile"
        return None if view.customer.personal_offers else "no-consent"

    def _request(self, asked: _Asked, wanted: Wanted) -> tuple[Proposal, IssueRequest]:
        checkout, knowledge = asked.checkout, self.keeper.knowledge
        decision = decide(
            knowledge.rosters.at(checkout.store_id, checkout.currency, asked.now),
            wanted.needs(knowledge),
            Circumstances(
                customer_id=asked.customer_id,
                holdout_key=asked.customer_id or checkout.checkout_id,
                store_id=checkout.store_id,
                currency=checkout.currency,
                tier=0 if asked.personal else 1,
                now=asked.now,
                open_complaint=asked.personal.open_complaint if asked.personal else False,
                past=asked.view.past if asked.personal else (),
                standing=standing_of(asked.store, asked.now, asked.personal, asked.view),
                brakes=asked.view.brakes,
            ),
            slots=checkout.slots,
            seed=checkout.checkout_id,
            prior=self.prior,
        )
        for refusal, count in decision.refusals.items():
            self.metrics.counted(self.metrics.refusals, refusal).inc(count)
        proposal = self._proposal(asked, decision)
        request = IssueRequest(
            proposal=proposal,
            receipt_id=checkout.receipt_id,
            store_id=checkout.store_id,
            customer_id=asked.customer_id,
            decided_at=asked.now,
            message=decided_message(
                proposal,
                decision,
                receipt_id=checkout.receipt_id,
                store_id=checkout.store_id,
                customer_id=asked.customer_id,
                now=asked.now,
            ),
            drafts=drafts_of(proposal, decision, checkout.receipt_id, checkout.store_id, asked.customer_id, self.codes),
            asked=checkout.asked,
        )
        return proposal, request

    async def _wanted(self, asked: _Asked) -> Wanted:
        moment, basket = self._moment(asked), asked.checkout.item_ids
        wanted = await self.ranking.wanted(asked.model, asked.personal, moment, basket)
        there = asked.view.there
        return wanted.where(
            await self.reads.there(asked.store.store_id, wanted.likely.item_ids) if there is None else there
        )

    def _moment(self, asked: _Asked) -> Moment:
        offset = asked.now.astimezone(asked.store.zone).utcoffset() or timedelta(0)
        return Moment(
            at_seconds=int(asked.now.timestamp()),
            store_id=asked.checkout.store_id,
            kind="till",
            utc_offset_minutes=int(offset.total_seconds() // 60),
        )

    def _proposal(self, asked: _Asked, decision: Decision) -> Proposal:
        knowledge, checkout = self.keeper.knowledge, asked.checkout
        at = self.print_room.occasion(asked.store, asked.now, checkout.language)
        return Proposal(
            checkout_id=checkout.checkout_id,
            decision_id=derived_id("decision", checkout.checkout_id),
            tier=0 if asked.personal else 1,
            reason=asked.reason if decision.chosen else decision.reason,
            group=decision.group,
            model_id=f"{asked.model.model_id}/{MODEL_ID}",
            columns=checkout.columns,
            vouchers=proposed(decision.chosen, checkout.checkout_id, checkout.currency, at, knowledge),
            printing=at.printing(len(decision.chosen)),
        )

    def _answered(self, proposal: Proposal, granted: Sequence[int]) -> Answered:
        for voucher in proposal.vouchers:
            if voucher.slot in granted:
                self.metrics.counted(self.metrics.issued, voucher.campaign_id, str(proposal.tier)).inc()
        reason = proposal.reason if granted or not proposal.vouchers else BUDGET_EXHAUSTED
        body, receipt = self._body(proposal, granted)
        self.metrics.paper(receipt.printing, receipt.paper_mm, receipt.saved_mm)
        return Answered(proposal.tier, reason, body)

    def _body(self, proposal: Proposal, granted: Sequence[int]) -> tuple[bytes, PrintedReceipt]:
        return answered(proposal, granted, self.codes, lambda: self.signing.keys)

    def _repeated(self, checkout: Checkout, stored: Proposal, view: CheckoutView) -> Answered:
        check_same(view.asked, checkout.asked, "checkout_id")
        self.metrics.repeats.inc()
        return Answered(stored.tier, "repeat", self._body(stored, view.granted)[0])

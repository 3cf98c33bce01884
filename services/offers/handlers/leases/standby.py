"""Tier 2: a voucher that was leased ahead of time, in the journal before the till hears of it, in the books when there is a database.

It is nobody's in particular: chosen by what everybody buys, with the basket in hand left out. Holdouts are respected.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from libs.common.ids import derived_id
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.campaigns.catalogue import Store
from services.offers.domain.checkout.answer import answered
from services.offers.domain.checkout.proposal import Proposal, ProposedVoucher
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.decisions.decision import Chosen, Decision, decide
from services.offers.domain.decisions.eligibility import Circumstances
from services.offers.domain.decisions.needs import by_category
from services.offers.domain.decisions.policy import MODEL_ID, Prior
from services.offers.domain.decisions.roster import Roster
from services.offers.domain.leases import LEASE_TIER, LEASED_AS, is_leasable, narrowed
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.handlers.codes import SigningRing
from services.offers.handlers.decisions.asking import Answered, Attempt, Checkout
from services.offers.handlers.decisions.drafting import PrintRoom, decided_message, drafts_of, proposed_of_lease
from services.offers.handlers.leases.pool import LeasePool
from services.offers.handlers.money.clock import MoneyClock
from services.offers.handlers.repeating import check_same
from services.offers.metrics import OffersMetrics
from services.offers.ports.leases import HandedOut, HandOutJournal

MayBeGiven = Callable[[Campaign, str | None], bool]
"""Whether nothing speaks against a campaign but its own terms, in a store (None: anywhere): asked before leasing and handing out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """Answers from the pool of a process."""

    pool: LeasePool
    journal: HandOutJournal
    knowledge: Knowledge
    codes: CodeKey
    signing: SigningRing
    money_clock: MoneyClock
    metrics: OffersMetrics
    print_room: PrintRoom
    may_be_given: MayBeGiven
    prior: Prior = field(default_factory=Prior)
    _under_way: dict[str, asyncio.Event] = field(default_factory=dict, init=False, compare=False, repr=False)
    """Checkouts that are being answered; set when that is over."""

    @property
    def ready(self) -> bool:
        """Whether there is anything to hand out, and a journal to keep it in."""
        return bool(self.pool) and self.journal.usable

    def told(self, checkout: Checkout) -> Answered | None:
        """What this checkout was told from leases, as long as the database does not know it.

        Raises InvalidInput for another question under its id.
        """
        handed = self.journal.waiting.get(checkout.checkout_id)
        if handed is None:
            return None
        check_same(handed.asked, checkout.asked, "checkout_id")
        self.metrics.repeats.inc()
        return Answered(LEASE_TIER, "repeat", self._body(handed.proposal))

    async def hand_out(self, checkout: Checkout, why: str, attempt: Attempt) -> Answered | None:
        """The answer with leased vouchers, once the journal has it; None when there is nothing for this checkout.

        `why` is the reason that it gives. Asked twice at a time, the second waits for what the first is told. Raises RetryableError,
        and InvalidInput as `told` does. Given up in between, the vouchers stay reserved until the lease is looked through.
        """
        while other := self._under_way.get(checkout.checkout_id):
            await other.wait()
        told = self.told(checkout)
        if told is not None:
            return told
        over = self._under_way[checkout.checkout_id] = asyncio.Event()
        try:
            return await self._handed_out(checkout, why, attempt)
        finally:
            del self._under_way[checkout.checkout_id]
            over.set()

    async def _handed_out(self, checkout: Checkout, why: str, attempt: Attempt) -> Answered | None:
        store = self.knowledge.stores.get(checkout.store_id)
        if store is None:
            return None
        now = self.money_clock.now(stated=None, reached=None)
        decision = self._decision(checkout, attempt, now)
        try:
            vouchers, chosen = self._taken(checkout, store, decision, now)
            if not vouchers:
                return None
            handed = self._handed(checkout, (vouchers, chosen, decision), why, (now, attempt.committing_at))
            body = self._body(handed.proposal)
            await self.journal.append(handed)
        except BaseException:
            self.pool.whole = False
            raise
        for voucher in vouchers:
            self.metrics.issued.labels(voucher.campaign_id, str(LEASE_TIER)).inc()
        return Answered(LEASE_TIER, why, body)

    def _decision(self, checkout: Checkout, attempt: Attempt, now: datetime) -> Decision:
        knowledge = self.knowledge
        customer_id = attempt.customer_id
        if customer_id is None and checkout.identifier:
            customer_id = derived_id("customer", checkout.identifier)
        needs = by_category(
            knowledge.model.popular(set(checkout.item_ids)), knowledge.items, knowledge.prior_item_ids, ()
        )
        return decide(
            Roster.of(self._pooled(checkout.store_id, now), checkout.store_id, checkout.currency, now),
            needs,
            Circumstances(
                customer_id=None,
                holdout_key=customer_id or checkout.checkout_id,
                store_id=checkout.store_id,
                currency=checkout.currency,
                tier=LEASED_AS,
                now=now,
            ),
            slots=checkout.slots,
            seed=checkout.checkout_id,
            prior=self.prior,
        )

    def _pooled(self, store_id: str, now: datetime) -> Mapping[str, Campaign]:
        """The campaigns that there are leases of, for the categories that there are leases for."""
        found = {}
        for campaign_id, categories in self.pool.categories(now).items():
            campaign = self.knowledge.campaigns.get(campaign_id)
            if campaign is not None and is_leasable(campaign) and self.may_be_given(campaign, store_id):
                found[campaign_id] = narrowed(campaign, categories)
        return found

    def _taken(
        self, checkout: Checkout, store: Store, decision: Decision, now: datetime
    ) -> tuple[Sequence[ProposedVoucher], Sequence[Chosen]]:
        """Leases for what was chosen, out of the pool; where the store changes a campaign's terms there are none."""
        at = self.print_room.occasion(store, now, checkout.language)
        vouchers, chosen = list[ProposedVoucher](), list[Chosen]()
        for each in decision.chosen:
            offer = each.choice.offer
            lease = self.pool.take(offer.campaign_id, offer.category, each.terms, checkout.currency, now)
            if lease is not None:
                vouchers.append(proposed_of_lease(lease, len(vouchers) + 1, each, at, self.knowledge))
                chosen.append(each)
        return vouchers, chosen

    def _handed(
        self,
        checkout: Checkout,
        made: tuple[Sequence[ProposedVoucher], Sequence[Chosen], Decision],
        why: str,
        times: tuple[datetime, datetime | None],
    ) -> HandedOut:
        vouchers, chosen, decision = made
        now, gave_up_at = times
        at = self.print_room.occasion(self.knowledge.stores[checkout.store_id], now, checkout.language)
        proposal = Proposal(
            checkout_id=checkout.checkout_id,
            decision_id=derived_id("decision", checkout.checkout_id, vouchers[0].voucher_id),
            tier=LEASE_TIER,
            reason=why,
            group=decision.group,
            model_id=f"{self.knowledge.model.model_id}/{MODEL_ID}",
            columns=checkout.columns,
            vouchers=tuple(vouchers),
            printing=at.printing(len(vouchers)),
        )
        given = Decision(
            group=decision.group,
            reason=why,
            chosen=tuple(chosen),
            alternatives=decision.alternatives,
            refusals=decision.refusals,
        )
        receipt_id, store_id = checkout.receipt_id, checkout.store_id
        return HandedOut(
            proposal=proposal,
            receipt_id=receipt_id,
            store_id=store_id,
            asked=checkout.asked,
            handed_at=now,
            gave_up_at=gave_up_at,
            decided=decided_message(
                proposal, given, receipt_id=receipt_id, store_id=store_id, customer_id=None, now=now
            ),
            issued=tuple(draft.message for draft in drafts_of(proposal, given, receipt_id, store_id, None, self.codes)),
        )

    def _body(self, proposal: Proposal) -> bytes:
        slots = [voucher.slot for voucher in proposal.vouchers]
        return answered(proposal, slots, self.codes, lambda: self.signing.keys)[0]

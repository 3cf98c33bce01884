"""Leasing ahead of time: fills a process's pool, gives back what is not needed, and binds what was handed out."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from libs.common.ids import random_id
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.campaigns.terms import Terms
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.decisions.eligibility import Circumstances, eligible
from services.offers.domain.decisions.needs import CategoryNeed, by_category
from services.offers.domain.decisions.policy import Prior, distribution
from services.offers.domain.leases import (
    LEASED_AS,
    Binding,
    Lease,
    LeaseLimits,
    is_leasable,
    latest_end,
    settle,
)
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.handlers.leases.facts import facts_of, told
from services.offers.handlers.leases.pool import LeasePool
from services.offers.handlers.leases.standby import MayBeGiven
from services.offers.handlers.money.clock import MoneyClock
from services.offers.metrics import OffersMetrics
from services.offers.ports.campaigns.knowledge import Revisions
from services.offers.ports.leases import HandedOut, HandOutJournal, LeaseStore, NewLease

CATEGORIES_LEASED = 3
"""Of a campaign: the ones that it pays best to give it for."""
BOUND_TOGETHER = 100
"""Hand-outs that one round binds, so that the till's own questions have their turns."""
_UNCHANGED = 30
"""Times as seldom is the pool looked through when nothing has changed."""
_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class LeaseKeeper:
    """One loop calls `look`; nobody else changes the leases of this process in the database."""

    begin: Callable[[], AbstractAsyncContextManager[LeaseStore]]
    pool: LeasePool
    journal: HandOutJournal
    knowledge: Knowledge
    codes: CodeKey
    money_clock: MoneyClock
    limits: LeaseLimits
    metrics: OffersMetrics
    may_be_given: MayBeGiven
    fit_seconds: float
    """How often the pool is compared with the campaigns."""
    prior: Prior = field(default_factory=Prior)
    _fitted_at_seconds: float = -math.inf
    _fitted: tuple[Revisions, int] | None = None

    async def look(self) -> int:
        """One round; returns how many hand-outs it bound. Raises RetryableError: the next round goes on where it ended."""
        self.metrics.ladder.hand_outs_waiting.set(len(self.journal.waiting))
        self.metrics.ladder.leases_free.set(len(self.pool))
        self.metrics.ladder.lease_journal_usable.set(self.journal.usable)
        waiting = list(self.journal.waiting.values())[:BOUND_TOGETHER]
        if waiting:
            await self._bind_all(waiting)
        elif self.knowledge.loaded and self._is_due():
            whole, self.pool.whole = self.pool.whole, True
            try:
                if not whole:
                    await self._take_stock()
                await self._fit(self.money_clock.now(stated=None, reached=None))
                self._fitted_at_seconds = self.money_clock.clock.monotonic_seconds()
                self._fitted = self._state
            except BaseException:
                self.pool.whole = False  # who knows what was done
                raise
        return len(waiting)

    def _is_due(self) -> bool:
        """At once when something has changed, though not at every look; else now and then, since time passes."""
        passed = self.money_clock.clock.monotonic_seconds() - self._fitted_at_seconds
        changed = self._fitted != self._state or not self.pool.whole
        return passed >= (self.fit_seconds if changed else self.fit_seconds * _UNCHANGED)

    @property
    def _state(self) -> tuple[Revisions, int]:
        return self.knowledge.revisions, len(self.pool)

    async def _bind_all(self, waiting: Sequence[HandedOut]) -> None:
        """Those that nobody has decided in one go, the others each by itself."""
        async with self.begin() as store:
            bound = await store.bind_new(waiting)
            new = [handed for handed in waiting if handed.checkout_id in bound]
            await store.tell([each for handed in new for each in facts_of(handed, bound[handed.checkout_id])])
        for handed in waiting:
            if handed.checkout_id in bound:
                self._note(handed, Binding.NEW, bound[handed.checkout_id])
            else:
                await self._bind(handed)

    async def _bind(self, handed: HandedOut) -> None:
        async with self.begin() as store:
            found = await store.decide(handed)
            settled = settle(
                handed.proposal.decision_id, handed.slots, handed.gave_up_at, found, await store.standing(handed)
            )
            voided = await store.void(settled.void, handed, handed.handed_at) if settled.void else []
            if settled.binding is Binding.REPLACED:
                await store.replace(handed)
            for voucher_id, slot in settled.slots.items():
                await store.bind(handed, voucher_id, slot)
            await store.tell(told(handed, settled, voided))
        self._note(handed, settled.binding, settled.slots.keys())

    def _note(self, handed: HandedOut, binding: Binding, voucher_ids: Collection[str]) -> None:
        self.journal.bound(handed.checkout_id)
        self.metrics.ladder.hand_outs_bound.labels(binding).inc()
        if binding is not Binding.DONE and set(voucher_ids) != handed.slots.keys():
            _log.error("vouchers that were handed out are not in the books", checkout_id=handed.checkout_id)
        if binding is Binding.BESIDE:
            _log.warning("a checkout has vouchers of two answers", checkout_id=handed.checkout_id)

    async def _take_stock(self) -> None:
        async with self.begin() as store:
            leased = await store.leased(self.journal.pod_id)
        here = {lease.voucher_id for lease in self.pool}.union(self.journal.spoken_for)
        self.pool.put(lease for lease in leased if lease.voucher_id not in here)

    async def _fit(self, now: datetime) -> None:
        """Give back what is stale, let last what is old, lease what is missing."""
        wanted = self._wanted(now)
        stale = self.pool.withdraw(lambda lease: not self._still_meant(lease, wanted, now))
        if stale:
            async with self.begin() as store:
                await store.give_back(self.journal.pod_id, [lease.voucher_id for lease in stale], now)
        await self._extend(wanted, now)
        for campaign, terms in wanted.values():
            await self._top_up(campaign, terms, now)

    def _wanted(self, now: datetime) -> Mapping[str, tuple[Campaign, Terms]]:
        """The campaigns that tier 2 may give, with what they promise where no store says otherwise."""
        found = {}
        for campaign_id, campaign in sorted(self.knowledge.campaigns.items()):
            terms = campaign.in_store("", campaign.currency)
            running = campaign.runs_at(now) and is_leasable(campaign) and self.may_be_given(campaign, None)
            if terms is not None and running:
                found[campaign_id] = campaign, terms
        return found

    def _still_meant(self, lease: Lease, wanted: Mapping[str, tuple[Campaign, Terms]], now: datetime) -> bool:
        if lease.campaign_id not in wanted or now >= lease.leased_until:
            return False
        campaign, terms = wanted[lease.campaign_id]
        return campaign.targets(lease.category) and lease.promises(terms, campaign.currency)

    async def _extend(self, wanted: Mapping[str, tuple[Campaign, Terms]], now: datetime) -> None:
        """Those of which half the time is over; they stay at hand meanwhile, since there may be no database."""
        old = [lease for lease in self.pool if lease.leased_until - now < self.limits.lasting / 2]
        if not old:
            return
        until = now + self.limits.lasting
        longer = []
        for lease in old:
            campaign, terms = wanted[lease.campaign_id]
            ends_at = latest_end(until, campaign, terms.validity_days)
            longer.append(replace(lease, leased_until=until, expires_at=max(lease.expires_at, ends_at)))
        async with self.begin() as store:
            await store.extend(self.journal.pod_id, longer)
        extended = {lease.voucher_id for lease in longer}
        still_here = {lease.voucher_id for lease in self.pool.withdraw(lambda lease: lease.voucher_id in extended)}
        self.pool.put(lease for lease in longer if lease.voucher_id in still_here)

    async def _top_up(self, campaign: Campaign, terms: Terms, now: datetime) -> None:
        there = sum(lease.campaign_id == campaign.campaign_id for lease in self.pool)
        missing = self.limits.wanted(campaign, terms) - there
        needs = self._needs(campaign, terms, now) if missing > 0 else ()
        if not needs:
            return
        made = [self._new(campaign, terms, needs[place % len(needs)], now) for place in range(missing)]
        async with self.begin() as store:
            reserved = await store.lease(self.journal.pod_id, campaign, made, now)
        self.pool.put(each.lease for each in made if each.lease.voucher_id in set(reserved))

    def _needs(self, campaign: Campaign, terms: Terms, now: datetime) -> Sequence[CategoryNeed]:
        """What anybody may want, of what the campaign may be given for; best first."""
        knowledge = self.knowledge
        needs = by_category(knowledge.model.popular(()), knowledge.items, knowledge.prior_item_ids, ())
        for_all = campaign.model_copy(update={"holdout_ratio": 0.0})
        at = Circumstances(
            customer_id=None, holdout_key="", store_id="", currency=campaign.currency, tier=LEASED_AS, now=now
        )
        found = eligible([(for_all, terms)], needs, at, self.prior)
        best = sorted(
            distribution(found.offers, self.prior), key=lambda choice: (-choice.score_cents, choice.offer.key)
        )
        return [found.needs[choice.offer.category] for choice in best[:CATEGORIES_LEASED]]

    def _new(self, campaign: Campaign, terms: Terms, need: CategoryNeed, now: datetime) -> NewLease:
        voucher_id, until = random_id(), now + self.limits.lasting
        numbered = campaign.numbered
        number = numbered.number_of(voucher_id, self.codes) if numbered else None
        return NewLease(
            lease=Lease(
                voucher_id=voucher_id,
                campaign_id=campaign.campaign_id,
                category=need.category,
                terms=terms,
                currency=campaign.currency,
                leased_until=until,
                expires_at=latest_end(until, campaign, terms.validity_days),
            ),
            code_lookup=self.codes.lookup_of(self.codes.code_of(voucher_id)),
            number_lookup=self.codes.number_lookup_of(numbered.kind, number) if numbered and number else None,
            item_ids=need.item_ids,
        )

"""From a decision to what is stored, sent and printed: proposals, drafts of vouchers, events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from libs.common.contracts import new_event
from libs.common.contracts.offers import Alternative, Decided, VoucherIssued
from libs.common.contracts.topics import OFFERS_DECISIONS
from libs.common.contracts.written import written
from libs.common.ids import derived_id
from libs.common.persistence import OutboxMessage
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.campaigns.catalogue import Store
from services.offers.domain.campaigns.terms import Terms
from services.offers.domain.campaigns.validity import end_of, last_day_before, last_opening_day
from services.offers.domain.checkout.answer import number_of
from services.offers.domain.checkout.proposal import NumberedBy, Proposal, ProposedVoucher, SignedFor
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.decisions.decision import Chosen, Decision
from services.offers.domain.decisions.policy import Choice
from services.offers.domain.leases import Lease
from services.offers.domain.receipts.printing import Printing, PrintPolicies, PrintPolicy
from services.offers.domain.receipts.promises import said
from services.offers.domain.receipts.wording import Voice, Wording
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.handlers.vouchers.facts import SOURCE, voucher_message
from services.offers.ports.checkout import Draft

_EXAMPLES = 2
_MANNERS = 1_000
"""Kept at a time: languages and countries of a day, and in a play of the days before."""
_DECIDED, _ALTERNATIVE, _ISSUED = written(Decided), written(Alternative), written(VoucherIssued)


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Where, when, in which words and under which print policy something is offered."""

    store: Store
    now: datetime
    day: date
    """Of the store's calendar."""
    manner: "Manner"

    @property
    def voice(self) -> Voice:
        """Its words."""
        return self.manner.voice

    def printing(self, slots: int) -> Printing:
        """How so many coupons are printed."""
        return self.manner.printing(slots)


@dataclass(frozen=True, slots=True)
class Manner:
    """How customers of a language are spoken to in a country on one day, and what is printed for them."""

    voice: Voice
    policy: PrintPolicy
    _printings: dict[int, Printing] = field(default_factory=dict)

    def printing(self, slots: int) -> Printing:
        """How so many coupons are printed; said once."""
        found = self._printings.get(slots)
        if found is None:
            found = self._printings[slots] = Printing.of(self.policy, self.voice, slots)
        return found


@dataclass(frozen=True, slots=True)
class PrintRoom:
    """What there is to say in which language, and what may be printed where."""

    wording: Wording
    policies: PrintPolicies
    _manners: dict[tuple[str, str | None, date], Manner] = field(default_factory=dict)

    def occasion(self, store: Store, now: datetime, language: str | None) -> Occasion:
        """Words and policy for a customer of this store on this day of its calendar."""
        day = now.astimezone(store.zone).date()
        manner = self._manners.get((store.country, language, day))
        if manner is None:
            manner = Manner(self.wording.voice(language, store.country), self.policies.on(day, store.country))
            if len(self._manners) >= _MANNERS:
                self._manners.clear()
            self._manners[store.country, language, day] = manner
        return Occasion(store=store, now=now, day=day, manner=manner)


def proposed(
    chosen: Sequence[Chosen], checkout_id: str, currency: str, at: Occasion, knowledge: Knowledge
) -> tuple[ProposedVoucher, ...]:
    """What the chosen offers say to the customer of this store at this time, in their slots."""
    return tuple(
        _proposed(derived_id("voucher", checkout_id, str(slot)), slot, each, currency, at, knowledge)
        for slot, each in enumerate(chosen, 1)
    )


def proposed_of_lease(lease: Lease, slot: int, chosen: Chosen, at: Occasion, knowledge: Knowledge) -> ProposedVoucher:
    """What a leased voucher says when it is handed out; it ends with a whole day of the store's calendar, within its lease."""
    usual = _proposed(lease.voucher_id, slot, chosen, lease.currency, at, knowledge)
    if usual.expires_at <= lease.expires_at:
        return usual
    day = last_day_before(lease.expires_at, at.store.time_zone) - timedelta(days=1)
    return msgspec.structs.replace(
        usual, expires_at=end_of(day, at.store.time_zone), last_day=day, valid_through=at.voice.valid_through(day)
    )


def _proposed(
    voucher_id: str, slot: int, chosen: Chosen, currency: str, at: Occasion, knowledge: Knowledge
) -> ProposedVoucher:
    store, voice = at.store, at.voice
    offer, terms, need = chosen.choice.offer, chosen.terms, chosen.need
    campaign = knowledge.campaigns[offer.campaign_id]
    expires_at = end_of(_last_day(campaign, terms, at), store.time_zone)
    printed_day = last_day_before(expires_at, store.time_zone)
    such_as = tuple(knowledge.items[item_id].name for item_id in need.item_ids[:_EXAMPLES])
    headline, note = said(terms, voice, currency, offer.category)
    return ProposedVoucher(
        slot=slot,
        voucher_id=voucher_id,
        campaign_id=offer.campaign_id,
        title=campaign.title_in(voice.language),
        category=offer.category,
        item_ids=need.item_ids,
        such_as=such_as,
        kind=terms.kind,
        headline=headline,
        note=note,
        greatest_value_cents=terms.greatest_value_cents,
        currency=currency,
        valid_from=at.now,
        expires_at=expires_at,
        last_day=printed_day,
        propensity_ratio=chosen.choice.propensity_ratio,
        reasons=tuple(need.reasons[:]),  # one look: each costs as much as the rest of this
        numbered=_numbered(campaign),
        signed_for=_signed_for(campaign, terms, store),
        such_as_line=voice.such_as(such_as),
        valid_through=voice.valid_through(printed_day),
    )


def _last_day(campaign: Campaign, terms: Terms, at: Occasion) -> date:
    if campaign.validity_counts == "opening_days":
        return last_opening_day(at.now, at.store.time_zone, terms.validity_days, at.store.closed)
    return at.day + timedelta(days=terms.validity_days)


def _signed_for(campaign: Campaign, terms: Terms, store: Store) -> SignedFor | None:
    if campaign.signed is None:
        return None
    return SignedFor(percent=terms.percent or 0, store_id=store.store_id if campaign.signed == "store" else "")


def _numbered(campaign: Campaign) -> NumberedBy | None:
    by = campaign.numbered
    return NumberedBy(kind=by.kind, prefix=by.prefix) if by else None


def drafts_of(
    proposal: Proposal, decision: Decision, receipt_id: str, store_id: str, customer_id: str | None, codes: CodeKey
) -> Sequence[Draft]:
    """The rows and events of a proposal's vouchers."""
    drafts = []
    for voucher, chosen in zip(proposal.vouchers, decision.chosen, strict=True):
        number = number_of(voucher, codes)
        issued = _ISSUED(
            voucher_id=voucher.voucher_id,
            campaign_id=voucher.campaign_id,
            customer_id=customer_id,
            receipt_id=receipt_id,
            store_id=store_id,
            currency=voucher.currency,
            checkout_id=proposal.checkout_id,
            category=voucher.category,
            item_ids=voucher.item_ids,
            kind=chosen.terms.kind,
            greatest_value_cents=voucher.greatest_value_cents,
            valid_from=voucher.valid_from,
            expires_at=voucher.expires_at,
            tier=proposal.tier,
            redemption_ratio=Decimal(f"{min(chosen.redemption_ratio, 1.0):.4f}"),
        )
        drafts.append(
            Draft(
                slot=voucher.slot,
                voucher_id=voucher.voucher_id,
                code_lookup=codes.lookup_of(codes.code_of(voucher.voucher_id)),
                number_lookup=codes.number_lookup_of(number.kind, number.digits) if number else None,
                campaign_id=voucher.campaign_id,
                category=voucher.category,
                item_ids=voucher.item_ids,
                terms=chosen.terms,
                currency=voucher.currency,
                propensity_ratio=voucher.propensity_ratio,
                valid_from=voucher.valid_from,
                expires_at=voucher.expires_at,
                message=voucher_message(issued, f"{voucher.voucher_id}:issued", voucher.valid_from),
                claims=chosen.claims,
            )
        )
    return drafts


def decided_message(
    proposal: Proposal, decision: Decision, *, receipt_id: str, store_id: str, customer_id: str | None, now: datetime
) -> OutboxMessage:
    """The decision's event: what could have been, what was chosen, with which chances."""
    decided = _DECIDED(
        decision_id=proposal.decision_id,
        checkout_id=proposal.checkout_id,
        receipt_id=receipt_id,
        customer_id=customer_id,
        store_id=store_id,
        tier=proposal.tier,
        reason=proposal.reason,
        group=decision.group,
        model_id=proposal.model_id,
        chosen=tuple(voucher.campaign_id for voucher in proposal.vouchers),
        alternatives=tuple(_alternative(choice) for choice in decision.alternatives),
    )
    event = new_event(decided, event_id=proposal.decision_id, source=SOURCE, occurred_at=now)
    return OutboxMessage.of(event, OFFERS_DECISIONS)


def _alternative(choice: Choice) -> Any:
    return _ALTERNATIVE(
        campaign_id=choice.offer.campaign_id,
        category=choice.offer.category,
        propensity_ratio=choice.propensity_ratio,
        score=choice.score_cents,
    )

"""Decisions to be made durable, without a decision: what the group commit is asked, for laws of money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.common.persistence import OutboxMessage
from services.offers.domain.campaigns.terms import AmountOff, Terms
from services.offers.domain.checkout.proposal import Proposal
from services.offers.domain.money.limits import Claim
from services.offers.ports.checkout import Draft, IssueRequest
from tests.support.offers_running import CODES


@dataclass(frozen=True)
class Wanted:
    """A voucher that somebody asks for."""

    voucher_id: str
    campaign_id: str
    cents: int
    expires_at: datetime
    claims: Sequence[Claim] = ()


def an_issue_request(checkout_id: str, wanted: Sequence[Wanted], now: datetime) -> IssueRequest:
    """A decision for these vouchers, a slot each; a voucher's event says `issued` and no more."""
    return IssueRequest(
        proposal=Proposal(checkout_id, f"decision-{checkout_id}", 0, "offered", "treated", "model", 42),
        receipt_id=f"receipt-{checkout_id}",
        store_id="store-1",
        customer_id=None,
        decided_at=now,
        message=_message("offers.decisions.v1", checkout_id),
        drafts=[_draft(slot, one, now) for slot, one in enumerate(wanted, 1)],
    )


def _draft(slot: int, wanted: Wanted, now: datetime) -> Draft:
    cents = wanted.cents
    return Draft(
        slot=slot,
        voucher_id=wanted.voucher_id,
        code_lookup=CODES.lookup_of(CODES.code_of(wanted.voucher_id)),
        campaign_id=wanted.campaign_id,
        category="milk",
        item_ids=("milk-1", "milk-2"),
        terms=Terms(promise=AmountOff(amount_cents=cents), greatest_value_cents=cents, validity_days=1),
        currency="USD",
        propensity_ratio=0.5,
        valid_from=now,
        expires_at=wanted.expires_at,
        message=_message("offers.vouchers.v1", wanted.voucher_id),
        claims=wanted.claims,
    )


def _message(topic: str, key: str) -> OutboxMessage:
    return OutboxMessage(topic=topic, key=key.encode(), headers=(), value=b'{"issued":1}')

"""The shapes of what offers holds of a customer, as an export shows them."""

from datetime import datetime

import msgspec

from services.offers.ports.privacy import StoredDecision, StoredVoucher


class OfferedVoucher(msgspec.Struct, frozen=True):
    """One voucher that a decision proposed, and what spoke for it."""

    voucher_id: str
    campaign_id: str
    title: str
    category: str
    item_ids: tuple[str, ...]
    headline: str
    reasons: tuple[str, ...]
    propensity_ratio: float


class DecisionView(msgspec.Struct, frozen=True):
    """One decision with its reason: at which tier, in which group, by which model."""

    decision_id: str
    checkout_id: str
    receipt_id: str
    store_id: str
    decided_at: datetime
    tier: int
    reason: str
    group: str
    model_id: str
    offered: tuple[OfferedVoucher, ...]


class VoucherView(msgspec.Struct, frozen=True):
    """One voucher and what became of it; never its code."""

    voucher_id: str
    campaign_id: str
    receipt_id: str
    store_id: str
    category: str
    item_ids: tuple[str, ...]
    state: str
    greatest_value_cents: int
    given_cents: int
    currency: str
    valid_from: datetime
    expires_at: datetime
    redeemed_on: tuple[str, ...]
    """The receipts that it gave on."""


class History(msgspec.Struct, frozen=True):
    """All decisions and vouchers of one customer id, newest first."""

    customer_id: str
    decisions: tuple[DecisionView, ...]
    vouchers: tuple[VoucherView, ...]


def decision_view(stored: StoredDecision) -> DecisionView:
    """The decision as it was made."""
    proposal = stored.proposal
    return DecisionView(
        decision_id=proposal.decision_id,
        checkout_id=proposal.checkout_id,
        receipt_id=stored.receipt_id,
        store_id=stored.store_id,
        decided_at=stored.decided_at,
        tier=proposal.tier,
        reason=proposal.reason,
        group=proposal.group,
        model_id=proposal.model_id,
        offered=tuple(
            OfferedVoucher(
                voucher_id=voucher.voucher_id,
                campaign_id=voucher.campaign_id,
                title=voucher.title,
                category=voucher.category,
                item_ids=voucher.item_ids,
                headline=voucher.headline,
                reasons=voucher.reasons,
                propensity_ratio=voucher.propensity_ratio,
            )
            for voucher in proposal.vouchers
        ),
    )


def voucher_view(stored: StoredVoucher) -> VoucherView:
    """The voucher as it stands."""
    return VoucherView(
        voucher_id=stored.voucher_id,
        campaign_id=stored.campaign_id,
        receipt_id=stored.receipt_id,
        store_id=stored.store_id,
        category=stored.category,
        item_ids=tuple(stored.item_ids),
        state=stored.state,
        greatest_value_cents=stored.greatest_value_cents,
        given_cents=stored.given_cents,
        currency=stored.currency,
        valid_from=stored.valid_from,
        expires_at=stored.expires_at,
        redeemed_on=tuple(stored.redeemed_on),
    )

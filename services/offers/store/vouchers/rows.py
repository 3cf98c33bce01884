"""From rows to vouchers and redemptions."""

from typing import Any

from services.offers.domain.campaigns.terms import AmountOff, PercentOff, Promise, Terms, from_stored
from services.offers.domain.vouchers.voucher import Hold, Voucher, VoucherState
from services.offers.ports.redemption.redemptions import StoredRedemption

COVERS = """
    (rule.campaign_id IS NULL OR rule.campaign_id = vouchers.campaign_id)
    AND (rule.store_id IS NULL OR rule.store_id = vouchers.store_id)
    AND (rule.batch_id IS NULL OR rule.batch_id = vouchers.batch_id)
    AND vouchers.valid_from BETWEEN rule.issued_from AND rule.issued_until
"""
"""Whether the revocation `rule` speaks of this voucher."""

VOUCHER_COLUMNS = f"""
    vouchers.voucher_id, vouchers.campaign_id, vouchers.customer_id, vouchers.receipt_id, vouchers.store_id,
    vouchers.category, vouchers.kind, vouchers.percent, vouchers.amount_cents, vouchers.greatest_value_cents,
    vouchers.reserved_cents, vouchers.given_cents, vouchers.currency, vouchers.state, vouchers.valid_from,
    vouchers.expires_at, EXISTS (SELECT FROM revocations AS rule WHERE {COVERS}) AS revoked,
    vouchers.hold_id, vouchers.held_for, vouchers.held_until, CAST(vouchers.terms AS text) AS terms
"""  # columns of our own
REDEMPTION_COLUMNS = (
    "redemption_id, voucher_id, store_id, status, given_cents, answer, answered_at, rollback_answer, asked"
)


def voucher_of(row: Any) -> Voucher:
    """The voucher in a row that has VOUCHER_COLUMNS."""
    return Voucher(
        voucher_id=row.voucher_id,
        campaign_id=row.campaign_id,
        customer_id=row.customer_id,
        receipt_id=row.receipt_id,
        store_id=row.store_id,
        category=row.category,
        terms=Terms(promise=promise_of(row), greatest_value_cents=row.greatest_value_cents),
        currency=row.currency,
        expires_at=row.expires_at,
        state=VoucherState(row.state),
        reserved_cents=row.reserved_cents,
        given_cents=row.given_cents,
        revoked=row.revoked,
        hold=Hold(row.hold_id, row.held_for, row.held_until) if row.hold_id is not None else None,
    )


def promise_of(row: Any) -> Promise:
    """What a row with the columns of terms promises."""
    if row.terms is not None:
        return from_stored(row.terms)
    return PercentOff(percent=row.percent) if row.kind == "percent" else AmountOff(amount_cents=row.amount_cents)


def redemption_of(row: Any) -> StoredRedemption:
    """The attempt in a row that has REDEMPTION_COLUMNS."""
    return StoredRedemption(
        redemption_id=row.redemption_id,
        voucher_id=row.voucher_id,
        store_id=row.store_id,
        status=row.status,
        given_cents=row.given_cents,
        answer=bytes(row.answer),
        answered_at=row.answered_at,
        rollback_answer=bytes(row.rollback_answer) if row.rollback_answer is not None else None,
        asked=bytes(row.asked) if row.asked is not None else None,
    )

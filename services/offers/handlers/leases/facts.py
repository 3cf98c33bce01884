"""What others are told of a checkout that was answered from leases, once it is bound; leasing tells it."""

from collections.abc import Collection

from libs.common.contracts.offers import VoucherRevoked
from libs.common.persistence import OutboxMessage
from services.offers.domain.leases import Binding, Settlement
from services.offers.handlers.vouchers.facts import voucher_message
from services.offers.ports.leases import HandedOut
from services.offers.ports.vouchers import ExpiredVoucher


def told(handed: HandedOut, settled: Settlement, voided: Collection[ExpiredVoucher]) -> list[OutboxMessage]:
    """The decision, the vouchers that are out, and those that nobody has: they were told to be out."""
    if settled.binding is Binding.DONE:
        return []
    return [*facts_of(handed, settled.slots.keys()), *(_void_fact(one, handed) for one in voided)]


def facts_of(handed: HandedOut, bound: Collection[str]) -> list[OutboxMessage]:
    """The decision, and each voucher that was bound."""
    pairs = zip(handed.proposal.vouchers, handed.issued, strict=True)
    return [handed.decided, *(message for voucher, message in pairs if voucher.voucher_id in bound)]


def _void_fact(voided: ExpiredVoucher, handed: HandedOut) -> OutboxMessage:
    fact = VoucherRevoked(
        voucher_id=voided.voucher_id,
        campaign_id=voided.campaign_id,
        customer_id=voided.customer_id,
        receipt_id=voided.receipt_id,
        store_id=voided.store_id,
        currency=voided.currency,
        revocation_id=f"void:{handed.proposal.decision_id}",
        released_cents=voided.released_cents,
    )
    return voucher_message(fact, f"{voided.voucher_id}:void", handed.handed_at)

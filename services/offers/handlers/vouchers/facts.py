"""What offers tells the others about a voucher: the part that all its facts share."""

from datetime import datetime
from typing import Any

from libs.common.contracts import Contract, new_event
from libs.common.contracts.topics import OFFERS_VOUCHERS
from libs.common.contracts.written import Written
from libs.common.persistence import OutboxMessage
from services.offers.domain.vouchers.voucher import Voucher

SOURCE = "usual/offers"


def about(voucher: Voucher) -> dict[str, Any]:
    """The fields that every fact about this voucher has."""
    return {
        "voucher_id": voucher.voucher_id,
        "campaign_id": voucher.campaign_id,
        "customer_id": voucher.customer_id,
        "receipt_id": voucher.receipt_id,
        "store_id": voucher.store_id,
        "currency": voucher.currency,
    }


def voucher_message(fact: Contract | Written, event_id: str, occurred_at: datetime) -> OutboxMessage:
    """The fact on its way to `offers.vouchers.v1`; the same id for the same fact, so that a repeat is known as one."""
    return OutboxMessage.of(new_event(fact, event_id=event_id, source=SOURCE, occurred_at=occurred_at), OFFERS_VOUCHERS)

"""The end of vouchers: what was not used in time is expired, its reserve is free again."""

from datetime import datetime

from libs.common.contracts.offers import VoucherExpired
from services.offers.handlers.vouchers.facts import voucher_message
from services.offers.metrics import OffersMetrics
from services.offers.ports.vouchers import ExpiredVoucher, ExpiryStore

EXPIRED_TOGETHER = 1_000


async def expire_vouchers(store: ExpiryStore, now: datetime, metrics: OffersMetrics) -> int:
    """End the next vouchers whose time is over; returns how many, at most EXPIRED_TOGETHER."""
    ended = await store.expire(now, EXPIRED_TOGETHER)
    await store.tell([voucher_message(_fact(one), f"{one.voucher_id}:expired", now) for one in ended])
    for one in ended:
        metrics.expired.labels(one.campaign_id).inc()
    return len(ended)


def _fact(ended: ExpiredVoucher) -> VoucherExpired:
    return VoucherExpired(
        voucher_id=ended.voucher_id,
        campaign_id=ended.campaign_id,
        customer_id=ended.customer_id,
        receipt_id=ended.receipt_id,
        store_id=ended.store_id,
        currency=ended.currency,
        released_cents=ended.released_cents,
    )

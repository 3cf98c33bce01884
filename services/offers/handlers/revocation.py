"""Revoking vouchers that were printed: refused from the commit of the rule on, ended step by step behind it."""

from datetime import datetime

from libs.common.contracts.offers import VoucherRevoked
from libs.common.errors import Conflict, NotFound
from services.offers.domain.revocation import Revocation
from services.offers.handlers.vouchers.facts import voucher_message
from services.offers.metrics import OffersMetrics
from services.offers.ports.revocation import KnownRevocation, RevocationStore
from services.offers.ports.vouchers import ExpiredVoucher

LOOKED_AT_TOGETHER = 2_000


async def revoke(store: RevocationStore, asked: Revocation) -> KnownRevocation:
    """The revocation as it stands; the same again changes nothing. Raises Conflict when its id stands for another."""
    await store.put(asked)
    known = await get_revocation(store, asked.revocation_id)
    if not asked.is_again(known.revocation):
        raise Conflict("another revocation has this id", slug="other-revocation")
    return known


async def get_revocation(store: RevocationStore, revocation_id: str) -> KnownRevocation:
    """One revocation; raises NotFound."""
    known = await store.one(revocation_id)
    if known is None:
        raise NotFound("no such revocation", slug="unknown-revocation")
    return known


async def end_revoked(store: RevocationStore, asked_before: datetime, now: datetime, metrics: OffersMetrics) -> int:
    """One step: end the next vouchers of a revocation, their reserves free and their events told with it; 0 when none waits."""
    swept = await store.sweep(asked_before, now, LOOKED_AT_TOGETHER)
    if swept is None:
        return 0
    facts = [(one, _fact(one, swept.revocation_id)) for one in swept.ended]
    await store.tell([voucher_message(fact, f"{one.voucher_id}:revoked", now) for one, fact in facts])
    for one in swept.ended:
        metrics.revoked.labels(one.campaign_id).inc()
    return 1


def _fact(ended: ExpiredVoucher, revocation_id: str) -> VoucherRevoked:
    return VoucherRevoked(
        voucher_id=ended.voucher_id,
        campaign_id=ended.campaign_id,
        customer_id=ended.customer_id,
        receipt_id=ended.receipt_id,
        store_id=ended.store_id,
        currency=ended.currency,
        revocation_id=revocation_id,
        released_cents=ended.released_cents,
    )

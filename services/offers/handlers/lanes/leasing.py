"""Lending lanes money for the time that they may be without a network, and getting back what they did not use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.common.errors import Conflict, NotFound
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.lanes.lease import Lease, Leased, grantable_cents
from services.offers.domain.repeating import digest_of_parts
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.handlers.repeating import check_same
from services.offers.metrics import OffersMetrics
from services.offers.ports.lanes.leases import KnownLease, LeaseStore


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseAsked:
    """What a lane asks for: money of these campaigns, or of all that allow it, at most so much of each, for so long."""

    lease_id: str
    store_id: str
    terminal_id: str
    lasting: timedelta
    campaign_ids: frozenset[str] | None
    most_cents: int | None
    asked_by: str

    def digest(self) -> bytes:
        """16 bytes that say what was asked."""
        ids = sorted(self.campaign_ids) if self.campaign_ids is not None else None
        asked = (self.store_id, self.terminal_id, int(self.lasting.total_seconds()), ids, self.most_cents)
        return digest_of_parts(asked)


def lendable(knowledge: Knowledge, store_id: str) -> Mapping[str, Campaign]:
    """The campaigns that may be given without a network and that no brake stops in this store, by id."""
    return {
        campaign_id: campaign
        for campaign_id, campaign in knowledge.campaigns.items()
        if campaign.offline is not None and not knowledge.stops(campaign_id, store_id)
    }


async def grant_lease(
    store: LeaseStore, asked: LeaseAsked, campaigns: Mapping[str, Campaign], now: datetime, grace: timedelta
) -> KnownLease:
    """The lease: of each campaign as much as its policy and its budget allow, which may be nothing.

    The same again: the lease as it stands. Raises InvalidInput for another question under the same id.
    """
    lease = Lease(
        lease_id=asked.lease_id,
        store_id=asked.store_id,
        terminal_id=asked.terminal_id,
        granted_at=now,
        ends_at=now + asked.lasting,
        kept_until=now + asked.lasting + grace,
    )
    if await store.put(lease, asked.digest(), asked.asked_by):
        for campaign_id in sorted(campaigns if asked.campaign_ids is None else asked.campaign_ids & campaigns.keys()):
            await _lend(store, lease, campaigns[campaign_id], asked.most_cents)
    known = await _known(store, asked.lease_id)
    check_same(known.asked, asked.digest(), "lease_id")
    return known


async def end_lease(store: LeaseStore, lease_id: str, entries: int, now: datetime) -> KnownLease:
    """End a lease whose journal has come in as a whole: `entries` is how many the lane has written. Again: nothing.

    What it left is free again. Raises NotFound, and Conflict while entries are missing: their money must wait for them.
    """
    known = await store.lock(lease_id)
    if known is None:
        raise NotFound("no such lease", slug="unknown-lease")
    if known.lease.ended_at is None:
        if known.lease.entries != entries:
            raise Conflict(
                "the lane's journal has not come in as a whole",
                slug="journal-incomplete",
                context={"entries": known.lease.entries},
            )
        await store.end(known, now)
    return await _known(store, lease_id)


async def store_of_lease(store: LeaseStore, lease_id: str) -> str:
    """Whose lease it is; raises NotFound."""
    return (await _known(store, lease_id)).lease.store_id


async def open_leases(store: LeaseStore, after: str | None, limit: int) -> Sequence[KnownLease]:
    """The next leases that have not ended, oldest first, behind this one; raises NotFound for an unknown one."""
    return await store.open((await _known(store, after)).lease if after is not None else None, limit)


async def end_forsaken(store: LeaseStore, now: datetime, metrics: OffersMetrics) -> int:
    """End a lease whose lane was waited for long enough; 0 when there is none."""
    known = await store.lock_due(now)
    if known is None:
        return 0
    await store.end(known, now)
    metrics.lanes.leases_forsaken.inc()
    return 1


async def _lend(store: LeaseStore, lease: Lease, campaign: Campaign, most_cents: int | None) -> None:
    budget = await store.budget(campaign.campaign_id)
    if campaign.offline is None or budget is None:
        return
    lane_left_cents = await store.lane_left_cents(lease, campaign.campaign_id)
    cents = grantable_cents(campaign.offline, budget, most_cents=most_cents, lane_left_cents=lane_left_cents)
    leased = Leased(
        campaign_id=campaign.campaign_id,
        currency=campaign.currency,
        accept_up_to_cents=campaign.offline.accept_up_to_cents,
        granted_cents=cents,
        left_cents=cents,
    )
    await store.lend(lease, leased)


async def _known(store: LeaseStore, lease_id: str) -> KnownLease:
    known = await store.one(lease_id)
    if known is None:
        raise NotFound("no such lease", slug="unknown-lease")
    return known

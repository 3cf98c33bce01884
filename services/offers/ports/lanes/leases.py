"""What leases need: rows of lanes and of what they are lent, beside the budgets that they are lent from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.offers.domain.lanes.lease import Lease, Leased
from services.offers.domain.money.budget import Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLease:
    """A lease and what it lends, by campaign id."""

    lease: Lease
    asked: bytes
    """A digest of the question."""
    asked_by: str
    leased: Sequence[Leased]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What lanes may still cost the chain at most, of one campaign in one store."""

    campaign_id: str
    store_id: str
    currency: str
    leases: int
    left_cents: int
    over: int
    """Leases of these whose time is over, and whose journal is waited for."""


class LeaseStore(Protocol):
    """Leases within one transaction. Locks are taken leases first, then budgets by campaign id."""

    async def reached_at(self) -> datetime | None:
        """Event time, in a deployment that plays a data set."""
        ...

    async def put(self, lease: Lease, asked: bytes, asked_by: str) -> bool:
        """Keep a lease that lends nothing yet; False when its id is taken."""
        ...

    async def one(self, lease_id: str) -> KnownLease | None:
        """A lease; None for an unknown id."""
        ...

    async def lock(self, lease_id: str) -> KnownLease | None:
        """A lease, locked until the end."""
        ...

    async def open(self, after: Lease | None, limit: int) -> Sequence[KnownLease]:
        """The next leases that have not ended, oldest first, behind this one, which may have ended."""
        ...

    async def budget(self, campaign_id: str) -> Budget | None:
        """A campaign's budget, locked until the end; None for an unknown one."""
        ...

    async def lane_left_cents(self, lease: Lease, campaign_id: str) -> int:
        """What the lane's open leases have left of a campaign."""
        ...

    async def lend(self, lease: Lease, leased: Leased) -> None:
        """Move money from the campaign's budget to the lease."""
        ...

    async def end(self, known: KnownLease, now: datetime) -> None:
        """End a lease, which must be locked: what is left goes back to the budgets."""
        ...

    async def lock_due(self, now: datetime) -> KnownLease | None:
        """A lease whose journal was waited for long enough, locked until the end."""
        ...

    async def exposure(self, now: datetime) -> Sequence[Exposure]:
        """What open leases have left, by campaign and store."""
        ...

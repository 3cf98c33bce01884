"""What taking in lanes' journals needs: their entries with what became of them, beside vouchers and leases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from services.offers.domain.lanes.entry import Entry
from services.offers.domain.lanes.lease import Lease, Settlement
from services.offers.domain.vouchers.voucher import GivenLine, ReturnedSoFar, Voucher
from services.offers.ports.money import Cause
from services.offers.ports.redemption.redemptions import RedemptionStore
from services.offers.ports.redemption.stacking import StackStore


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEntry:
    """An entry that came in, and what became of it."""

    number: int
    redemption_id: str
    lease_id: str
    store_id: str
    terminal_id: str
    asked: bytes
    voucher_id: str | None
    campaign_id: str | None
    receipt_id: str
    currency: str
    redeemed_by: str | None
    """The redemption that the voucher's reserve paid."""
    status: str
    reason: str
    given_at: datetime
    reconciled_at: datetime
    given_cents: int
    leased_cents: int
    late_cents: int
    """Of that, in place of a reserve that had been returned."""
    uncovered_cents: int
    spent_cents: int
    """Of what else the lease paid: what goods that came back did not bring back."""
    lost_cents: int
    """The same of what nobody paid."""
    taken_back_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """An entry and what becomes of it, to be kept."""

    entry: Entry
    lease: Lease
    voucher_id: str | None
    campaign_id: str | None
    redeemed_by: str | None
    status: str
    settlement: Settlement
    lines: Sequence[GivenLine]
    """What the voucher's reserve did not pay."""
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictLine:
    """A line of a conflict and what came back of it."""

    line_no: int
    item_id: str
    so_far: ReturnedSoFar


class OfflineStore(Protocol):
    """Entries of lanes' journals within one transaction. Locks: the receipt, then vouchers, then leases, then entries, then budgets."""

    async def lock_lease(self, lease_id: str) -> Lease | None:
        """A lease, locked until the end."""
        ...

    async def left_cents(self, lease_id: str, campaign_id: str) -> int:
        """What a lease, which must be locked, has left of a campaign."""
        ...

    async def entry(self, redemption_id: str) -> KnownEntry | None:
        """An entry that came in before."""
        ...

    async def keep(self, new: NewEntry) -> KnownEntry:
        """Keep an entry under its lease, which must be locked; the lease pays, or nobody does, as it was settled."""
        ...

    async def reserve_late(self, lease_id: str, voucher: Voucher, cents: int, cause: Cause) -> Voucher:
        """Open an ended voucher, which must be locked as the lease must, with so much of the lease for its reserve."""
        ...

    async def conflicts(self, *, after: int, limit: int, campaign_id: str | None) -> Sequence[KnownEntry]:
        """The next entries that are listed, in the order in which they came in."""
        ...

    async def lock_receipt(self, receipt_id: str) -> Sequence[KnownEntry]:
        """What was given in conflict on this receipt and has not come back, by campaign and id, locked until the end."""
        ...

    async def lines(self, redemption_id: str) -> Sequence[ConflictLine]:
        """The lines of an entry, which must be locked, that its voucher's reserve did not pay."""
        ...

    async def give_back(
        self, entry: KnownEntry, line: ConflictLine, quantity: Decimal, cents: tuple[int, int], cause: Cause
    ) -> None:
        """Note what came back of a line: so many cents are no longer spent, and so many no longer lost."""
        ...

    async def take_back(self, redemption_id: str, now: datetime) -> None:
        """Note that the lane took an entry back."""
        ...


class LaneStores(Protocol):
    """The stores of one entry, in one transaction."""

    @property
    def redemptions(self) -> RedemptionStore:
        """Vouchers and redemptions."""
        ...

    @property
    def stacks(self) -> StackStore:
        """Receipts that one transaction at a time works on."""
        ...

    @property
    def offline(self) -> OfflineStore:
        """Leases and entries."""
        ...

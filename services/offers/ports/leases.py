"""What leases need: rows of a process's own in the database, and a journal on its own disk."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from libs.common.errors import RetryableError
from libs.common.persistence import OutboxMessage
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.checkout.proposal import Proposal
from services.offers.domain.leases import Decided, Lease, Standing
from services.offers.ports.vouchers import ExpiredVoucher


class JournalUnusable(RetryableError):
    """The journal can't be written: nothing may be handed out."""

    slug = "journal-unusable"


class HandedOut(msgspec.Struct, frozen=True, kw_only=True):
    """A checkout that was answered from leases, as the journal keeps it: no code, nobody's name."""

    proposal: Proposal
    receipt_id: str
    store_id: str
    handed_at: datetime
    gave_up_at: datetime | None
    """When the commit was decided that this same answer gave up; None: none was under way."""
    decided: OutboxMessage
    issued: tuple[OutboxMessage, ...]
    """One per voucher, in the proposal's order."""
    asked: bytes | None = None
    """What was asked, as a digest: under this id nothing else is answered."""

    @property
    def checkout_id(self) -> str:
        """Whose answer it is."""
        return self.proposal.checkout_id

    @property
    def slots(self) -> Mapping[str, int]:
        """The slot of each voucher, by id."""
        return {voucher.voucher_id: voucher.slot for voucher in self.proposal.vouchers}


class HandOutJournal(Protocol):
    """What was handed out and is not in the database yet; it survives the process."""

    @property
    def pod_id(self) -> str:
        """Whose journal it is: whoever opens it goes on where its last writer ended."""
        ...

    @property
    def usable(self) -> bool:
        """Whether appends have a chance."""
        ...

    @property
    def waiting(self) -> Mapping[str, HandedOut]:
        """Hand-outs that are not bound yet, by checkout."""
        ...

    @property
    def spoken_for(self) -> Collection[str]:
        """Vouchers that may have been handed out, for all the journal knows."""
        ...

    async def append(self, handed: HandedOut) -> None:
        """Keep it for good; returns when the disk has it. Raises JournalUnusable, also where its checkout has one already.

        Cancelled or failed it may be kept all the same.
        """
        ...

    def bound(self, checkout_id: str) -> None:
        """The database has it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLease:
    """A voucher to be leased."""

    lease: Lease
    code_lookup: bytes
    number_lookup: bytes | None
    item_ids: Sequence[str]


class LeaseStore(Protocol):
    """Leases within one transaction. Locks: a decision, vouchers by id, budgets by campaign id."""

    async def lease(self, pod_id: str, campaign: Campaign, wanted: Sequence[NewLease], now: datetime) -> Sequence[str]:
        """Reserve as many of these, all of one campaign and one value, as its budget allows; their ids."""
        ...

    async def leased(self, pod_id: str) -> Sequence[Lease]:
        """All that are leased to this process and not bound, used or ended."""
        ...

    async def extend(self, pod_id: str, leases: Sequence[Lease]) -> None:
        """Let these last until what they say."""
        ...

    async def give_back(self, pod_id: str, voucher_ids: Sequence[str], now: datetime) -> int:
        """Void those that are still only leased, and free their reserves; how many."""
        ...

    async def expire(self, now: datetime, limit: int) -> int:
        """End up to `limit` leased vouchers of anybody that can't be good any more, printed or not, and free their reserves."""
        ...

    async def bind_new(self, handed: Sequence[HandedOut]) -> Mapping[str, Collection[str]]:
        """Decide and bind those that nobody has decided yet, in one statement; the vouchers that were bound, by checkout."""
        ...

    async def decide(self, handed: HandedOut) -> Decided | None:
        """Keep the decision; the one that stands there already, locked, if there is one."""
        ...

    async def standing(self, handed: HandedOut) -> Sequence[Standing]:
        """The vouchers that were handed out and those of the checkout's decision, locked until the end."""
        ...

    async def void(self, voucher_ids: Sequence[str], handed: HandedOut, now: datetime) -> Sequence[ExpiredVoucher]:
        """End vouchers that nobody was told of, free their slots and reserves."""
        ...

    async def replace(self, handed: HandedOut) -> None:
        """Put the decision in the place of the one that stands there."""
        ...

    async def bind(self, handed: HandedOut, voucher_id: str, slot: int) -> None:
        """A leased voucher is that of this checkout and slot from now on."""
        ...

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """Put events on their way."""
        ...

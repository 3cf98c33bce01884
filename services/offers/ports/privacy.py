"""What forgetting a customer, and showing what is held of one, need from storage."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.persistence import OutboxMessage
from services.offers.domain.checkout.proposal import Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class NewErasure:
    """An erasure as profile asks for it, and when it was noted here."""

    erasure_id: str
    customer_ids: Sequence[str]
    identifiers: Sequence[str]
    erased_at: datetime
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedErasure:
    """What was removed in all, by kind and count."""

    erasure_id: str
    removed: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """One decision as it was made."""

    proposal: Proposal
    receipt_id: str
    store_id: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVoucher:
    """One voucher with what it gave and where; never its code."""

    voucher_id: str
    checkout_id: str
    campaign_id: str
    receipt_id: str
    store_id: str
    category: str
    item_ids: Sequence[str]
    state: str
    greatest_value_cents: int
    given_cents: int
    currency: str
    valid_from: datetime
    expires_at: datetime
    redeemed_on: Sequence[str]


class PrivacyStore(Protocol):
    """Within one transaction."""

    async def suppressed(self, customer_ids: Collection[str]) -> Mapping[str, datetime]:
        """Up to when views of these customers have no effect, for those that were erased."""
        ...

    async def erase(self, erasure: NewErasure) -> None:
        """Delete the copies, take the customer out of decisions and vouchers (their money stays), suppress. Known: nothing."""
        ...

    async def finish(self, noted_before: datetime) -> FinishedErasure | None:
        """Take the customer out of what was under way meanwhile, for the oldest erasure that is not answered."""
        ...

    async def tell(self, message: OutboxMessage) -> None:
        """Send with the commit."""
        ...

    async def decisions(self, customer_id: str, limit: int) -> Sequence[StoredDecision]:
        """Decisions made with this customer id, newest first."""
        ...

    async def vouchers(self, customer_id: str, limit: int) -> Sequence[StoredVoucher]:
        """Vouchers of this customer id, newest first."""
        ...

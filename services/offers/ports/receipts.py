"""What printing a checkout's coupons again needs from storage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.offers.domain.answer import Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheckout:
    """A checkout that was answered."""

    proposal: Proposal
    store_id: str
    granted: Sequence[int]


class ReceiptStore(Protocol):
    """Answered checkouts, one transaction."""

    async def checkout(self, checkout_id: str) -> StoredCheckout | None:
        """The checkout; None for one that was never answered from a decision."""
        ...

"""What printing a checkout's coupons again, and noting whether they were printed, need from storage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from services.offers.domain.checkout.proposal import Proposal


class PrintOutcome(StrEnum):
    """What became of the coupons at the till."""

    PRINTED = "printed"
    DECLINED = "declined"
    """The customer was asked and said no."""
    FAILED = "failed"
    """No paper, no printer, no answer from it."""


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

    async def note_outcome(self, checkout_id: str, outcome: PrintOutcome, told_at: datetime) -> bool:
        """Keep what the till says; returns whether it is news. What was printed stays printed."""
        ...

    async def outcome(self, checkout_id: str) -> PrintOutcome | None:
        """What the till said of it; None when it has not."""
        ...

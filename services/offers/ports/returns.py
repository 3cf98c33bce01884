"""What returns need: receipts as they were sold, and goods that came back before their redemption did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from services.offers.domain.returns.taking_back import Sold


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """Goods of a receipt came back; no goods: all of it was voided."""

    event_id: str
    receipt_id: str
    goods: Mapping[str, Decimal]
    occurred_at: datetime
    return_receipt_id: str | None = None
    """The receipt that they came back with, so that it can be voided in its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """What is known of a receipt: how it was sold, if a voucher gave on it, what of it came back, and when it was last voided."""

    sold: Sold | None = None
    goods: Mapping[str, Decimal] = field(default_factory=dict)
    voided_at: datetime | None = None


class ReturnStore(Protocol):
    """Receipts that are entered (ports/redemption/stacking.py), within one transaction."""

    async def so_far(self, receipt_id: str) -> SoFar:
        """What is known of it."""
        ...

    async def keep_sold(self, receipt_id: str, sold: Sold) -> None:
        """How it stands now."""
        ...

    async def remember(self, reversal: Reversal, noted_at: datetime) -> None:
        """For redemptions that come later; a void makes forget what was known of the receipt before."""
        ...

    async def returned_with(self, return_receipt_ids: Sequence[str]) -> Sequence[str]:
        """The receipts of which goods came back with these."""
        ...

    async def take_out(self, return_receipt_id: str, until: datetime) -> Mapping[str, Mapping[str, Decimal]]:
        """Forget what came back with this receipt until then; what it was, by receipt and item."""
        ...

    async def forget_reversals(self, before: datetime, most: int) -> int:
        """Delete what was noted before, the oldest first, so many at most; returns how many."""
        ...

"""What redeeming beside other vouchers needs: a receipt that one transaction at a time works on, and sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.offers.domain.vouchers.voucher import GivenLine, Voucher


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedVoucher:
    """A voucher, locked, with what it was found by."""

    voucher: Voucher
    code_lookup: bytes
    number_lookup: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnReceipt:
    """A redemption in force on a receipt."""

    redemption_id: str
    voucher_id: str
    campaign_id: str
    given_cents: int
    lines: Sequence[GivenLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSet:
    """An attempt to redeem several codes that was answered."""

    set_id: str
    receipt_id: str
    store_id: str
    status: str
    asked: bytes
    answer: bytes
    answered_at: datetime


class StackStore(Protocol):
    """Receipts and sets within one transaction. A receipt is entered before any voucher is locked."""

    async def enter(self, *receipt_ids: str) -> None:
        """Wait until nobody else works on these receipts, and keep everybody else out until the end; all that a transaction needs at once."""
        ...

    async def lock_presented(
        self, code_lookups: Sequence[bytes], number_lookups: Sequence[bytes]
    ) -> Sequence[PresentedVoucher]:
        """The vouchers behind these, by id, locked in that order until the end; of a number two at most, open ones first."""
        ...

    async def on_receipt(self, receipt_id: str) -> Sequence[OnReceipt]:
        """What is redeemed on a receipt, which must be entered, by voucher."""
        ...

    async def answered(self, set_id: str) -> StoredSet | None:
        """What was answered to this attempt."""
        ...

    async def keep(self, answered: StoredSet) -> bool:
        """Keep an attempt; False when its id is taken."""
        ...

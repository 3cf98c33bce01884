"""What holding a voucher needs: holds beside the vouchers that they are of, in one transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.offers.domain.vouchers.voucher import Hold, Voucher


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHold:
    """An attempt to hold that was answered."""

    hold_id: str
    voucher_id: str | None
    store_id: str
    status: str
    answer: bytes
    held_at: datetime
    asked: bytes | None = None
    """A digest of the question."""


class HoldStore(Protocol):
    """Holds within one transaction. Whoever changes a voucher's hold has locked the voucher."""

    async def answered(self, hold_id: str) -> StoredHold | None:
        """What was answered to this attempt."""
        ...

    async def keep(self, attempt: StoredHold) -> bool:
        """Keep an attempt; False when its id is taken."""
        ...

    async def lock_voucher(self, voucher_id: str) -> Voucher:
        """The voucher of a hold, locked until the end."""
        ...

    async def hold(self, voucher_id: str, hold: Hold | None) -> None:
        """Put a voucher's hold in the place of the one before; None: it is free."""
        ...

    async def free_lapsed(self, now: datetime) -> int:
        """Take away holds whose time is over; returns how many."""
        ...

"""What the end of vouchers needs: open ones, locked within one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.persistence import OutboxMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredVoucher:
    """A voucher that ended unused, with the reserve that is free again."""

    voucher_id: str
    campaign_id: str
    customer_id: str | None
    receipt_id: str
    store_id: str
    currency: str
    released_cents: int


class ExpiryStore(Protocol):
    """Open vouchers within one transaction."""

    async def expire(self, now: datetime, limit: int) -> Sequence[ExpiredVoucher]:
        """End up to `limit` vouchers whose time is over, earliest first, and free their reserves."""
        ...

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """Put events on their way."""
        ...

"""What watching for fraud needs: counts in one bounded look, and a row for every presentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.persistence import OutboxMessage
from services.offers.domain.fraud.signs import Assessment, Presented


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Who stands at the till, as far as it says. `lane` names one till."""

    lane: str
    cashier_id: str | None = None
    """The cashier's pseudonym."""
    cashier_customer_id: str | None = None
    """The customer that the cashier's own card stands for."""
    supervisor_id: str | None = None
    """Who confirmed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What is looked for."""

    voucher_id: str | None
    customer_id: str | None
    receipt_id: str
    store_id: str
    bearer: Bearer
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A presentation and what came of it."""

    redemption_id: str
    sighting: Sighting
    redeemed: bool
    reason: str
    assessment: Assessment


class SightingReads(Protocol):
    """One look, shared with whoever looks at the same time."""

    async def look(self, sighting: Sighting) -> Presented:
        """The counts; raises RetryableError when the database is away, slow or overloaded."""
        ...


class WatchStore(Protocol):
    """Presentations within one transaction."""

    async def keep(self, watched: Watched) -> None:
        """Keep one."""
        ...

    async def suspects(self, *, store_id: str | None, before: datetime | None, limit: int) -> Sequence[Watched]:
        """Those in which something spoke for fraud, newest first; of one store, or all."""
        ...

    async def forget(self, before: datetime, most: int) -> int:
        """Delete what is older, the oldest first, so many at most; returns how many."""
        ...

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """Put events on their way."""
        ...

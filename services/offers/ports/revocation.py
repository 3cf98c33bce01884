"""What revocations need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.persistence import OutboxMessage
from services.offers.domain.revocation import Revocation
from services.offers.ports.vouchers import ExpiredVoucher


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRevocation:
    """A revocation and how far it is: vouchers ended so far; `swept_at` when all were."""

    revocation: Revocation
    vouchers: int
    swept_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one step of the sweep ended; `finished` when nothing is left to look at."""

    revocation_id: str
    ended: Sequence[ExpiredVoucher]
    finished: bool


class RevocationStore(Protocol):
    """Revocations within one transaction."""

    async def reached_at(self) -> datetime | None:
        """Event time, in a deployment that plays a data set."""
        ...

    async def put(self, revocation: Revocation) -> bool:
        """Keep a revocation: from the commit on its vouchers are refused. False when its id is taken."""
        ...

    async def one(self, revocation_id: str) -> KnownRevocation | None:
        """A revocation; None for an unknown id."""
        ...

    async def all(self) -> Sequence[KnownRevocation]:
        """All revocations, newest first."""
        ...

    async def sweep(self, asked_before: datetime, now: datetime, most: int) -> Swept | None:
        """Look at the next `most` open vouchers for the oldest unfinished revocation, end those that it covers, free their reserves.

        None when no revocation waits that was asked for before this moment.
        """
        ...

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """Put events on their way."""
        ...

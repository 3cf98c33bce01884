"""What brakes need: one row each, readings of money and errors, and which statements are under way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.persistence import OutboxMessage
from services.offers.domain.brakes.brake import Brake, Brakes, Release, Target
from services.offers.domain.brakes.tripping import Reading
from services.offers.domain.campaigns.brake_bounds import CampaignBounds


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBrake:
    """A brake with its times, all by the database's clock. `released` None: in force."""

    brake: Brake
    pulled_at: datetime
    released: Release | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignReading:
    """What a campaign that is not stopped did of late; `bounds` are its own."""

    campaign_id: str
    currency: str
    bounds: CampaignBounds | None
    reading: Reading


class BrakeStore(Protocol):
    """Brakes within one transaction."""

    async def exists(self, target: Target) -> bool:
        """Whether there is such a campaign or store."""
        ...

    async def put(self, brake: Brake) -> bool:
        """Keep a brake: from the commit on it is in force. False when its id is taken."""
        ...

    async def one(self, brake_id: str) -> KnownBrake | None:
        """A brake, locked until the end; None for an unknown id."""
        ...

    async def all(self, *, in_force: bool) -> Sequence[KnownBrake]:
        """All brakes, or those in force, newest first."""
        ...

    async def release(self, brake_id: str, by: str, reason: str) -> None:
        """Release a brake that is in force."""
        ...

    async def in_force(self) -> Brakes:
        """What may promise nothing now."""
        ...

    async def now(self) -> datetime:
        """The database's clock."""
        ...

    async def under_way(self, since: datetime, *, redemptions: bool) -> bool:
        """Whether a statement that issues, or also a transaction that redeems, began up to then and has not ended."""
        ...

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """Put events on their way."""
        ...


class ReadingStore(Protocol):
    """Readings within one transaction."""

    async def mine(self) -> bool:
        """Whether the round is this process's; False while another one is at it."""
        ...

    async def read_on(self, window_seconds: int) -> None:
        """Read every journal on to its end, and forget what is older than the window."""
        ...

    async def campaigns(self, window_seconds: int, now: datetime) -> Sequence[CampaignReading]:
        """What campaigns did within the window, those that moved and are not stopped, by id."""
        ...

    async def by_currency(self, window_seconds: int) -> Mapping[str, Reading]:
        """The money of all campaigns together."""
        ...

    async def doors(self, window_seconds: int) -> Reading:
        """What all doors together say of themselves."""
        ...

    async def note(self, answered: int, lost: int) -> None:
        """What one door says of itself since it last did."""
        ...

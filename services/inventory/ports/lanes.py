"""What the lane stage needs from storage."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.inventory.domain.catalog import Lane
from services.inventory.domain.lanes.stage import Shelving
from services.inventory.domain.policies.classes import PolicyBook


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRound:
    """One decided round."""

    lane_id: str
    closed_at: datetime
    decided_at: datetime
    proposals: int
    sent: int
    order_cents: int
    value_cents: float
    gap_cents: float
    bound_by: tuple[str, ...]


class LaneRoundStore(Protocol):
    """Rounds of lanes with limits."""

    async def waiting_lanes(self) -> Mapping[str, datetime]:
        """Lanes whose proposals wait for their round, in order, and since when the first does."""
        ...

    async def lanes(self) -> Mapping[str, Lane]:
        """All lanes by id."""
        ...

    async def begin(self, lane_id: str, closed_at: datetime, now: datetime) -> bool:
        """Take this round: True once, for the transaction that commits it; others wait for it and hear False."""
        ...

    async def shelvings(self, shelves: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Shelving]:
        """Items and shelf plan, by item and store."""
        ...

    async def book(self) -> PolicyBook:
        """The policies in force."""
        ...

    async def keep(self, decided: LaneRound) -> None:
        """Write what a round that was begun came to."""
        ...

    async def rounds(self, lane_id: str | None, limit: int) -> Sequence[LaneRound]:
        """The latest rounds, newest first."""
        ...

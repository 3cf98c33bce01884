"""What learned lead times need from storage."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.inventory.domain.lead_times import Arrival, LeadTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One delivery for an order: when it was due, and how many whole hours later it came (below 0: early)."""

    lane_id: str
    due_day: int
    late_hours: int


class LeadTimeStore(Protocol):
    """Arrivals by lane, and what was learned of them."""

    async def arrived(self, deliveries: Sequence[Delivered]) -> None:
        """Add deliveries to their lanes' counts."""
        ...

    async def learned(self, day: int) -> bool:
        """Whether the close of this day has learned already."""
        ...

    async def arrivals(self, day: int) -> Mapping[str, tuple[int, Sequence[Arrival]]]:
        """By lane what the catalogue says, in hours, and what arrived or is overdue as of the close of `day`."""
        ...

    async def keep(self, day: int, leads: Mapping[str, LeadTime]) -> None:
        """Keep what was learned; of an earlier day only what other lanes have no newer of is left."""
        ...

    async def latest(self) -> Mapping[str, LeadTime]:
        """What was learned last, by lane."""
        ...

    async def forget(self, lane_ids: Collection[str], before_day: int) -> None:
        """Forget arrivals that weigh nothing any more."""
        ...

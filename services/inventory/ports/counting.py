"""What count requests need from storage."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentRow:
    """A shelf with a book above nothing on which nothing has moved, and nobody has counted, since a day."""

    item_id: str
    store_id: str
    book_milli: int
    since_day: int
    rate: float
    """Units a day that were expected when it fell silent."""
    excess: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRequestRow:
    """A request for a count."""

    request_id: str
    item_id: str
    store_id: str
    silent_since: int
    asked_at: datetime
    book_milli: int
    empty_ratio: float
    stake_cents: float
    reason: str


class CountingStore(Protocol):
    """Silent shelves, and requests to count them."""

    async def silent(self, item_ids: Collection[str], day: int, least_intervals: float) -> Sequence[SilentRow]:
        """Shelves of these items that are silent as of the close of `day`, for at least so many usual intervals, in order.

        Of those that fell silent it remembers what the plans in force expect; so ask before the day's plans are saved.
        """
        ...

    async def ask(self, rows: Sequence[CountRequestRow]) -> Sequence[CountRequestRow]:
        """Keep requests; returns those that were not made before."""
        ...

    async def open_requests(self, store_id: str | None, limit: int) -> Sequence[CountRequestRow]:
        """Requests that nothing has ended, most at stake first."""
        ...

"""What the handlers need of segments from storage, as a protocol and the rows that pass through it."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.persistence import OutboxMessage
from services.profile.domain.segments import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """One version of a segment, and who saved it when."""

    segment: Segment
    saved_at: datetime
    saved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """A customer in a segment since an event time; `superseded_at` when the id became part of another person."""

    segment_id: str
    entered_at: datetime
    superseded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedRow:
    """A customer who entered or left a segment, and the event that says so."""

    customer_id: str
    segment_id: str
    entered: bool
    occurred_at: datetime
    message: OutboxMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """How far customers have been looked at under the rules with this number; `changed_count` of them are in other segments now."""

    number: int
    after_customer: str = ""
    customers_done: int = 0
    customers_total: int = 0
    changed_count: int = 0
    finished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Some customers, and how many there are; `error_ratio` is the standard error of that number, 0 while the table is small."""

    customer_ids: Sequence[str]
    customers_count: int
    error_ratio: float = 0.0


class SegmentStore(Protocol):
    """Documents, members, and the sweep after a change of rules."""

    async def number(self) -> int:
        """The number of the rules in force: until the commit nobody saves others."""
        ...

    async def lock(self) -> int:
        """The same for who wants to save: until the commit nobody folds or saves."""
        ...

    async def all(self) -> Sequence[SegmentRow]:
        """The newest version of every segment, archived ones too, by id."""
        ...

    async def version(self, segment_id: str, version: int | None) -> SegmentRow | None:
        """One version of a segment, without one the newest."""
        ...

    async def save(self, row: SegmentRow, number: int) -> None:
        """Make this the newest version."""
        ...

    async def members(self, customer_ids: Collection[str]) -> Mapping[str, Sequence[MemberRow]]:
        """What these customers are in."""
        ...

    async def move(self, rows: Sequence[MovedRow]) -> None:
        """Change memberships and sizes, and tell of it; the caller holds the customers' locks."""
        ...

    async def sizes(self) -> Mapping[str, int]:
        """How many members each segment has."""
        ...

    async def sweep(self) -> SweepRow:
        """How far the sweep is."""
        ...

    async def lock_sweep(self) -> SweepRow | None:
        """The same, locked until the commit; None while another one works on it."""
        ...

    async def save_sweep(self, row: SweepRow) -> None:
        """Replace it."""
        ...

    async def customers_after(self, customer_id: str, limit: int) -> Sequence[str]:
        """The next customers that have a view, by id."""
        ...

    async def sample(self, limit: int) -> Sample:
        """Up to `limit` customers that have a view, each with the same chance; the same ones until the table changes."""
        ...


def ids_of(rows: Sequence[MemberRow]) -> AbstractSet[str]:
    """The segments of memberships."""
    return {row.segment_id for row in rows}

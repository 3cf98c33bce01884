"""What the handlers need from outside: somewhere to publish, somewhere to keep what is invalid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.errors import UsualError
from libs.common.persistence import OutboxMessage


class EventPublisher(Protocol):
    """The way to the topics."""

    async def publish(self, messages: Sequence[OutboxMessage]) -> Sequence[UsualError | None]:
        """Per message None when the broker acknowledged it, else why not, or why that is unknown; never raises for that."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedEvent:
    """An invalid event, byte for byte, with the reason. Its id follows from source, id and bytes: a repeat is the same one."""

    quarantine_id: str
    source: str | None
    event_id: str | None
    type: str | None
    slug: str
    detail: str
    pointer: str
    raw: bytes
    sent_by: str
    """The id of the key that it came with."""
    at: datetime


class QuarantineStore(Protocol):
    """Where invalid events are kept."""

    async def keep(self, events: Sequence[QuarantinedEvent]) -> None:
        """Keep those that are not there yet; raises RetryableError when the database does not answer in time."""
        ...

    async def find(self, quarantine_id: str) -> QuarantinedEvent | None:
        """One of them; raises RetryableError."""
        ...

    async def list_newest(
        self, *, slug: str | None, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[QuarantinedEvent]:
        """Newest first, from below the place `before` (time, id) on, their bytes left out; raises RetryableError."""
        ...

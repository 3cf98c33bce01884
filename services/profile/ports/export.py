"""What an export asks of others: the topics, ingest's door for what is sealed, offers' door for what was offered."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from libs.common.contracts import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldEvents:
    """A person's events as one topic still holds them; before `held_since` retention has dropped what there was."""

    topic: str
    retention_days: int
    held_since: datetime | None
    """When the oldest record was written that was looked at; None: the topic is empty."""
    events: Sequence[Event]


class EventSource(Protocol):
    """The topics that persons' events are on."""

    async def of(self, identifiers: Collection[str]) -> Sequence[HeldEvents]:
        """All events of these identifiers, topic by topic; raises RetryableError rather than leave some out."""
        ...


class Opener(Protocol):
    """Who can read what is sealed."""

    async def open(self, texts: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str | None]]:
        """By person, the texts in their order; None for what nobody can read any more. Raises RetryableError."""
        ...


class OffersHistory(Protocol):
    """What offers holds."""

    async def of(self, customer_id: str) -> Mapping[str, Any]:
        """Decisions with reasons and vouchers of one customer id, as JSON; raises RetryableError."""
        ...

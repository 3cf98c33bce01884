"""One partition's records, decoded: what a handler gets, and where it says which of them can never be handled."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from libs.common.contracts import Event
from libs.common.persistence.dead_letters import DeadLetter
from libs.common.persistence.transaction import Transaction


@dataclass(frozen=True, slots=True)
class TopicPartition:
    """One partition of one topic."""

    topic: str
    partition: int


class Record(Struct, frozen=True, kw_only=True):
    """One record as it lies in the log. `value` None is a tombstone."""

    offset: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None
    timestamp_ms: int = 0

    @property
    def size_bytes(self) -> int:
        """Bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")

    def as_dead_letter(self, reason: str, detail: str) -> DeadLetter:
        """The same bytes with the reason for which they are set aside; a header that is null is kept as an empty one."""
        return DeadLetter(
            log_offset=self.offset,
            key=self.key,
            headers=[(name, content or b"") for name, content in self.headers],
            value=self.value,
            reason=reason,
            detail=detail,
        )


def _nobody_asks() -> None:
    """For batches that nobody watches."""


@dataclass(slots=True)
class Batch:
    """The new events of one partition, in log order, within one transaction.

    `tombstones` are the keys whose newest record in this batch deletes them; events before such a tombstone are
    left out, so the two may be applied in either order.
    """

    partition: TopicPartition
    group: str
    incarnation: str
    events: Sequence[Event]
    tombstones: Sequence[str] = ()
    _records: dict[int, Record] = field(default_factory=dict)
    _on_step: Callable[[], None] = _nobody_asks
    _rejected: dict[int, tuple[str, DeadLetter]] = field(default_factory=dict)

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self.partition.topic

    def progressed(self) -> None:
        """Part of what this batch is about is committed by transactions of its own: whoever watches for standstill sees that it moves.

        To be said after the commit of something that a repeat of the batch finds done; said else, a batch that never ends is never noticed.
        """
        self._on_step()

    def reject(self, event: Event, reason: str, slug: str) -> None:
        """Set `event` aside as a dead letter in the same transaction: for what no repeat can heal, never for outages.

        `slug` is stable and counted; `reason` is for a person and holds no personal data. The handler must not
        also apply the event. Raises KeyError for an event that is not in this batch.
        """
        letter = self._records[id(event)].as_dead_letter(slug, reason)
        self._rejected[id(event)] = (event.event_id, letter)

    @property
    def rejected(self) -> Sequence[DeadLetter]:
        """What was rejected so far."""
        return tuple(letter for _, letter in self._rejected.values())

    @property
    def rejected_ids(self) -> Sequence[str]:
        """The event ids of what was rejected."""
        return tuple(event_id for event_id, _ in self._rejected.values())


BatchHandler = Callable[[Transaction, Batch], Awaitable[None]]
"""Applies a batch inside the transaction whose first statement moved the partition's offset.

Raises RetryableError when a dependency is away (the batch comes again), InvalidMessage when one record can never be
handled and it does not know which (each record is then tried in a transaction of its own). Anything else is a bug and
ends the consumer, uncommitted. Memory that mirrors rows changes in `tx.on_commit` only.
"""

OwnershipListener = Callable[[Iterable[TopicPartition]], None]
"""Told which partitions this process no longer owns for certain: drop what memory holds for them. Must not raise."""

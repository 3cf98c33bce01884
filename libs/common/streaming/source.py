"""The port between the consumer's rules and a log: Kafka's adapter and the one in memory fit it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from libs.common.streaming.batch import Record, TopicPartition


@dataclass(frozen=True, slots=True)
class LogRange:
    """The first offset that still exists, and the one that the next record will get."""

    start: int
    end: int


class RecordSource(Protocol):
    """One member of a consumer group. Every call returns within a deadline or raises BrokerUnavailable."""

    async def start(self, on_reassignment: Callable[[], None]) -> None:
        """Join the group. `on_reassignment` is called, synchronously, whenever partitions come or go."""
        ...

    async def stop(self) -> None:
        """Leave the group; returns in any case."""
        ...

    def assignment(self) -> frozenset[TopicPartition]:
        """What the group has given us."""
        ...

    async def poll(
        self, partitions: Collection[TopicPartition] | None = None
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """Records from each partition's position, which moves past them. Empty says nothing about health.

        With `partitions` only of those, and only what is at hand: others' records are still being applied. Raises PositionLost when positions can no longer be trusted.
        """
        ...

    def seek(self, partition: TopicPartition, offset: int) -> bool:
        """Read on from `offset`, whatever was fetched so far; False when the partition is no longer ours."""
        ...

    def pause(self, partition: TopicPartition) -> None:
        """Fetch nothing from it until `seek`."""
        ...

    async def log_ranges(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, LogRange]:
        """What the log holds now."""
        ...

    async def incarnation(self) -> str:
        """The broker's cluster id."""
        ...


class PositionLost(Exception):  # a signal between source and consumer, not a failure
    """Records may have been handed over and lost, or a position is outside the log: claim these partitions again."""

    def __init__(self, reason: str, partitions: Iterable[TopicPartition] | None = None) -> None:
        super().__init__(reason)
        self.partitions = None if partitions is None else frozenset(partitions)
        """None: all of them."""

"""A stretch of a log without a group: every partition from wherever its reader stands up to a given end. For rebuilds."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import aiokafka
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from libs.common.streaming.aiokafka_calls import fetch, records_of, start_consumer, stop_consumer
from libs.common.streaming.batch import Record, TopicPartition
from libs.common.streaming.cluster import Cluster
from libs.common.streaming.errors import BrokerUnavailable
from libs.common.streaming.settings import StreamSettings
from libs.common.streaming.source import LogRange, PositionLost


class BoundedSource:
    """Fits RecordSource; whoever else reads the topics is not disturbed, and nothing is committed to Kafka.

    `reached` is set by the poll that finds nothing left below the ends, when all that was handed out before was
    applied: a consumer seeks anew before it polls whatever it could not apply.
    """

    def __init__(self, settings: StreamSettings, ends: Mapping[TopicPartition, int]) -> None:
        self._settings = settings
        self._ends = dict(ends)
        self._cluster = Cluster(settings)
        self._consumer: Any = None
        self._positions: dict[TopicPartition, int] = {}
        self.reached = asyncio.Event()

    @property
    def remaining(self) -> int:
        """How many offsets are left below the ends, as far as is known."""
        return sum(max(0, end - self._positions.get(partition, 0)) for partition, end in self._ends.items())

    async def start(self, on_reassignment: Callable[[], None]) -> None:
        """Connect; raises BrokerUnavailable. Nothing is ever reassigned."""
        del on_reassignment
        self._consumer = self._make_consumer()
        try:
            await start_consumer(self._consumer, self._settings.call_deadline_seconds)
        except BrokerUnavailable:
            await self.stop()
            raise
        self._consumer.assign([_theirs(partition) for partition in self._ends])

    async def stop(self) -> None:
        """Disconnect; returns in any case, after the stop deadline at the latest."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer, self._settings.stop_deadline_seconds)
        await self._cluster.close()

    def assignment(self) -> frozenset[TopicPartition]:
        """All partitions that have an end."""
        return frozenset(self._ends)

    async def poll(
        self, partitions: Collection[TopicPartition] | None = None
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """The next records below the ends, at most a batch."""
        if partitions is None and all(
            self._positions.get(partition, -1) >= end for partition, end in self._ends.items()
        ):
            self.reached.set()
            await asyncio.sleep(self._settings.poll_seconds)
            return {}
        try:
            async with asyncio.timeout(self._settings.poll_deadline_seconds):
                fetched = await fetch(self._consumer, self._settings, partitions)
        except NoOffsetForPartitionError:
            return {}  # not claimed yet: the claim will seek
        except OffsetOutOfRangeError as error:
            raise PositionLost("offset out of range") from error
        except TimeoutError as error:
            raise PositionLost("poll did not return") from error
        except KafkaError as error:
            raise BrokerUnavailable(f"poll failed: {type(error).__name__}") from error
        polled = {TopicPartition(found.topic, found.partition): batch for found, batch in fetched.items()}
        return {partition: records for partition, raw in polled.items() if (records := self._below_end(partition, raw))}

    def seek(self, partition: TopicPartition, offset: int) -> bool:
        """Read on from `offset`."""
        self._consumer.seek(_theirs(partition), offset)
        self._stand_at(partition, offset)
        return True

    def pause(self, partition: TopicPartition) -> None:
        """Fetch nothing from it until `seek`."""
        self._positions.pop(partition, None)
        self._consumer.pause(_theirs(partition))

    async def log_ranges(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, LogRange]:
        """What the log holds now."""
        return await self._cluster.log_ranges(partitions)

    async def incarnation(self) -> str:
        """The broker's cluster id."""
        return await self._cluster.incarnation()

    def _below_end(self, partition: TopicPartition, raw: Sequence[Any]) -> Sequence[Record]:
        self._stand_at(partition, raw[-1].offset + 1)
        return records_of(found for found in raw if found.offset < self._ends[partition])

    def _stand_at(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset
        if offset < self._ends[partition]:
            self._consumer.resume(_theirs(partition))
        else:
            self._consumer.pause(_theirs(partition))

    def _make_consumer(self) -> Any:
        return aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self._settings.bootstrap,
            client_id=f"{self._settings.client_id}-bounded",
            group_id=None,
            auto_offset_reset="none",
            enable_auto_commit=False,
            request_timeout_ms=int(self._settings.call_deadline_seconds * 1000),
            fetch_max_wait_ms=self._settings.fetch_max_wait_ms,
            max_partition_fetch_bytes=self._settings.fetch_partition_bytes,
            metadata_max_age_ms=60_000,
        )


def _theirs(partition: TopicPartition) -> Any:
    return aiokafka.TopicPartition(partition.topic, partition.partition)

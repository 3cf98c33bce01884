"""Kafka through aiokafka 0.14: the adapter that knows its traps, so that the consumer's rules need not."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import aiokafka
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from libs.common.streaming.aiokafka_calls import fetch, records_of
from libs.common.streaming.batch import Record, TopicPartition
from libs.common.streaming.cluster import Cluster
from libs.common.streaming.errors import BrokerUnavailable
from libs.common.streaming.settings import StreamSettings
from libs.common.streaming.source import LogRange, PositionLost

_log = logging.getLogger(__name__)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Synchronous, and it only clears: aiokafka swallows what a listener raises and delivers while one awaits."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def on_partitions_revoked(self, revoked: object) -> None:  # noqa: ARG002  # aiokafka's interface
        self._changed()

    def on_partitions_assigned(self, assigned: object) -> None:  # noqa: ARG002  # aiokafka's interface
        self._changed()


class KafkaSource:
    """A group member. PostgreSQL decides where it reads, so Kafka's own offsets are only a signal of lag."""

    def __init__(self, settings: StreamSettings, *, group: str, topics: Sequence[str]) -> None:
        self._settings = settings
        self._group = group
        self._topics = tuple(topics)
        self._cluster = Cluster(settings)
        self._consumer: Any = None

    async def start(self, on_reassignment: Callable[[], None]) -> None:
        """Connect and subscribe; raises BrokerUnavailable."""
        self._consumer = self._make_consumer()
        try:
            # Without topics: start would otherwise wait for the group without end.
            await asyncio.wait_for(self._consumer.start(), self._settings.call_deadline_seconds)
        except (KafkaError, OSError) as error:
            await self.stop()
            raise BrokerUnavailable(f"cannot join: {type(error).__name__}") from error
        self._consumer.subscribe(topics=list(self._topics), listener=_Listener(on_reassignment))

    async def stop(self) -> None:
        """Leave the group now, so that others need not wait for the session to time out."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None and not await _ends_within(consumer.stop(), self._settings.stop_deadline_seconds):
            _log.warning("consumer.stop() abandoned")
            await _ends_within(_end_tasks(consumer), 1.0)
        await self._cluster.close()

    def assignment(self) -> frozenset[TopicPartition]:
        """What the group has given us."""
        return frozenset(TopicPartition(found.topic, found.partition) for found in self._consumer.assignment())

    async def poll(
        self, partitions: Collection[TopicPartition] | None = None
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """Records from all assigned partitions, or at once from some, at most a batch."""
        try:
            async with asyncio.timeout(self._settings.poll_deadline_seconds):
                fetched = await fetch(self._consumer, self._settings, partitions)
        except NoOffsetForPartitionError:
            return {}  # not claimed yet: the claim will seek
        except OffsetOutOfRangeError as error:
            raise PositionLost("offset out of range", _named(error)) from error
        except TimeoutError as error:
            # Given up in the middle: what was drained for us is gone, positions have moved.
            raise PositionLost("poll did not return") from error
        except KafkaError as error:
            raise BrokerUnavailable(f"poll failed: {type(error).__name__}") from error
        return {TopicPartition(found.topic, found.partition): records_of(raw) for found, raw in fetched.items()}

    def seek(self, partition: TopicPartition, offset: int) -> bool:
        """Read on from `offset`; False when the partition is no longer ours."""
        theirs = aiokafka.TopicPartition(partition.topic, partition.partition)
        try:
            self._consumer.seek(theirs, offset)
            self._consumer.resume(theirs)
        except IllegalStateError:
            return False
        return True

    def pause(self, partition: TopicPartition) -> None:
        """Fetch nothing from it until `seek`."""
        with contextlib.suppress(IllegalStateError):
            self._consumer.pause(aiokafka.TopicPartition(partition.topic, partition.partition))

    async def log_ranges(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, LogRange]:
        """What the log holds now."""
        return await self._cluster.log_ranges(partitions)

    async def incarnation(self) -> str:
        """The broker's cluster id."""
        return await self._cluster.incarnation()

    def _make_consumer(self) -> Any:
        settings = self._settings
        return aiokafka.AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap,
            client_id=settings.client_id,
            group_id=self._group,
            auto_offset_reset="none",
            enable_auto_commit=True,
            auto_commit_interval_ms=5_000,
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=int(settings.session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_seconds * 1000),
            rebalance_timeout_ms=int(settings.rebalance_timeout_seconds * 1000),
            max_poll_interval_ms=int(settings.max_poll_interval_seconds * 1000),
            request_timeout_ms=int(max(settings.call_deadline_seconds, settings.session_timeout_seconds) * 1000),
            fetch_max_wait_ms=settings.fetch_max_wait_ms,
            max_partition_fetch_bytes=settings.fetch_partition_bytes,
            metadata_max_age_ms=60_000,
        )


def _named(error: OffsetOutOfRangeError) -> Iterable[TopicPartition] | None:
    """The partitions that the error names, if it names any."""
    named = error.args[0] if error.args and isinstance(error.args[0], dict) else None
    return None if named is None else [TopicPartition(found.topic, found.partition) for found in named]


async def _end_tasks(consumer: Any) -> None:
    """End what an unfinished stop() leaves running; there is no public way."""
    if consumer._coordinator is not None:  # noqa: SLF001
        await consumer._coordinator._stop_heartbeat_task()  # noqa: SLF001
        await consumer._coordinator._stop_commit_offsets_refresh_task()  # noqa: SLF001
    if consumer._fetcher is not None:  # noqa: SLF001
        await consumer._fetcher.close()  # noqa: SLF001
    await consumer._client.close()  # noqa: SLF001


async def _ends_within(closing: Coroutine[Any, Any, None], seconds: float) -> bool:
    """Whether `closing` ended well in time. With brokers down aiokafka's own CancelledError comes out of it."""
    task = asyncio.create_task(closing)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)
        return False
    return not task.cancelled() and task.exception() is None

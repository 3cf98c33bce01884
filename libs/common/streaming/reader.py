"""Reads topics from the start of their logs, without a group: for observers that own no state of ours (verifier, ERP)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import aiokafka
from aiokafka.errors import KafkaError

from libs.common.streaming.aiokafka_calls import start_consumer, stop_consumer
from libs.common.streaming.batch import TopicPartition
from libs.common.streaming.cluster import Cluster
from libs.common.streaming.errors import BrokerUnavailable
from libs.common.streaming.settings import StreamSettings


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """One record and where it lies. `value` None is a tombstone."""

    topic: str
    partition: int
    offset: int
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None
    written_at_ms: int = 0
    key: bytes | None = None

    def header(self, name: str) -> str | None:
        """The text of a header, None if it has none of that name."""
        return next((content.decode() for known, content in self.headers if known == name), None)


class TopicReader:
    """Every record of `topics`, each partition in order, from the first one that the log still holds.

    Nothing is committed: who starts again reads all again. Partitions are looked up once, at `start`.
    """

    def __init__(self, settings: StreamSettings, topics: Sequence[str]) -> None:
        self._settings = settings
        self._topics = tuple(topics)
        self._consumer: Any = None
        self._positions: dict[tuple[str, int], int] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect and go to the start of every log; raises BrokerUnavailable, also for a topic that does not exist."""
        async with Cluster(self._settings) as cluster:
            ranges = await cluster.log_ranges(await cluster.partitions(self._topics))
        if missing := set(self._topics) - {found.topic for found in ranges}:
            raise BrokerUnavailable(f"topics not found: {', '.join(sorted(missing))}")
        self._consumer = self._make_consumer()
        try:
            await start_consumer(self._consumer, self._settings.call_deadline_seconds)
        except BrokerUnavailable:
            await self.stop()
            raise
        self._consumer.assign([aiokafka.TopicPartition(found.topic, found.partition) for found in ranges])
        for found, log in ranges.items():
            self._consumer.seek(aiokafka.TopicPartition(found.topic, found.partition), log.start)
            self._positions[found.topic, found.partition] = log.start

    async def stop(self) -> None:
        """Disconnect; returns in any case, after the stop deadline at the latest."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer, self._settings.stop_deadline_seconds)

    async def read(self, *, within_seconds: float = 0.2) -> Sequence[TopicRecord]:
        """The next records, as soon as there are any; none after `within_seconds`. Raises BrokerUnavailable.

        None says nothing about the broker's health.
        """
        try:
            fetched = await self._consumer.getmany(timeout_ms=int(within_seconds * 1000), max_records=5_000)
        except KafkaError as error:
            raise BrokerUnavailable(f"read failed: {type(error).__name__}") from error
        records = [
            TopicRecord(found.topic, found.partition, raw.offset, raw.headers, raw.value, raw.timestamp, raw.key)
            for found, batch in fetched.items()
            for raw in batch
        ]
        for record in records:
            self._positions[record.topic, record.partition] = record.offset + 1
        return records

    def positions(self) -> Mapping[tuple[str, int], int]:
        """The next offset of each (topic, partition): all before it were handed over."""
        return dict(self._positions)

    async def at_end(self) -> bool:
        """Whether everything that the logs hold now was handed over; raises BrokerUnavailable."""
        async with Cluster(self._settings) as cluster:
            ends = await cluster.log_ranges(TopicPartition(*place) for place in self._positions)
        return all(self._positions[found.topic, found.partition] >= log.end for found, log in ends.items())

    def _make_consumer(self) -> Any:
        return aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self._settings.bootstrap,
            client_id=f"{self._settings.client_id}-reader",
            group_id=None,
            auto_offset_reset="none",
            enable_auto_commit=False,
            request_timeout_ms=int(self._settings.call_deadline_seconds * 1000),
            fetch_max_wait_ms=self._settings.fetch_max_wait_ms,
            metadata_max_age_ms=60_000,
        )

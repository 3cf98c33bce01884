"""What the broker says of itself and its logs; used by consumers, relays, watchdogs and drain checks."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Self, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    NotLeaderForPartitionError,
    OffsetOutOfRangeError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest

from libs.common.streaming.batch import TopicPartition
from libs.common.streaming.errors import BrokerUnavailable
from libs.common.streaming.settings import StreamSettings
from libs.common.streaming.source import LogRange

_EARLIEST, _LATEST = -2, -1
_READ_UNCOMMITTED = 0
_BEYOND_EVERY_LOG = 2**60
_LOOK_AGAIN_SECONDS = 0.1
_Found = TypeVar("_Found")
_LEADER_MOVES = (LeaderNotAvailableError, NotLeaderForPartitionError, UnknownTopicOrPartitionError)
"""Said of a partition that is in the metadata: its leader is being found, as after every start of a broker."""


class _LeaderUnknown(BrokerUnavailable):
    """The brokers answer, and do not yet agree on who leads a partition."""


class Cluster:
    """Metadata and log ranges, each call under a deadline. Connects at the first call; after a failure it connects anew.

    Every method raises BrokerUnavailable when there is no answer in time.
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._client: Any = None
        self._lock = asyncio.Lock()
        self._lists_true_ends: bool | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop the connection."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await asyncio.wait_for(client.close(), self._settings.stop_deadline_seconds)

    async def incarnation(self) -> str:
        """The cluster id: it changes when the log is another one (the embedded broker's lives in memory)."""
        async with self._connected() as client:
            # An empty list asks for no topic at all: a few bytes, so it may be asked with every batch.
            answer = await client.send(client.get_random_node(), MetadataRequest([], allow_auto_topic_creation=False))
        return str(answer.cluster_id)

    async def partitions(self, topics: Iterable[str]) -> Sequence[TopicPartition]:
        """All partitions of `topics` that exist."""
        leaders = await self._leaders(sorted(set(topics)))
        return sorted(leaders, key=lambda partition: (partition.topic, partition.partition))

    async def log_ranges(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, LogRange]:
        """First and next offset of each log. Leaders that are still being found are waited for until the deadline."""
        wanted = frozenset(partitions)
        return await self._once_led(partial(self._log_ranges, wanted)) if wanted else {}

    async def end_offsets(self, topics: Iterable[str]) -> Mapping[tuple[str, int], int]:
        """The next offset of every partition of `topics` that exists, by (topic, partition); waits for leaders as `log_ranges`."""
        wanted = sorted(set(topics))
        return await self._once_led(partial(self._end_offsets, wanted)) if wanted else {}

    async def _once_led(self, look: Callable[[], Awaitable[_Found]]) -> _Found:
        now = asyncio.get_running_loop().time
        ends_at = now() + self._settings.call_deadline_seconds
        while True:
            try:
                return await look()
            except _LeaderUnknown:
                if now() + _LOOK_AGAIN_SECONDS > ends_at:
                    raise
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _log_ranges(self, wanted: frozenset[TopicPartition]) -> Mapping[TopicPartition, LogRange]:
        leaders = await self._leaders(sorted({partition.topic for partition in wanted}))
        if missing := wanted - leaders.keys():
            raise BrokerUnavailable(f"{len(missing)} of {len(wanted)} partitions do not exist")
        starts: dict[TopicPartition, int] = {}
        ends: dict[TopicPartition, int] = {}
        async with self._connected() as client:
            for node, led in _by_node(leaders, wanted).items():
                starts |= await _list_offsets(client, node, led, _EARLIEST)
                ends |= await self._ends(client, node, led)
        return {partition: LogRange(starts[partition], ends[partition]) for partition in wanted}

    async def _end_offsets(self, topics: Sequence[str]) -> Mapping[tuple[str, int], int]:
        """Without the starts: the embedded broker goes through all batches of a log to say where it begins."""
        leaders = await self._leaders(topics)
        ends: dict[TopicPartition, int] = {}
        async with self._connected() as client:
            for node, led in _by_node(leaders, leaders).items():
                ends |= await self._ends(client, node, led)
        return {(partition.topic, partition.partition): end for partition, end in ends.items()}

    async def _ends(self, client: Any, node: int, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The logs' ends. The embedded broker lists the start of the last batch instead, but fetches tell the truth.

        It gives itself away by answering a fetch from beyond its log, which Apache Kafka refuses.
        """
        if self._lists_true_ends is not True:
            fetched = await _fetched_ends(client, node, partitions)
            self._lists_true_ends = fetched is None
            if fetched is not None:
                return fetched
        return await _list_offsets(client, node, partitions, _LATEST)

    async def _leaders(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """The leader of each partition; negative while it has none."""
        async with self._connected() as client:
            request = MetadataRequest(list(topics), allow_auto_topic_creation=False)
            answer = (await client.send(client.get_random_node(), request)).to_object()
        return {
            TopicPartition(topic["topic"], part["partition"]): part["leader"]
            for topic in answer["topics"]
            if topic["topic"] in topics and not topic["error_code"]
            for part in topic["partitions"]
        }

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        """A client under the deadline; whatever fails closes it, so that the next call starts from the bootstrap address."""
        try:
            async with asyncio.timeout(self._settings.call_deadline_seconds):
                async with self._lock:
                    if self._client is None:
                        self._client = await self._connect()
                yield self._client
        except (KafkaError, OSError) as error:  # OSError holds TimeoutError
            await self.close()
            kind = _LeaderUnknown if isinstance(error, _LEADER_MOVES) else BrokerUnavailable
            raise kind(f"no answer from the broker: {type(error).__name__}") from error

    async def _connect(self) -> Any:
        client = AIOKafkaClient(
            bootstrap_servers=self._settings.bootstrap,
            client_id=f"{self._settings.client_id}-metadata",
            request_timeout_ms=int(self._settings.call_deadline_seconds * 1000),
        )
        try:
            await client.bootstrap()
        except BaseException:
            await client.close()
            raise
        return client


def _by_node(
    leaders: Mapping[TopicPartition, int], wanted: Collection[TopicPartition]
) -> Mapping[int, Sequence[TopicPartition]]:
    """The partitions by who leads them; raises _LeaderUnknown where one has no leader now."""
    if waiting := [partition for partition in wanted if leaders[partition] < 0]:
        raise _LeaderUnknown(f"no leader for {len(waiting)} of {len(wanted)} partitions")
    by_node: dict[int, list[TopicPartition]] = defaultdict(list)
    for partition in wanted:
        by_node[leaders[partition]].append(partition)
    return by_node


async def _fetched_ends(
    client: Any, node: int, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int] | None:
    """The high watermarks that a fetch from beyond every log reports, or None when the broker refuses such a fetch."""
    ends: dict[TopicPartition, int] = {}
    wait_ms = 10
    while missing := [partition for partition in partitions if partition not in ends]:
        wanted = [(topic, [(part, _BEYOND_EVERY_LOG, 1) for part in parts]) for topic, parts in _by_topic(missing)]
        answer = await client.send(node, FetchRequest(wait_ms, 0, 1, _READ_UNCOMMITTED, wanted))
        # A busy embedded broker leaves out what it did not reach in the time that it was given.
        wait_ms *= 2
        for topic, parts in answer.topics:
            for part, error_code, highwater, *_ in parts:
                if error_code == OffsetOutOfRangeError.errno:
                    return None
                if error_code:
                    raise for_code(error_code)
                ends[TopicPartition(topic, part)] = highwater
    return ends


async def _list_offsets(
    client: Any, node: int, partitions: Sequence[TopicPartition], moment: int
) -> dict[TopicPartition, int]:
    wanted = [(topic, [(part, moment) for part in parts]) for topic, parts in _by_topic(partitions)]
    answer = await client.send(node, OffsetRequest(-1, _READ_UNCOMMITTED, wanted))
    found: dict[TopicPartition, int] = {}
    for topic, parts in answer.topics:
        for part, error_code, _timestamp, offset in parts:
            if error_code:
                raise for_code(error_code)
            found[TopicPartition(topic, part)] = offset
    return found


def _by_topic(partitions: Sequence[TopicPartition]) -> Sequence[tuple[str, Sequence[int]]]:
    by_topic: dict[str, list[int]] = defaultdict(list)
    for partition in partitions:
        by_topic[partition.topic].append(partition.partition)
    return list(by_topic.items())

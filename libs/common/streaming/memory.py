"""A broker in memory with the same ports as Kafka's adapters: for unit tests and simulations, never for a deployment."""

import asyncio
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from libs.common.errors import UsualError
from libs.common.persistence.messages import Message
from libs.common.streaming.batch import Record, TopicPartition
from libs.common.streaming.errors import BrokerUnavailable
from libs.common.streaming.source import LogRange, PositionLost


@dataclass(slots=True)
class MemoryBroker:
    """Logs by partition, and the members of each group. `down` makes every call fail; `replace` loses the logs."""

    topics: Mapping[str, int]
    cluster_id: str = "memory-1"
    down: bool = False
    logs: dict[TopicPartition, list[Record]] = field(default_factory=dict)
    starts: dict[TopicPartition, int] = field(default_factory=dict)
    members: dict[str, list["MemorySource"]] = field(default_factory=dict)
    committed: dict[tuple[str, TopicPartition], int] = field(default_factory=dict)
    """Kafka's own offsets: like its client's auto-commit, past whatever was handed out, applied or not."""

    def __post_init__(self) -> None:
        for topic, count in self.topics.items():
            for partition in range(count):
                self.logs[TopicPartition(topic, partition)] = []

    def write(self, message: Message) -> TopicPartition:
        """Append to the key's partition; raises BrokerUnavailable when down."""
        self.check()
        partition = TopicPartition(message.topic, zlib.crc32(message.key or b"") % self.topics[message.topic])
        log = self.logs[partition]
        offset = self.starts.get(partition, 0) + len(log)
        log.append(Record(offset=offset, key=message.key, headers=message.headers, value=message.value))
        return partition

    def replace(self, cluster_id: str) -> None:
        """Come back as another broker with empty logs; every member has to join again."""
        self.cluster_id = cluster_id
        self.starts.clear()
        self.committed.clear()
        for log in self.logs.values():
            log.clear()
        for group in self.members:
            self.rebalance(group)

    def trim(self, partition: TopicPartition, start: int) -> None:
        """Retention: records below `start` are gone."""
        kept = [record for record in self.logs[partition] if record.offset >= start]
        self.starts[partition] = start
        self.logs[partition] = kept

    def rebalance(self, group: str) -> None:
        """Deal the partitions out among the group's members."""
        members = self.members.get(group, [])
        for member in members:
            member.assigned = {}
        if members:
            mine = [partition for partition in self.logs if partition.topic in members[0].topics]
            for place, partition in enumerate(mine):
                members[place % len(members)].assigned[partition] = self.committed.get((group, partition), 0)
        for member in members:
            member.reassigned()

    def check(self) -> None:
        """Raise BrokerUnavailable when down."""
        if self.down:
            raise BrokerUnavailable("switched off")


class MemorySource:
    """One member of a group on a MemoryBroker; fits RecordSource."""

    def __init__(
        self, broker: MemoryBroker, *, group: str, topics: Sequence[str], batch_max_records: int = 500
    ) -> None:
        self._broker = broker
        self._group = group
        self._batch_max_records = batch_max_records
        self._paused: set[TopicPartition] = set()
        self.topics = frozenset(topics)
        self.assigned: dict[TopicPartition, int] = {}
        self.reassigned: Callable[[], None] = _nobody_listens

    async def start(self, on_reassignment: Callable[[], None]) -> None:
        """Join the group."""
        self._broker.check()
        self.reassigned = on_reassignment
        self._broker.members.setdefault(self._group, []).append(self)
        self._broker.rebalance(self._group)

    async def stop(self) -> None:
        """Leave the group."""
        members = self._broker.members.get(self._group, [])
        if self in members:
            members.remove(self)
            self._broker.rebalance(self._group)

    def assignment(self) -> frozenset[TopicPartition]:
        """What the group has given us."""
        return frozenset(self.assigned)

    async def poll(
        self, partitions: Collection[TopicPartition] | None = None
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """Records from each position; like Kafka's client it answers {} when the broker is down."""
        await asyncio.sleep(0.001)
        if self._broker.down:
            return {}
        polled: dict[TopicPartition, Sequence[Record]] = {}
        for partition, position in self.assigned.items():
            start = self._broker.starts.get(partition, 0)
            log = self._broker.logs[partition]
            if partition in self._paused or (partitions is not None and partition not in partitions):
                continue
            if not start <= position <= start + len(log):
                raise PositionLost("offset out of range", [partition])
            records = log[position - start : position - start + self._batch_max_records]
            if records:
                polled[partition] = records
                self.assigned[partition] = records[-1].offset + 1
                self._broker.committed[self._group, partition] = records[-1].offset + 1
        return polled

    def seek(self, partition: TopicPartition, offset: int) -> bool:
        """Read on from `offset`; False when the partition is no longer ours."""
        if partition not in self.assigned:
            return False
        self.assigned[partition] = offset
        self._paused.discard(partition)
        return True

    def pause(self, partition: TopicPartition) -> None:
        """Fetch nothing from it until `seek`."""
        self._paused.add(partition)

    async def log_ranges(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, LogRange]:
        """What the log holds now."""
        self._broker.check()
        starts = {partition: self._broker.starts.get(partition, 0) for partition in partitions}
        return {
            partition: LogRange(start, start + len(self._broker.logs[partition])) for partition, start in starts.items()
        }

    async def incarnation(self) -> str:
        """The broker's cluster id."""
        self._broker.check()
        return self._broker.cluster_id


class MemorySender:
    """Writes to a MemoryBroker; fits Sender."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        """Write all, or say of all why not."""
        try:
            for message in messages:
                self._broker.write(message)
        except BrokerUnavailable as error:
            return [error] * len(messages)
        return [None] * len(messages)


def _nobody_listens() -> None:
    """Before the start."""

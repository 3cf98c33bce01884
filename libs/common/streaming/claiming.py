"""Where to read on: a partition's stored offset, taken over in PostgreSQL and held against the log. Called by the consumer."""

from collections.abc import Mapping

from libs.common.persistence import offsets
from libs.common.persistence.offsets import OffsetKey
from libs.common.streaming.batch import TopicPartition
from libs.common.streaming.errors import BrokerUnavailable, LogRangeMissing
from libs.common.streaming.runtime import StreamRuntime
from libs.common.streaming.source import LogRange

_LOOKS_BEFORE_MISSING = 3


class Claims:
    """One consumer group's offsets, and how often each was found outside its log."""

    def __init__(self, runtime: StreamRuntime, group: str) -> None:
        self._runtime = runtime
        self._group = group
        self._out_of_range: dict[TopicPartition, int] = {}

    async def take(
        self, incarnation: str, ranges: Mapping[TopicPartition, LogRange]
    ) -> dict[TopicPartition, tuple[OffsetKey, int]]:
        """Own these partitions from now on, in one transaction; the next offset of each."""
        taken = {}
        async with self._runtime.transactions.begin() as tx:
            for partition in sorted(ranges, key=lambda found: (found.topic, found.partition)):
                key = OffsetKey(self._group, incarnation, partition.topic, partition.partition)
                log_start = ranges[partition].start
                next_offset = await offsets.claim(tx, key, log_start=log_start, owner=self._runtime.owner)
                taken[partition] = (key, next_offset)
        return taken

    def check_range(self, partition: TopicPartition, next_offset: int, log: LogRange) -> None:
        """Raise LogRangeMissing for an offset outside the log, after a few looks: a new leader may lag for a moment."""
        if log.start <= next_offset <= log.end:
            self._out_of_range.pop(partition, None)
            return
        looks = self._out_of_range[partition] = self._out_of_range.get(partition, 0) + 1
        problem = f"{partition.topic}[{partition.partition}]: stored {next_offset}, log {log.start}..{log.end}"
        if looks < _LOOKS_BEFORE_MISSING:
            raise BrokerUnavailable(f"offset outside the log, looking again: {problem}", slug="log-range-doubtful")
        raise LogRangeMissing(problem)

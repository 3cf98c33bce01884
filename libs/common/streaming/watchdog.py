"""Whether a consumer still makes progress: heartbeats prove nothing, a stored offset that moves does, and so does work that is committed."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from libs.common.errors import RetryableError
from libs.common.persistence.offsets import stored_offsets
from libs.common.streaming.batch import TopicPartition
from libs.common.streaming.runtime import StreamRuntime
from libs.common.streaming.source import RecordSource

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Seen:
    next_offset: int
    steps: int
    stalled_seconds: float = 0.0
    stands: bool = False


@dataclass(slots=True)
class Progress:
    """Pure bookkeeping: how long each partition has had lag without movement while everything else was well."""

    limit_seconds: float
    step_cap_seconds: float
    """The most that one look may add: a process that was paused for an hour has not seen an hour of standstill."""
    _seen: dict[TopicPartition, _Seen] = field(default_factory=dict)
    _looked_at: float | None = None

    def look(
        self,
        positions: Mapping[TopicPartition, tuple[int, int]],
        now_seconds: float,
        steps: Mapping[TopicPartition, int] = MappingProxyType({}),
    ) -> None:
        """Note (next offset, log end) of every partition in question, and how many steps its batches have said (batch.py)."""
        step = 0.0 if self._looked_at is None else min(now_seconds - self._looked_at, self.step_cap_seconds)
        self._looked_at = now_seconds
        for partition in self._seen.keys() - positions.keys():
            del self._seen[partition]
        for partition, (next_offset, end) in positions.items():
            before = self._seen.get(partition)
            taken = steps.get(partition, 0)
            stands = (
                before is not None and (before.next_offset, before.steps) == (next_offset, taken) and end > next_offset
            )
            stalled = before.stalled_seconds + step if stands and before is not None else 0.0
            self._seen[partition] = _Seen(next_offset, taken, stalled, stands)

    def excuse(self, now_seconds: float) -> None:
        """A dependency is away: no standstill is ours."""
        self._looked_at = now_seconds
        for seen in self._seen.values():
            seen.stalled_seconds = 0.0

    def stands(self, partition: TopicPartition) -> bool:
        """Whether it has lag and had not moved when it was looked at last."""
        return partition in self._seen and self._seen[partition].stands

    @property
    def stalled(self) -> list[TopicPartition]:
        """Partitions past the limit."""
        return [partition for partition, seen in self._seen.items() if seen.stalled_seconds >= self.limit_seconds]


class Watchdog:
    """Looks from outside, over connections of its own, and keeps the lag figures."""

    def __init__(
        self,
        source: RecordSource,
        runtime: StreamRuntime,
        group: str,
    ) -> None:
        self._source = source
        self._runtime = runtime
        self._group = group
        self._progress = Progress(limit_seconds=runtime.stall_seconds, step_cap_seconds=2 * runtime.look_seconds)
        self._last_assignment: frozenset[TopicPartition] = frozenset()
        self._reported: frozenset[TopicPartition] = frozenset()

    def healthy(self) -> bool:
        """False only when a partition of ours has lag, has not moved for the limit, and broker and database are well."""
        return not self._progress.stalled

    async def look(
        self,
        assignment: Iterable[TopicPartition],
        *,
        stopped: Iterable[TopicPartition],
        newest_applied_ms: Callable[[TopicPartition], int | None],
        steps: Mapping[TopicPartition, int] = MappingProxyType({}),
    ) -> None:
        """Take one sample. `stopped` partitions stand still on purpose: a restart would not help them."""
        # An assignment that went away and never came back is a known silent stall: go on judging the last one.
        self._last_assignment = frozenset(assignment) or self._last_assignment
        watched = self._last_assignment - frozenset(stopped)
        try:
            incarnation = await self._source.incarnation()
            ranges = await self._source.log_ranges(watched)
            async with self._runtime.transactions.begin() as tx:
                stored = await stored_offsets(tx, self._group, incarnation)
        except RetryableError as error:
            self._progress.excuse(self._runtime.clock.monotonic_seconds())
            _log.info("watchdog cannot look: %s", error.slug)
            return
        positions = {
            partition: (stored.get((partition.topic, partition.partition), found.start), found.end)
            for partition, found in ranges.items()
        }
        self._progress.look(positions, self._runtime.clock.monotonic_seconds(), steps)
        self._report(positions, newest_applied_ms)
        for partition in self._progress.stalled:
            _log.error("no progress in %s[%s] of %s", partition.topic, partition.partition, self._group)

    def _report(
        self,
        positions: Mapping[TopicPartition, tuple[int, int]],
        newest_applied_ms: Callable[[TopicPartition], int | None],
    ) -> None:
        now_ms = self._runtime.clock.now().timestamp() * 1000
        metrics = self._runtime.metrics
        # Somebody else's now: of the same partition the worst figure counts.
        for gone in self._reported - positions.keys():
            for figure in (metrics.lag_records, metrics.lag_seconds, metrics.progress_timestamp):
                figure.remove(self._group, gone.topic, str(gone.partition))
        self._reported = frozenset(positions)
        for partition, (next_offset, end) in positions.items():
            labels = (self._group, partition.topic, str(partition.partition))
            lag = max(0, end - next_offset)
            applied_ms = newest_applied_ms(partition)
            age = max(0.0, (now_ms - applied_ms) / 1000) if lag and applied_ms is not None else 0.0
            metrics.lag_records.labels(*labels).set(lag)
            metrics.lag_seconds.labels(*labels).set(age)
            if not self._progress.stands(partition):
                metrics.progress_timestamp.labels(*labels).set(now_ms / 1000)

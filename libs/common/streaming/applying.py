"""One batch, one transaction: offset first, then the inbox, the handler's effects and the dead letters. Used by the consumer."""

import math
from collections import Counter, deque
from collections.abc import Sequence
from functools import partial

from libs.common.contracts import Event
from libs.common.errors import InvalidMessage
from libs.common.persistence import dead_letters, inbox, offsets
from libs.common.persistence.dead_letters import DeadLetter, TooManyDeadLetters
from libs.common.persistence.transaction import Transaction
from libs.common.streaming.batch import Batch, BatchHandler, Record, TopicPartition
from libs.common.streaming.ownership import Owned
from libs.common.streaming.reading import Reading, read
from libs.common.streaming.runtime import StreamRuntime, Subscription

_JUST_NOW_SECONDS = 0.5
_STAGES = ("decoding", "offset and repeats", "effects", "commit")


class Applier:
    """Gives batches their effect. Raises what the consumer's policy needs: nothing is committed when it raises."""

    def __init__(self, runtime: StreamRuntime, subscription: Subscription, handler: BatchHandler) -> None:
        self._runtime = runtime
        self._subscription = subscription
        self._handler = handler
        self._read_lately: dict[TopicPartition, deque[tuple[float, int]]] = {}
        self.newest_ms: dict[TopicPartition, int] = {}
        """When the newest applied record was written, by partition."""
        self.steps: Counter[TopicPartition] = Counter()
        """By partition, how often a batch has committed part of what it is about before its own commit."""
        self._newest_ms = 0
        self._committed_at = -math.inf
        self._at_hand_ms: dict[TopicPartition, int] = {}

    @property
    def behind_seconds(self) -> float:
        """How old the newest record is of what is under way or was committed just now; 0 when nothing is and was."""
        newest_ms = max(self._at_hand_ms.values(), default=0)
        if self._runtime.clock.monotonic_seconds() - self._committed_at <= _JUST_NOW_SECONDS:
            newest_ms = max(newest_ms, self._newest_ms)
        if not newest_ms:
            return 0.0
        return max(0.0, self._runtime.clock.now().timestamp() - newest_ms / 1000)

    async def apply(self, partition: TopicPartition, owned: Owned, records: Sequence[Record]) -> None:
        """Apply `records` from `owned.next_offset` on and move `owned` with the commit.

        When the handler cannot say which record is invalid, each gets a transaction of its own, and the one that
        still fails becomes a dead letter: no poison stops a partition.
        """
        wanted = [record for record in records if record.offset >= owned.next_offset]
        if not wanted:
            return
        self._at_hand_ms[partition] = wanted[-1].timestamp_ms
        try:
            await self._apply(partition, owned, wanted)
        finally:
            del self._at_hand_ms[partition]

    async def _apply(self, partition: TopicPartition, owned: Owned, wanted: Sequence[Record]) -> None:
        try:
            await self._commit(partition, owned, wanted)
        except InvalidMessage as error:
            if len(wanted) == 1:
                await self._set_aside(partition, owned, wanted[0], error)
                return
            for record in wanted:
                await self._apply(partition, owned, [record])

    async def _commit(self, partition: TopicPartition, owned: Owned, records: Sequence[Record]) -> None:
        labels = (self._subscription.group, partition.topic)
        clock, metrics = self._runtime.clock, self._runtime.metrics
        stages = [clock.monotonic_seconds()]
        reading = read(records, self._runtime.decode, compacted=self._subscription.is_compacted(partition.topic))
        stages.append(clock.monotonic_seconds())
        async with self._runtime.transactions.begin() as tx:
            await self._advance(tx, owned, records)
            fresh = await self._unseen(tx, reading.events)
            stages.append(clock.monotonic_seconds())
            letters = [*reading.letters, *await self._handle(tx, partition, owned, reading, fresh)]
            await self._keep(tx, partition, owned, letters, records=len(records))
            stages.append(clock.monotonic_seconds())
        self._committed(partition, owned, records, letters)
        stages.append(clock.monotonic_seconds())
        for stage, began, ended in zip(_STAGES, stages, stages[1:], strict=False):
            metrics.stage_seconds.labels(*labels, stage).inc(max(0.0, ended - began))
        metrics.batch_seconds.labels(*labels).observe(stages[-1] - stages[1])
        metrics.deduplicated.labels(*labels).inc(len(reading.events) - len(fresh))
        metrics.skipped.labels(*labels).inc(reading.unknown)

    async def _set_aside(self, partition: TopicPartition, owned: Owned, record: Record, error: InvalidMessage) -> None:
        """One record whose handling failed for good: its transaction holds the dead letter and nothing else."""
        letters = [record.as_dead_letter(error.slug, error.detail)]
        async with self._runtime.transactions.begin() as tx:
            await self._advance(tx, owned, [record])
            await self._keep(tx, partition, owned, letters, records=1)
        self._committed(partition, owned, [record], letters)

    async def _advance(self, tx: Transaction, owned: Owned, records: Sequence[Record]) -> None:
        await offsets.advance(
            tx,
            owned.key,
            expected=owned.next_offset,
            next_offset=records[-1].offset + 1,
            owner=self._runtime.owner,
        )

    async def _unseen(self, tx: Transaction, events: Sequence[tuple[Event, Record]]) -> Sequence[tuple[Event, Record]]:
        """The events that had no effect yet; of repeats within the batch the first."""
        if not self._subscription.deduplicate:
            return events
        event_ids = [event.event_id for event, _ in events]
        new = await inbox.mark_seen(tx, event_ids, scope=self._subscription.group)
        if len(new) == len(events):
            return events
        fresh = []
        for event_id, read_event in zip(event_ids, events, strict=True):
            if event_id in new:
                new.discard(event_id)
                fresh.append(read_event)
        return fresh

    async def _handle(
        self,
        tx: Transaction,
        partition: TopicPartition,
        owned: Owned,
        reading: Reading,
        fresh: Sequence[tuple[Event, Record]],
    ) -> Sequence[DeadLetter]:
        if not fresh and not reading.tombstones:
            return ()
        batch = Batch(
            partition=partition,
            group=owned.key.group,
            incarnation=owned.key.incarnation,
            events=[event for event, _ in fresh],
            tombstones=reading.tombstones,
            _records={id(event): record for event, record in fresh},
            _on_step=partial(self._step, partition),
        )
        await self._handler(tx, batch)
        if batch.rejected and self._subscription.deduplicate:
            # It had no effect: its id must stay free, or a corrected redrive would be taken for a repeat.
            await inbox.forget(tx, batch.rejected_ids, scope=self._subscription.group)
        return batch.rejected

    def _step(self, partition: TopicPartition) -> None:
        self.steps[partition] += 1

    async def _keep(
        self,
        tx: Transaction,
        partition: TopicPartition,
        owned: Owned,
        letters: Sequence[DeadLetter],
        *,
        records: int,
    ) -> None:
        if not letters:
            return
        limit = self._subscription.limit
        await dead_letters.keep(tx, owned.key, letters)
        kept = await dead_letters.recent(tx, owned.key, window_seconds=limit.window_seconds)
        seen = records + self._records_lately(partition)
        if limit.exceeded(dead_letters=kept, records=seen):
            raise TooManyDeadLetters(
                f"{partition.topic}[{partition.partition}]: {kept} of {seen} records invalid, last: {letters[-1].reason}"
            )

    def _records_lately(self, partition: TopicPartition) -> int:
        """Records committed within the limit's window by this process."""
        lately = self._read_lately.setdefault(partition, deque())
        since = self._runtime.clock.monotonic_seconds() - self._subscription.limit.window_seconds
        while lately and lately[0][0] < since:
            lately.popleft()
        return sum(count for _, count in lately)

    def _committed(
        self, partition: TopicPartition, owned: Owned, records: Sequence[Record], letters: Sequence[DeadLetter]
    ) -> None:
        """Move on in memory, and count: all of it only now."""
        owned.next_offset = records[-1].offset + 1
        self.newest_ms[partition] = self._newest_ms = records[-1].timestamp_ms
        self._committed_at = self._runtime.clock.monotonic_seconds()
        clock, metrics = self._runtime.clock, self._runtime.metrics
        self._read_lately.setdefault(partition, deque()).append((clock.monotonic_seconds(), len(records)))
        self._records_lately(partition)
        group, topic = self._subscription.group, partition.topic
        metrics.records.labels(group, topic).inc(len(records))
        metrics.bytes.labels(group, topic).inc(sum([record.size_bytes for record in records]))
        for letter in letters:
            metrics.dead_letters.labels(group, topic, letter.reason).inc()

"""The loop at the heart: a partition's batch, its effects and its offset become true in one PostgreSQL transaction, or not at all.

Started by each service's worker. PostgreSQL says where to read; Kafka only carries. See docs/adr/0007.
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

from libs.common.errors import RetryableError
from libs.common.persistence.dead_letters import TooManyDeadLetters
from libs.common.persistence.offsets import OwnershipLost
from libs.common.streaming.applying import Applier
from libs.common.streaming.batch import BatchHandler, OwnershipListener, Record, TopicPartition
from libs.common.streaming.claiming import Claims
from libs.common.streaming.kafka_source import KafkaSource
from libs.common.streaming.ownership import Owned, Ownership
from libs.common.streaming.runtime import StreamRuntime, Subscription
from libs.common.streaming.source import PositionLost, RecordSource
from libs.common.streaming.under_way import UnderWay
from libs.common.streaming.watchdog import Watchdog

_log = logging.getLogger(__name__)


class Consumer:
    """Reads a subscription until stopped and applies each batch exactly once in effect.

    `run` raises LogRangeMissing when the log does not hold what we need, and whatever a handler raises that is
    neither retryable nor invalid: uncommitted, so that nothing is lost by the crash.
    """

    def __init__(
        self,
        runtime: StreamRuntime,
        subscription: Subscription,
        handler: BatchHandler,
        *,
        source: RecordSource | None = None,
        on_ownership_lost: OwnershipListener | None = None,
    ) -> None:
        self._runtime = runtime
        self._subscription = subscription
        self._source = source or KafkaSource(
            runtime.settings, group=subscription.group, topics=[topic.name for topic in subscription.topics]
        )
        self._ownership = Ownership(on_lost=on_ownership_lost or _nothing_held)
        self._applier = Applier(runtime, subscription, handler)
        self._claims = Claims(runtime, subscription.group)
        self._watchdog = Watchdog(self._source, runtime, subscription.group)
        self._incarnation: str | None = None
        self._stopping = asyncio.Event()
        self._started = False

    @property
    def subscription(self) -> Subscription:
        """What this consumer reads: the documents are made from it."""
        return self._subscription

    async def run(self) -> None:
        """Consume until `stop`; then finish the batch at hand, leave the group and return."""
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch(), name="watchdog")
                try:
                    await self._consume()
                finally:
                    watching.cancel()
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        finally:
            self._ownership.lose_all()
            await self._source.stop()

    def stop(self) -> None:
        """Ask `run` to end after the batch at hand."""
        self._stopping.set()

    async def healthy(self) -> bool:
        """For `/livez`: false only for lag without progress while broker and database are well."""
        return self._watchdog.healthy()

    async def flowing(self) -> bool:
        """For `/readyz`: false when a partition was stopped because too much of it was invalid."""
        return not self._ownership.stopped

    @property
    def owned(self) -> Mapping[TopicPartition, int]:
        """Partitions owned now, with the next offset of each."""
        return {partition: held.next_offset for partition, held in self._ownership.owned.items()}

    @property
    def behind_seconds(self) -> float:
        """How old the newest record is that was applied just now; 0 when nothing was: work that can wait asks for this."""
        return self._applier.behind_seconds

    async def _consume(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._turns(UnderWay(tasks, self._subscription.side_by_side))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _turns(self, under_way: UnderWay) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._turn(under_way)
                failures = 0
            except PositionLost as lost:
                _log.warning("positions lost: %s", lost)
                self._ownership.lose(lost.partitions or tuple(self._ownership.owned))
            except RetryableError as error:
                failures += 1
                _log.warning(
                    "consumer %s waits: %s", self._subscription.group, error.slug, extra={"detail": error.detail}
                )
                await self._rest(self._runtime.backoff.delay_seconds(failures))

    async def _turn(self, under_way: UnderWay) -> None:
        """Start if needed, claim what is new, poll, begin what was owned before the poll and still is.

        What is under way meanwhile is of other partitions: the database is at one batch while the next is decoded.
        """
        if not self._started:
            await self._source.start(self._reassigned)
            self._started = True
        await under_way.room()
        busy = frozenset(under_way.partitions)
        await self._claim(busy)
        before = {name: owned for name, owned in self._ownership.owned.items() if name not in busy}
        polled = await self._poll(tuple(before) if busy else None)
        # A batch that was fetched before its claim or under another epoch is thrown away: the next claim seeks anew.
        pending = {partition: before[partition] for partition in polled if partition in before}
        try:
            if pending:
                # Asked after the fetch: what was fetched can only come from this log or an older one, never a newer.
                await self._follow_log()
            for partition, owned in tuple(pending.items()):
                under_way.begin(partition, partial(self._apply_if_owned, partition, owned, polled[partition]))
                del pending[partition]
        finally:
            self._give_up(pending)
        if busy and not polled:
            await under_way.one_through(busy, within_seconds=self._runtime.settings.poll_seconds)

    async def _apply_if_owned(self, partition: TopicPartition, owned: Owned, records: Sequence[Record]) -> None:
        unapplied = {partition: owned}
        try:
            if self._ownership.still(partition, owned) and not self._stopping.is_set():
                await self._apply(partition, owned, records)
                del unapplied[partition]
        finally:
            self._give_up(unapplied)

    def _give_up(self, unapplied: Mapping[TopicPartition, Owned]) -> None:
        """The log's position is past their records and nobody applied them: read them again, never skip them."""
        self._ownership.lose(
            partition for partition, owned in unapplied.items() if self._ownership.still(partition, owned)
        )

    async def _poll(self, partitions: Collection[TopicPartition] | None) -> Mapping[TopicPartition, Sequence[Record]]:
        """Poll, but end at once when asked to stop: a rebalance may hold a poll for long."""
        if partitions is not None and not partitions:
            return {}
        polling = asyncio.ensure_future(self._source.poll(partitions))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return polling.result() if polling.done() else {}
        finally:
            for task in (polling, stopping):
                task.cancel()
            await asyncio.gather(polling, stopping, return_exceptions=True)

    async def _follow_log(self) -> None:
        """Give up everything when the broker came back with another log: its offsets mean something else."""
        incarnation = await self._source.incarnation()
        if incarnation != self._incarnation:
            if self._incarnation is not None:
                _log.warning("the broker has another log: offsets start anew")
            self._incarnation = incarnation
            self._ownership.lose_all()

    async def _claim(self, under_way: Collection[TopicPartition]) -> None:
        """Take the offsets of newly assigned partitions from PostgreSQL and seek there; not before their batch is through."""
        now = self._runtime.clock.monotonic_seconds()
        new = self._ownership.claimable(self._source.assignment() - set(under_way), now_seconds=now)
        if not new:
            return
        epoch = self._ownership.epoch
        await self._follow_log()
        ranges = await self._source.log_ranges(new)
        stored = await self._claims.take(str(self._incarnation), ranges)
        if epoch != self._ownership.epoch:
            return
        for partition, (key, next_offset) in stored.items():
            self._claims.check_range(partition, next_offset, ranges[partition])
            if self._source.seek(partition, next_offset):
                self._ownership.owned[partition] = Owned(key, next_offset)

    async def _apply(self, partition: TopicPartition, owned: Owned, records: Sequence[Record]) -> None:
        """Give one batch its effect. The error's type decides what becomes of it; anything unknown goes up."""
        metrics, group, topic = self._runtime.metrics, self._subscription.group, partition.topic
        try:
            await self._applier.apply(partition, owned, records)
            self._ownership.went_well(partition)
        except OwnershipLost as lost:
            metrics.conflicts.labels(group, topic).inc()
            _log.warning("offset conflict: %s", lost.detail)
            self._ownership.lose((partition,))
        except TooManyDeadLetters as error:
            _log.error("partition stopped: %s", error.detail)  # its cause is in the dead letters
            self._source.pause(partition)
            self._ownership.stopped[partition] = error.detail
            self._ownership.lose((partition,))
            metrics.stopped.labels(group, topic, str(partition.partition)).set(1)
        except RetryableError as error:
            metrics.retries.labels(group, topic, error.slug).inc()
            _log.warning(
                "batch of %s[%s] put off: %s", topic, partition.partition, error.slug, extra={"detail": error.detail}
            )
            self._source.pause(partition)
            delay = self._runtime.backoff.delay_seconds(self._ownership.failures(partition) + 1)
            self._ownership.put_off(partition, until_seconds=self._runtime.clock.monotonic_seconds() + delay)

    def _reassigned(self) -> None:
        self._runtime.metrics.rebalances.labels(self._subscription.group).inc()
        self._ownership.reassigned()

    async def _watch(self) -> None:
        while not self._stopping.is_set():
            await self._rest(self._runtime.look_seconds)
            if self._started and not self._stopping.is_set():
                await self._watchdog.look(
                    self._source.assignment(),
                    stopped=tuple(self._ownership.stopped),
                    newest_applied_ms=self._applier.newest_ms.get,
                    steps=self._applier.steps,
                )

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _nothing_held(partitions: Iterable[TopicPartition]) -> None:
    """For consumers that keep no state in memory."""

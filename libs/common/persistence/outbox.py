"""The append outbox: events written in the transaction of their state, relayed in order per key until acknowledged."""

import zlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from libs.common.persistence.messages import OutboxMessage, decode_headers, encode_headers
from libs.common.persistence.relay import RelayLoop, RelayRuntime, allow_waiting
from libs.common.persistence.transaction import Transaction

BUCKETS = 16
_MOST_HELD = 4_000

_APPEND = text("""
    INSERT INTO outbox (bucket, topic, key, headers, value)
    SELECT * FROM unnest(CAST(:buckets AS smallint[]), CAST(:topics AS text[]), CAST(:keys AS bytea[]),
                         CAST(:headers AS bytea[]), CAST(:message_values AS bytea[]))
""")
# Two statements on purpose: the rows are read by a snapshot taken after the locks, so what the previous
# holder deleted is not read again. Never "id > last": the order of ids is not the order of commits.
_CLAIM = text("""
    WITH waiting AS (
        SELECT DISTINCT bucket
        FROM (SELECT bucket FROM outbox WHERE bucket <> ALL(CAST(:resting AS smallint[])) ORDER BY id LIMIT :head) AS head
    )
    SELECT bucket FROM waiting WHERE pg_try_advisory_xact_lock(hashtext(:lock_name), bucket)
""")
_ROWS = text("""
    SELECT id, bucket, topic, key, headers, value FROM outbox
    WHERE bucket = ANY(CAST(:buckets AS smallint[]))
      AND (topic, coalesce(key, '')) NOT IN (SELECT * FROM unnest(CAST(:held_topics AS text[]), CAST(:held_keys AS bytea[])))
    ORDER BY id LIMIT :batch_rows
""")
_DELETE = text("DELETE FROM outbox WHERE id = ANY(CAST(:ids AS bigint[]))")
_ANY = text("SELECT EXISTS (SELECT 1 FROM outbox)")
_WAITING = text("""
    SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 100000) AS head) AS waiting_rows,
           coalesce(extract(epoch FROM clock_timestamp()
                    - (SELECT created_at FROM outbox ORDER BY id LIMIT 1)), 0)::float8 AS oldest_age_seconds
""")


def bucket_of(message: OutboxMessage) -> int:
    """Messages of one key share a bucket, so one relay at a time sends them."""
    return zlib.crc32(message.topic.encode() + b"\0" + (message.key or b"")) % BUCKETS


async def append(tx: Transaction, messages: Sequence[OutboxMessage]) -> None:
    """Write `messages` in the caller's transaction: they leave if and only if it commits, at least once.

    Order per key holds when writers of one key exclude each other (one partition's owner, or a row lock) before they append.
    """
    if not messages:
        return
    await tx.connection.execute(
        _APPEND,
        {
            "buckets": [bucket_of(message) for message in messages],
            "topics": [message.topic for message in messages],
            "keys": [message.key for message in messages],
            "headers": [encode_headers(message.headers) for message in messages],
            "message_values": [message.value for message in messages],
        },
    )


async def unsent(tx: Transaction) -> int:
    """Rows that wait (counted up to 100 000); 0 means drained."""
    return int((await tx.connection.execute(_WAITING)).one().waiting_rows)


class OutboxRelay:
    """Publishes one schema's outbox. Several may run: an advisory lock gives each bucket to one of them at a time.

    A row is deleted only after the broker's acknowledgement. A crash in between sends it again: consumers drop
    repeats by event id.
    """

    name = "outbox"

    def __init__(self, runtime: RelayRuntime) -> None:
        self._runtime = runtime
        self._resting: dict[int, tuple[int, float]] = {}  # bucket -> (failures in a row, not before)
        # By bucket: (topic, key) of what failed since something of it left.
        self._held: dict[int, set[tuple[str, bytes]]] = {}
        self._measured_at: float | None = None
        self._loop = RelayLoop(
            self.run_once,
            name=self.name,
            backoff=runtime.backoff,
            idle_seconds=runtime.idle_seconds,
            full=runtime.batch_rows,
        )

    async def run(self) -> None:
        """Relay until `stop`; outages are waited out, bugs raise."""
        await self._loop.run()

    def stop(self) -> None:
        """End `run` after the present batch."""
        self._loop.stop()

    async def run_once(self) -> int:
        """Publish one batch and return how many rows were acknowledged and deleted."""
        if not self._measure_is_due() and not await self._runtime.transactions.peek(_ANY):
            return 0
        async with self._runtime.transactions.begin() as tx:
            await self._measure(tx)
            rows = await self._claim(tx)
            if not rows:
                return 0
            await allow_waiting(tx)
            outcomes = await self._runtime.sender.send_many([_message(row) for row in rows])
            acknowledged = [row.id for row, failure in zip(rows, outcomes, strict=True) if failure is None]
            self._note(rows, outcomes)
            if acknowledged:
                await tx.connection.execute(_DELETE, {"ids": acknowledged})
        self._runtime.metrics.published.labels(self.name).inc(len(acknowledged))
        return len(acknowledged)

    async def _claim(self, tx: Transaction) -> Sequence[Any]:
        now = self._runtime.clock.monotonic_seconds()
        resting = [bucket for bucket, (_, not_before) in self._resting.items() if not_before > now]
        claimed = await tx.connection.execute(
            _CLAIM,
            {"resting": resting, "head": self._runtime.batch_rows, "lock_name": f"{tx.schema}.outbox"},
        )
        buckets = list(claimed.scalars())
        if not buckets:
            return ()
        held = [name for bucket in buckets for name in self._held.get(bucket, ())]
        parameters = {"buckets": buckets, "batch_rows": self._runtime.batch_rows}
        topics, keys = [topic for topic, _ in held], [key for _, key in held]
        rows = (await tx.connection.execute(_ROWS, {**parameters, "held_topics": topics, "held_keys": keys})).all()
        if len(rows) < self._runtime.batch_rows:
            for bucket in set(buckets) - {row.bucket for row in rows}:
                self._held.pop(bucket, None)  # nothing is behind them: their turn again
        return rows

    def _hold(self, rows: Sequence[Any], outcomes: Sequence[Any]) -> None:
        """Pass over the keys that failed, until something of their bucket has left: thousands of them must not stand before all others.

        The rows of a key are passed over together, so their order stays.
        """
        left = {row.bucket for row, failure in zip(rows, outcomes, strict=True) if failure is None}
        for bucket in {row.bucket for row in rows}:
            held = self._held.setdefault(bucket, set())
            held |= {(row.topic, row.key or b"") for row in rows if row.bucket == bucket}
            if bucket in left or len(held) > _MOST_HELD:
                del self._held[bucket]

    def _note(self, rows: Sequence[Any], outcomes: Sequence[Any]) -> None:
        """Let a bucket with a failure rest, so that one bad partition does not fill every batch."""
        self._hold(rows, outcomes)
        failed: dict[int, str] = {}
        for row, failure in zip(rows, outcomes, strict=True):
            if failure is not None:
                failed.setdefault(row.bucket, failure.slug)
                self._runtime.metrics.failed.labels(self.name, failure.slug).inc()
        for bucket in {row.bucket for row in rows}:
            if bucket not in failed:
                self._resting.pop(bucket, None)
                continue
            failures = self._resting.get(bucket, (0, 0.0))[0] + 1
            self._resting[bucket] = (
                failures,
                self._runtime.clock.monotonic_seconds() + self._runtime.backoff.delay_seconds(failures),
            )

    def _measure_is_due(self) -> bool:
        since = self._measured_at
        return since is None or self._runtime.clock.monotonic_seconds() - since >= self._runtime.measure_seconds

    async def _measure(self, tx: Transaction) -> None:
        if not self._measure_is_due():
            return
        self._measured_at = self._runtime.clock.monotonic_seconds()
        waiting = (await tx.connection.execute(_WAITING)).one()
        self._runtime.metrics.rows.labels(self.name).set(waiting.waiting_rows)
        self._runtime.metrics.oldest_age_seconds.labels(self.name).set(waiting.oldest_age_seconds)


def _message(row: Any) -> OutboxMessage:
    return OutboxMessage(topic=row.topic, key=row.key, headers=decode_headers(row.headers), value=row.value)

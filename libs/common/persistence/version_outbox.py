"""The newest-state outbox: rows whose version is above what was published; intermediate versions coalesce."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Table, Update, bindparam, func, select, text, tuple_, update

from libs.common.persistence.messages import OutboxMessage
from libs.common.persistence.relay import RelayLoop, RelayRuntime, allow_waiting
from libs.common.persistence.transaction import Transaction

_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext(:lock_name), 0)")
_LOG = text("SELECT incarnation, since FROM version_relays WHERE relay = :relay")
_NEW_LOG = text("""
    INSERT INTO version_relays (relay, incarnation) VALUES (:relay, :incarnation)
    ON CONFLICT (relay) DO UPDATE SET incarnation = excluded.incarnation, since = now()
""")
_COUNTED_ROWS = 100_000
_TURNING_TO = "turning to "
BATCHES_UNMARKED = 20
"""Together, when the broker's log is another one: no statement is about a whole table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedTable:
    """A table of newest states. Writers raise `version` with every change (from 1); `published_version` starts at 0.

    It wants a partial index on the key `WHERE version > published_version`.
    `encode` turns a row into its message, a tombstone for a state that is gone.
    """

    table: Table
    key: tuple[str, ...]
    encode: Callable[[Any], OutboxMessage]
    version: str = "version"
    published: str = "published_version"

    @property
    def name(self) -> str:
        """Its name in metrics, logs and locks."""
        return self.table.name

    @property
    def unpublished(self) -> ColumnElement[bool]:
        """Rows that the topic does not show yet."""
        return self.table.c[self.version] > self.table.c[self.published]


async def unpublished_rows(tx: Transaction, versioned: VersionedTable) -> int:
    """Rows that wait (counted up to 100 000); 0 means caught up."""
    head = select(1).select_from(versioned.table).where(versioned.unpublished).limit(_COUNTED_ROWS).subquery()
    return int((await tx.connection.execute(select(func.count()).select_from(head))).scalar_one())


class VersionRelay:
    """Publishes the newest version of each row. Of several, one works at a time and the others stand by.

    Versions of a key reach the topic in rising order, except that a repeat after a crash may follow: consumers
    ignore a version that is not above the one they know. A new broker log (another `incarnation`) makes it publish
    every row again.
    """

    def __init__(
        self, runtime: RelayRuntime, versioned: VersionedTable, incarnation: Callable[[], Awaitable[str]]
    ) -> None:
        self._runtime = runtime
        self._versioned = versioned
        self._incarnation = incarnation
        self._after: tuple[Any, ...] | None = None
        # Since when a turn to another log is under way, and up to which key.
        self._unmarked: tuple[object, tuple[Any, ...] | None] = (None, None)
        self._measured_at: float | None = None
        self._caught_up_at = runtime.clock.monotonic_seconds()
        self._failures = 0
        self._not_before = 0.0
        self._key = [versioned.table.c[name] for name in versioned.key]
        # Ordered by the key, so that the planner takes the small partial index; asked for any row it reads the table.
        self._any_unpublished = (
            select(1).select_from(versioned.table).where(versioned.unpublished).order_by(*self._key).limit(1)
        )
        self._doubtful: list[tuple[Any, ...]] = []
        self._loop = RelayLoop(
            self.run_once,
            name=versioned.name,
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
        """Publish one batch and return how many rows are now shown by the topic."""
        if self._runtime.clock.monotonic_seconds() < self._not_before:
            return 0
        if not self._measure_is_due() and not await self._runtime.transactions.peek(self._any_unpublished):
            return 0
        incarnation = await self._incarnation()
        async with self._runtime.transactions.begin() as tx:
            lock = {"lock_name": f"{tx.schema}.{self._versioned.name}"}
            if not (await tx.connection.execute(_LOCK, lock)).scalar_one():
                self._measured_at = self._runtime.clock.monotonic_seconds()  # another one works and measures
                return 0
            if not await self._follows_log(tx, incarnation):
                return 0
            await self._rewind(tx)
            await self._measure(tx)
            rows = await self._claim(tx)
            if rows:
                shown, doubtful = await self._send(tx, rows)
        if not rows:
            self._doubtful = []
            return 0
        self._doubtful = doubtful
        self._runtime.metrics.published.labels(self._versioned.name).inc(len(shown))
        return len(shown)

    async def _send(self, tx: Transaction, rows: Sequence[Any]) -> tuple[Sequence[Any], list[tuple[Any, ...]]]:
        """Send, mark what was acknowledged; return it, and the keys of what may or may not have arrived."""
        # Until the commit all of it is in doubt, what was in doubt before included.
        self._doubtful = list(dict.fromkeys([*self._doubtful, *(self._key_of(row) for row in rows)]))
        await allow_waiting(tx)
        outcomes = await self._runtime.sender.send_many([self._versioned.encode(row) for row in rows])
        shown = [row for row, failure in zip(rows, outcomes, strict=True) if failure is None]
        self._note(outcomes)
        await self._mark(tx, shown)
        return shown, [self._key_of(row) for row, failure in zip(rows, outcomes, strict=True) if failure is not None]

    async def _rewind(self, tx: Transaction) -> None:
        """Publish again, at their newest version, the rows whose last sending did not end in a commit.

        A send without acknowledgement, or one by a process that was paused meanwhile, may reach the topic after a newer
        version that another relay sent: an old state must not stay the last one of its key.
        """
        if self._doubtful:
            await tx.connection.execute(
                self._update_one({self._versioned.published: 0}), [self._key_parameters(key) for key in self._doubtful]
            )

    async def _follows_log(self, tx: Transaction, incarnation: str) -> bool:
        """Whether the broker's log is the one that the rows are marked for; of another one it unmarks so many of them, and nothing is sent."""
        relay = self._versioned.name
        known = (await tx.connection.execute(_LOG, {"relay": relay})).one_or_none()
        if known is not None and known.incarnation == incarnation:
            return True
        turning = f"{_TURNING_TO}{incarnation}"
        if known is None or known.incarnation != turning:
            if known is not None:
                tx.on_commit(self._runtime.metrics.republished.labels(relay).inc)
            await tx.connection.execute(_NEW_LOG, {"relay": relay, "incarnation": turning})
            known = (await tx.connection.execute(_LOG, {"relay": relay})).one()
        began, after = self._unmarked
        if not await self._unmark(tx, known.since, after if began == known.since else None):
            return False
        await tx.connection.execute(_NEW_LOG, {"relay": relay, "incarnation": incarnation})
        return True

    async def _unmark(self, tx: Transaction, turning_since: object, after: tuple[Any, ...] | None) -> bool:
        """Mark the rows after this key as unpublished, so many of them; whether those were the last."""
        key, published = tuple_(*self._key), self._versioned.table.c[self._versioned.published]
        behind = [] if after is None else [key > tuple_(*after)]
        most = BATCHES_UNMARKED * self._runtime.batch_rows
        rows = (await tx.connection.execute(select(*self._key).where(*behind).order_by(*self._key).limit(most))).all()
        if rows:
            until = tuple(rows[-1])
            unmarked = update(self._versioned.table).where(*behind, key <= tuple_(*until), published > 0)
            await tx.connection.execute(unmarked.values({published: 0}))
            tx.on_commit(partial(setattr, self, "_unmarked", (turning_since, until)))
        return len(rows) < most

    async def _claim(self, tx: Transaction) -> Sequence[Any]:
        """The next rows in key order, going round, so that rows that change all the time starve no others."""
        query = select(self._versioned.table).where(self._versioned.unpublished)
        if self._after is not None:
            query = query.where(tuple_(*self._key) > tuple_(*self._after))
        rows = (await tx.connection.execute(query.order_by(*self._key).limit(self._runtime.batch_rows))).all()
        if not rows and self._after is not None:
            self._after = None
            return await self._claim(tx)
        self._after = self._key_of(rows[-1]) if len(rows) == self._runtime.batch_rows else None
        return rows

    async def _mark(self, tx: Transaction, shown: Sequence[Any]) -> None:
        if not shown:
            return
        published = self._versioned.table.c[self._versioned.published]
        await tx.connection.execute(
            self._update_one({self._versioned.published: func.greatest(published, bindparam("shown_version"))}),
            [
                {**self._key_parameters(self._key_of(row)), "shown_version": row._mapping[self._versioned.version]}  # noqa: SLF001  # a Row's public mapping
                for row in shown
            ],
        )

    def _update_one(self, values: dict[str, Any]) -> Update:
        matches = [column == bindparam(f"key_{place}") for place, column in enumerate(self._key)]
        return update(self._versioned.table).where(*matches).values(values)

    def _key_parameters(self, key: tuple[Any, ...]) -> dict[str, Any]:
        return {f"key_{place}": part for place, part in enumerate(key)}

    def _key_of(self, row: Any) -> tuple[Any, ...]:
        return tuple(row._mapping[name] for name in self._versioned.key)  # noqa: SLF001  # a Row's public mapping

    def _note(self, outcomes: Sequence[Any]) -> None:
        failures = [failure for failure in outcomes if failure is not None]
        for failure in failures:
            self._runtime.metrics.failed.labels(self._versioned.name, failure.slug).inc()
        self._failures = self._failures + 1 if failures else 0
        if failures:
            self._not_before = self._runtime.clock.monotonic_seconds() + self._runtime.backoff.delay_seconds(
                self._failures
            )

    def _measure_is_due(self) -> bool:
        """Due also means: look whether the broker's log is still the same, and settle what is in doubt."""
        since = self._measured_at
        return since is None or self._runtime.clock.monotonic_seconds() - since >= self._runtime.measure_seconds

    async def _measure(self, tx: Transaction) -> None:
        if not self._measure_is_due():
            return
        now = self._measured_at = self._runtime.clock.monotonic_seconds()
        waiting = await unpublished_rows(tx, self._versioned)
        if not waiting:
            self._caught_up_at = now
        self._runtime.metrics.rows.labels(self._versioned.name).set(waiting)
        self._runtime.metrics.oldest_age_seconds.labels(self._versioned.name).set(now - self._caught_up_at)

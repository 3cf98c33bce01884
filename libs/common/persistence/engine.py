"""The connection pool of one service and one role; called by each service's bootstrap."""

import time
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_RETURNED_AT = "returned_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits that the server keeps. A cancelled task can leave its backend at work; these end it."""

    statement_ms: int
    lock_ms: int
    idle_in_transaction_ms: int

    @classmethod
    def api(cls) -> Self:
        """For requests that somebody waits for."""
        return cls(statement_ms=1_000, lock_ms=500, idle_in_transaction_ms=5_000)

    @classmethod
    def worker(cls) -> Self:
        """For batches and relays. A paused process holds its partition's row for no longer than the idle limit.

        Relays ask for more within their own transactions: they wait for the broker there.
        """
        return cls(statement_ms=10_000, lock_ms=5_000, idle_in_transaction_ms=8_000)

    @classmethod
    def migrate(cls) -> Self:
        """For schema changes: never wait long for a lock that traffic needs."""
        return cls(statement_ms=600_000, lock_ms=3_000, idle_in_transaction_ms=60_000)

    @classmethod
    def unlimited(cls) -> Self:
        """For a database of one's own on a machine that may be busy with other things: nobody waits behind, being slow is no error."""
        return cls(statement_ms=0, lock_ms=0, idle_in_transaction_ms=0)

    @classmethod
    def whole_tables(cls) -> Self:
        """For jobs that read or write whole tables: a statement takes as long as the table is great."""
        return cls(statement_ms=0, lock_ms=5_000, idle_in_transaction_ms=600_000)


def make_engine(
    url: str,
    *,
    schema: str,
    application_name: str,
    timeouts: Timeouts | None = None,
    pool_size: int = 5,
    trusted_seconds: float = 1.0,
) -> AsyncEngine:
    """An engine whose connections see `schema` first and end their own overlong statements (default: worker limits).

    A connection that the server has closed is replaced before anybody notices, and one that has been idle for `trusted_seconds` is
    asked first whether it still leads anywhere. `url` is `postgresql+asyncpg://...`. Nothing connects before the first use; `await engine.dispose()` closes the pool.
    """
    limits = timeouts or Timeouts.worker()
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10.0,
        pool_recycle=1_800,
        connect_args={
            "timeout": 5.0,
            "server_settings": {
                "search_path": schema,
                "application_name": application_name,
                "statement_timeout": str(limits.statement_ms),
                "lock_timeout": str(limits.lock_ms),
                "idle_in_transaction_session_timeout": str(limits.idle_in_transaction_ms),
                "jit": "off",
            },
        },
    )
    _look_before_use(engine.sync_engine, trusted_seconds)
    return engine


def _look_before_use(engine: Engine, trusted_seconds: float) -> None:
    """In the place of SQLAlchemy's own question before each use, which takes three round trips, as many as a short transaction."""

    def on_checkin(connection: Any, record: Any) -> None:
        if connection is not None:
            record.info[_RETURNED_AT] = time.monotonic()

    def on_checkout(connection: Any, record: Any, _proxy: object) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError("closed by the server")
        returned_at = record.info.get(_RETURNED_AT)
        if returned_at is None or time.monotonic() - returned_at < trusted_seconds:
            return
        driver = engine.dialect.dbapi
        try:
            engine.dialect.do_ping(connection)
        except (OSError, getattr(driver, "Error", OSError)) as error:
            raise DisconnectionError("leads nowhere any more") from error

    event.listen(engine, "checkin", on_checkin)
    event.listen(engine, "checkout", on_checkout)

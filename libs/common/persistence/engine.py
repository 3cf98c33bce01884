"""The connection pool of one service and one role; called by each service's bootstrap."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


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
    url: str, *, schema: str, application_name: str, timeouts: Timeouts | None = None, pool_size: int = 5
) -> AsyncEngine:
    """An engine whose connections see `schema` first and end their own overlong statements (default: worker limits).

    `url` is `postgresql+asyncpg://...`. Nothing connects before the first use; `await engine.dispose()` closes the pool.
    """
    limits = timeouts or Timeouts.worker()
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10.0,
        pool_pre_ping=True,
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

"""The one place that commits. Handlers, stores and relays write inside a Transaction that somebody began here."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from asyncpg import InterfaceError as DriverInterfaceError
from asyncpg import PostgresError
from sqlalchemy import Executable
from sqlalchemy.exc import DBAPIError, InterfaceError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.errors import InvalidMessage, RetryableError

_CONFLICTS = frozenset({"40001", "40P01"})
_TIMEOUTS = frozenset({"57014", "55P03"})
_UNAVAILABLE_CLASSES = frozenset({"08", "53", "57", "58"})
_UNAVAILABLE = frozenset({"25006", "25P03", "25P04"})
_REFUSED_VALUES = frozenset({"22000", "22001", "22003", "22007", "22008", "22021", "22P02", "22P03", "22P05"})


_DATABASE_ERRORS = (SQLAlchemyError, PostgresError, DriverInterfaceError, OSError)


class InvalidValue(InvalidMessage):
    """A value that the database cannot hold (a NUL character, a number out of range): no repeat will change that."""

    slug = "value-refused"


class Transaction:
    """One open PostgreSQL transaction.

    State in memory that mirrors rows is changed in `on_commit`, never before: until then the rows may still go back.
    """

    def __init__(self, connection: AsyncConnection, schema: str) -> None:
        self.connection = connection
        self.schema = schema
        self._after_commit: list[Callable[[], None]] = []

    def on_commit(self, effect: Callable[[], None]) -> None:
        """Run `effect` after the commit and only then; it must not raise."""
        self._after_commit.append(effect)

    def committed(self) -> None:
        """Run what waited for the commit; called by Transactions alone."""
        for effect in self._after_commit:
            effect()


@dataclass(slots=True)
class _Shared:
    """A transaction that one task shares with what it calls. `broken`: one of its parts raised, so none may commit."""

    of: "Transactions"
    task: asyncio.Task[Any] | None
    transaction: Transaction
    broken: bool = False


_shared: ContextVar[_Shared | None] = ContextVar("shared_transaction", default=None)


class Transactions:
    """Begins, commits and rolls back the transactions of one service's schema."""

    def __init__(self, engine: AsyncEngine, schema: str) -> None:
        self.engine = engine
        self.schema = schema
        self._autocommitting = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._snapshotting = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """A transaction that commits when the block ends and rolls back when it raises.

        Raises RetryableError when the database is away, slow, or chose another transaction: nothing was committed,
        except that a connection lost during the commit leaves it unknown. So what is tried again must be safe to
        repeat (an offset's compare-and-set, an inbox, a unique key). Raises InvalidValue for a value that no column takes.
        Within a block of `shared` it is that block's transaction, and commits with it.
        """
        shared = _shared.get()
        if shared is None or shared.of is not self or shared.task is not asyncio.current_task():
            async with self._begun(self.engine) as transaction:
                yield transaction
            return
        try:
            with _translated():
                yield shared.transaction
        except BaseException:
            shared.broken = True
            raise

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[Transaction]:
        """One transaction for everything that this task does with `begin` in the block: all of it commits when the block ends, or nothing.

        Raises like `begin`, and RuntimeError, uncommitted, when a part of it failed and the block ended as if it had not.
        """
        async with self._begun(self.engine) as transaction:
            shared = _Shared(self, asyncio.current_task(), transaction)
            token = _shared.set(shared)
            try:
                yield transaction
            finally:
                _shared.reset(token)
            if shared.broken:
                raise RuntimeError("a part of a shared transaction failed and the rest went on")

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """A transaction that only reads, everything as of one moment, however long it takes. Raises like `begin`.

        The server cannot clean up behind it until it ends.
        """
        async with self._begun(self._snapshotting) as transaction:
            yield transaction

    @asynccontextmanager
    async def _begun(self, engine: AsyncEngine) -> AsyncIterator[Transaction]:
        with _translated():
            async with engine.begin() as connection:
                transaction = Transaction(connection, self.schema)
                yield transaction
        transaction.committed()

    async def peek(self, query: Executable) -> bool:
        """Whether `query` selects something true, in one round trip and no transaction: for loops that look often.

        Raises RetryableError like `begin`.
        """
        with _translated():
            async with self._autocommitting.connect() as connection:
                return bool((await connection.execute(query)).scalar())


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _DATABASE_ERRORS as error:
        raise _translate(error) or error from error


def _translate(error: Exception) -> RetryableError | InvalidValue | None:
    """What a database error means for the work, or None for a bug."""
    if isinstance(error, PoolTimeoutError):
        return RetryableError("no free database connection", slug="database-pool-exhausted")
    if not isinstance(error, DBAPIError):
        # While connecting, the driver's errors and the system's (refused, timed out) come unwrapped.
        unwrapped = isinstance(error, (OSError, PostgresError, DriverInterfaceError))
        return (
            RetryableError(f"database unreachable: {type(error).__name__}", slug="database-unavailable")
            if unwrapped
            else None
        )
    return _translate_statement(error)


def _translate_statement(error: DBAPIError) -> RetryableError | InvalidValue | None:
    """What the failure of a statement or a commit means, by SQLSTATE."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state in _CONFLICTS:
        return RetryableError("chosen to give way to another transaction", slug="database-conflict")
    if state in _TIMEOUTS:
        return RetryableError("a statement or lock took too long", slug="database-timeout")
    if state in _REFUSED_VALUES:
        return InvalidValue(f"the database refused a value (SQLSTATE {state})")
    if error.connection_invalidated or state in _UNAVAILABLE or state[:2] in _UNAVAILABLE_CLASSES or _is_lost(error):
        return RetryableError(f"database connection lost (SQLSTATE {state or 'none'})", slug="database-unavailable")
    return None


def _is_lost(error: DBAPIError) -> bool:
    """Whether the driver lost its connection without a SQLSTATE to say so."""
    return isinstance(error, InterfaceError) and "closed" in str(error.orig).lower()

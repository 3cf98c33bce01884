"""One statement for many callers: who asks while one runs shares the next (group commit, and the same for reads).

Each has one connection of its own. A statement that overruns costs that connection: the socket is abandoned, because a
server that is stopped never ends its own statements. Without a connection callers are refused at once.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import asyncpg

from libs.common.errors import RetryableError
from services.offers.ports.checkout import Overloaded

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")

Connect = Callable[[], Awaitable[Any]]
OnFailure = Callable[[str, str], None]
"""Told the statement's name and the reason each time that one fails as a whole."""

_log = logging.getLogger(__name__)
_LOST = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError)
_GONE = (asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError)
_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class DatabaseAway(RetryableError):
    """No connection now; nothing was sent."""

    slug = "database-away"


class OutcomeUnknown(RetryableError):
    """It was sent and not answered in time: it may have happened."""

    slug = "database-slow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much at a time, how many may wait, how long a statement and a connect may take."""

    most_together: int = 64
    most_waiting: int = 1_024
    statement_seconds: float = 1.0
    connect_seconds: float = 1.0
    reconnect_seconds: float = 0.25


class SharedStatement(Generic[Ask, Answer]):
    """`run` serves until `stop`; `ask` may be called by many at a time."""

    def __init__(
        self,
        name: str,
        connect: Connect,
        execute: Callable[[Any, Sequence[Ask]], Awaitable[Sequence[Answer]]],
        limits: Limits | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        self.name = name
        self._connect = connect
        self._execute = execute
        self._limits = limits or Limits()
        self._on_failure = on_failure or _untold
        self._waiting: deque[tuple[Ask, asyncio.Future[Answer]]] = deque()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._connection: Any = None
        self._refusing = False

    @property
    def connected(self) -> bool:
        """Whether there is a database to ask."""
        return self._connection is not None

    async def ask(self, ask: Ask) -> Answer:
        """The answer to `ask`. Cancelling before it was sent leaves it out; raises DatabaseAway, Overloaded or OutcomeUnknown."""
        if self._refusing or self._stopping.is_set():
            raise DatabaseAway("no database connection")
        if len(self._waiting) >= self._limits.most_waiting:
            raise Overloaded(f"{len(self._waiting)} are waiting")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, answer))
        self._wake.set()
        return await answer

    async def run(self) -> None:
        """Serve until `stop`, then answer what still waits."""
        while not (self._stopping.is_set() and not self._waiting):
            if self._connection is not None and self._connection.is_closed():
                self._drop()  # while nobody asked, by a server that went away: nothing was sent, so nobody need hear of it
            if self._connection is None and not await self._reconnect():
                continue
            batch = self._take()
            if batch:
                await self._serve(batch)
            elif not self._stopping.is_set():
                self._wake.clear()
                await self._wake.wait()
        self._drop()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping.set()
        self._wake.set()

    def _take(self) -> list[tuple[Ask, asyncio.Future[Answer]]]:
        """The next to be served; those who gave up waiting are left out."""
        batch: list[tuple[Ask, asyncio.Future[Answer]]] = []
        while self._waiting and len(batch) < self._limits.most_together:
            waiting = self._waiting.popleft()
            if not waiting[1].done():
                batch.append(waiting)
        return batch

    async def _serve(self, batch: Sequence[tuple[Ask, "asyncio.Future[Answer]"]]) -> None:
        """One statement for the batch. When a row makes it fail it is served by halves, so that only that row fails."""
        asks = [ask for ask, _ in batch]
        statement = asyncio.ensure_future(self._execute(self._connection, asks))
        done, _ = await asyncio.wait({statement}, timeout=self._limits.statement_seconds)
        if not done:
            self._on_failure(self.name, "timeout")
            self._drop()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await statement
            _fail(batch, OutcomeUnknown(f"{self.name}: no answer from the database"))
            self._refuse()
            return
        error = statement.exception()
        if error is None:
            for (_, answer), found in zip(batch, statement.result(), strict=True):
                if not answer.done():
                    answer.set_result(found)
        else:
            await self._recover(batch, error)

    async def _recover(self, batch: Sequence[tuple[Ask, "asyncio.Future[Answer]"]], error: BaseException) -> None:
        self._on_failure(self.name, type(error).__name__)
        if isinstance(error, (*_LOST, *_GONE)) or self._connection.is_closed():
            self._drop()
            _fail(batch, OutcomeUnknown(f"{self.name}: connection lost ({type(error).__name__})"))
        elif isinstance(error, asyncpg.QueryCanceledError):
            _fail(batch, OutcomeUnknown(f"{self.name}: the statement took too long"))
        elif len(batch) > 1:
            half = len(batch) // 2
            for part in (batch[:half], batch[half:]):
                if self._connection is None:
                    _fail(part, DatabaseAway("no database connection"))
                else:
                    await self._serve(part)
        elif isinstance(error, _AGAIN):
            _fail(batch, DatabaseAway(f"{self.name}: gave way to another transaction"))
        else:
            _fail(batch, error)

    async def _reconnect(self) -> bool:
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                self._connection = await self._connect()
        except (asyncpg.PostgresError, *_LOST) as error:
            _log.warning("%s: no database connection: %s", self.name, type(error).__name__)
            self._refuse()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._limits.reconnect_seconds)
            return False
        self._refusing = False
        return True

    def _refuse(self) -> None:
        """Nobody waits for a database that does not answer, until there is a connection again."""
        self._refusing = True
        _fail(self._waiting, DatabaseAway("no database connection"))
        self._waiting.clear()

    def _drop(self) -> None:
        """Abandon the connection without a word to the server: it may not be listening."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _untold(_name: str, _reason: str) -> None:
    """Where nobody counts failures."""


def _fail(
    batch: "Sequence[tuple[Any, asyncio.Future[Any]]] | deque[tuple[Any, asyncio.Future[Any]]]", error: BaseException
) -> None:
    for _, answer in batch:
        if not answer.done():
            answer.set_exception(error)

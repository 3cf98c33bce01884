"""The live stream of commands: pages of the log for each reader as they are numbered, from wherever it stopped; asked by the API.

One look at the log's end serves all readers; each then reads its own page, so that a reader costs a page of memory, however far
behind it is.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from libs.common.clock import Clock
from libs.common.errors import RetryableError
from libs.common.persistence import Transactions
from services.inventory.metrics import InventoryMetrics
from services.inventory.ports import LogFilter, LogPage
from services.inventory.ports.stores import StoreOf

_READS_AT_ONCE = 2
"""Requests need connections too."""


class TooManyReaders(RetryableError):
    """This process serves as many live readers as it may."""

    slug = "too-many-readers"


@dataclass(slots=True, kw_only=True)
class LiveFeed:
    """Serves readers while `run` runs. `is_ending` says when readers must go, so that the process can stop."""

    transactions: Transactions
    store_of: StoreOf
    metrics: InventoryMetrics
    clock: Clock
    is_ending: Callable[[], bool]
    look_seconds: float = 0.2
    heartbeat_seconds: float = 15.0
    page_entries: int = 200
    greatest_readers: int = 200
    _readers: int = 0
    _head: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READS_AT_ONCE))

    async def run(self) -> None:
        """Watch the log's end until cancelled; an outage is waited out."""
        never = asyncio.Event()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), self.look_seconds)
            if self._readers:
                with suppress(RetryableError):
                    await self._look()
            if self.is_ending():
                self._wake()

    def check_room(self) -> None:
        """Raise TooManyReaders unless there is room for one more."""
        if self._readers >= self.greatest_readers:
            raise TooManyReaders(f"{self.greatest_readers} live readers are served already; come back in a while")

    async def ends(self) -> tuple[int, int]:
        """The first position that can still be read, and the last one given."""
        async with self.transactions.begin() as tx:
            return await self.store_of(tx).log.ends()

    async def follow(self, after: int, wanted: LogFilter) -> AsyncGenerator[LogPage, None]:
        """Pages above `after`, for as long as they are asked for; a page without entries is a heartbeat.

        Ends when the database goes away, too: the reader comes back with its cursor.
        """
        self._readers += 1
        self.metrics.live_readers.set(self._readers)
        try:
            with suppress(RetryableError):
                async with aclosing(self._pages(after, wanted)) as pages:
                    async for page in pages:
                        yield page
        finally:
            self._readers -= 1
            self.metrics.live_readers.set(self._readers)

    async def _pages(self, after: int, wanted: LogFilter) -> AsyncGenerator[LogPage, None]:
        cursor = after
        spoke_at = self.clock.monotonic_seconds()
        while not self.is_ending():
            moved = self._moved
            page = await self._read(cursor, wanted)
            cursor = page.reached
            if not page.entries and not page.is_full:
                await self._wait(moved, cursor, spoke_at + self.heartbeat_seconds)
            is_silent = self.clock.monotonic_seconds() - spoke_at >= self.heartbeat_seconds
            if page.entries or is_silent:
                yield page
                spoke_at = self.clock.monotonic_seconds()

    async def _wait(self, moved: asyncio.Event, cursor: int, until_seconds: float) -> None:
        """Until there is something above the cursor, or a heartbeat is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(until_seconds - self.clock.monotonic_seconds(), 0.0)):
                while self._head <= cursor and not self.is_ending():
                    await moved.wait()
                    moved = self._moved

    async def _read(self, cursor: int, wanted: LogFilter) -> LogPage:
        async with self._reads, self.transactions.begin() as tx:
            return await self.store_of(tx).log.read(cursor, wanted, self.page_entries)

    async def _look(self) -> None:
        _, head = await self.ends()
        if head > self._head:
            self._head = head
            self._wake()

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

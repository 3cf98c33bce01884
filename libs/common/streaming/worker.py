"""Runs what a worker process is made of until it is told to stop, and ends it in the order that loses nothing."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

_log = logging.getLogger(__name__)


class Part(Protocol):
    """A consumer, a relay, a timer: runs until its own `stop`, then finishes what it is at."""

    async def run(self) -> None:
        """Work until `stop`; raise for a bug."""
        ...

    def stop(self) -> None:
        """Ask `run` to end."""
        ...


class Stoppable(Protocol):
    """The producer: goes after everything that sends."""

    async def stop(self) -> None:
        """Flush under a deadline."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One process. `first` parts take work in (consumers, timers) and stop first; `last` parts (relays) follow.

    `beside` runs next to them for as long as the process lives: the HTTP server for health and metrics, say; when it
    ends by itself (uvicorn takes signals for itself), that is the request to stop.
    """

    first: Sequence[Part]
    last: Sequence[Part] = ()
    beside: Callable[[], Awaitable[None]] | None = None
    producer: Stoppable | None = None
    engine: AsyncEngine | None = None
    on_stopping: Callable[[], None] = field(default=lambda: None)
    """Called first of all when the end is asked for: readiness goes off here."""
    part_deadline_seconds: float = 15.0


async def run_until_stopped(worker: Worker, stop: asyncio.Event) -> None:
    """Run until `stop` is set or a part fails; a part's error is raised after everything was closed in order.

    Order: consumers finish their transaction and leave the group, relays finish their batch, the producer flushes,
    the pool closes. Each step has a deadline: what hangs is left behind, which is safe (nothing uncommitted counts).
    """
    first = [asyncio.create_task(part.run(), name=type(part).__name__) for part in worker.first]
    last = [asyncio.create_task(part.run(), name=type(part).__name__) for part in worker.last]
    beside = asyncio.ensure_future(worker.beside()) if worker.beside else None
    stopping = asyncio.create_task(stop.wait())
    try:
        everything = [*first, *last, stopping, *([beside] if beside else [])]
        await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
    finally:
        worker.on_stopping()
        stopping.cancel()
        await _end(worker.first, first, worker.part_deadline_seconds)
        await _end(worker.last, last, worker.part_deadline_seconds)
        if worker.producer is not None:
            await worker.producer.stop()
        if worker.engine is not None:
            await worker.engine.dispose()
        if beside is not None:
            await _cancel(beside)
    for task in [*first, *last, *([beside] if beside else [])]:
        if not task.cancelled():
            task.result()


@contextlib.contextmanager
def stop_on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` on SIGTERM and SIGINT while the block runs; enter it before any server that also takes signals."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _end(parts: Sequence[Part], tasks: Sequence["asyncio.Task[None]"], deadline_seconds: float) -> None:
    for part in parts:
        part.stop()
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=deadline_seconds)
    for task in late:
        _log.warning("%s did not end in time", task.get_name())
        await _cancel(task)


async def _cancel(task: "asyncio.Future[None]") -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=1.0)

"""Processes beside the worker that fold: bytes go in, bytes come out; all that is locked and stored stays with the worker."""

import asyncio
import gc
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import connection, get_context, parent_process
from threading import Thread

import msgspec

from libs.common.errors import RetryableError
from services.profile.handlers.folding import Customer, Grounds, Outcome
from services.profile.handlers.memory import Judge, NewestGrounds
from services.profile.ports import ProfileStore

_OBJECTS_BETWEEN_COLLECTIONS = 1_000_000
"""More than a round unpacks: what it unpacks holds no cycles, and is gone when its bytes are made."""

_encoder = msgspec.msgpack.Encoder()  # as one piece of bytes: pickled one by one, rows cost more than they hold
_customers = msgspec.msgpack.Decoder(list[Customer])
_outcomes = msgspec.msgpack.Decoder(list[Outcome])


class FoldPool:
    """Fits Folding. A process of it that dies is replaced, and what it was at is done again: nothing of it was stored."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._newest = NewestGrounds()
        self._pool = self._started()

    async def grounds(self, store: ProfileStore) -> Grounds:
        """As Folding promises."""
        return await self._newest.stored(store)

    async def fold(self, grounds: Grounds, customers: Sequence[Customer]) -> Sequence[Outcome]:
        """As Folding promises; raises RetryableError when a process was lost."""
        try:
            loop = asyncio.get_running_loop()
            outcomes = await loop.run_in_executor(self._pool, _fold, grounds, _encoder.encode(customers))
        except BrokenProcessPool as error:
            self._pool.shutdown(wait=False)
            self._pool = self._started()
            raise RetryableError("a folding process was lost", slug="fold-process-lost") from error
        return _outcomes.decode(outcomes)

    def close(self) -> None:
        """End the processes; what they are at is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _started(self) -> ProcessPoolExecutor:
        # Spawned: a fork would inherit connections and an event loop that are not its own.
        pool = ProcessPoolExecutor(self._processes, mp_context=get_context("spawn"), initializer=_begin)
        for _ in range(self._processes):
            pool.submit(_fold, Grounds(), _encoder.encode(()))  # ready before there is anything to fold
        return pool


def _begin() -> None:
    """Leave interrupts to the worker, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 2, 10)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(0)  # nothing here needs an orderly end, and the pool waits for tasks that nobody sends any more


@cache
def _judge() -> Judge:
    """One a process: what it has unpacked."""
    return Judge()


def _fold(grounds: Grounds, customers: bytes) -> bytes:
    return _encoder.encode(_judge().fold_here(grounds, _customers.decode(customers)))

"""Making a batch's vouchers, chunk by chunk: each with its reserve and the batch's progress in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from libs.common.clock import Clock
from libs.common.errors import RetryableError
from services.offers.domain.batches import (
    CHUNK,
    BadLine,
    Batch,
    BatchState,
    NewCode,
    Progress,
    Source,
    made_codes,
    voucher_id_of,
)
from services.offers.domain.codes.code import CodeKey
from services.offers.handlers.batches.office import NO_BUDGET
from services.offers.metrics import OffersMetrics
from services.offers.ports.batches import BatchStore, Chunk, KnownBatch

DUPLICATE = "duplicate"
REVOKED = "revoked"
_Ahead = tuple[str, int, int]
"""Batch, first serial number, count."""


@dataclass(frozen=True, slots=True)
class _Next:
    """What is to be made next; of an import, from which lines."""

    codes: Sequence[NewCode]
    chunk: Chunk | None = None


class BatchMaker:
    """One for a process; several processes work on different batches. `key` is asked with the first batch that needs it."""

    def __init__(
        self,
        begin: Callable[[], AbstractAsyncContextManager[BatchStore]],
        key: Callable[[], Awaitable[CodeKey]],
        clock: Clock,
        metrics: OffersMetrics,
        together: int = CHUNK,
    ) -> None:
        self._begin = begin
        self._key = key
        self._codes: CodeKey | None = None
        self._clock = clock
        self._metrics = metrics
        self._together = together
        self._ahead: tuple[_Ahead, asyncio.Future[Sequence[NewCode]]] | None = None

    async def step(self) -> int:
        """Make the next chunk of the oldest batch that is running; 0 when none is.

        A kill leaves either all of a chunk or nothing of it. Raises RetryableError when others took the budget meanwhile.
        """
        async with self._begin() as store:
            known = await store.lock_running()
            if known is None:
                return 0
            before = known.progress
            after = await self._after_next(store, known)
            over = after.state in (BatchState.DONE, BatchState.CANCELLED)
            if over:
                await store.forget_lines(known.batch.batch_id)
            await store.keep_progress(known.batch.batch_id, after, self._clock.now() if over else None)
        source = known.batch.source
        self._metrics.batch_codes.labels(source, "made").inc(after.made - before.made)
        self._metrics.batch_codes.labels(source, "refused").inc(after.quarantined - before.quarantined)
        return 1

    async def _after_next(self, store: BatchStore, known: KnownBatch) -> Progress:
        batch, progress = known.batch, known.progress
        if await store.is_revoked(batch):
            return replace(progress, state=BatchState.CANCELLED, reason=REVOKED)
        following = await self._next(store, known)
        if not following.codes:
            return replace(progress, state=BatchState.DONE)
        codes = following.codes[: min(self._together, await store.affordable(batch))]
        if not codes:
            return replace(progress, state=BatchState.STOPPED, reason=NO_BUDGET)
        taken = await store.make(batch, codes)
        made = len(codes) - len(taken)
        if not await store.reserve(batch, made, self._clock.now()):
            raise RetryableError("the budget was used meanwhile: this chunk is made again")
        if following.chunk is not None:
            chunk = following.chunk
            await store.used(batch.batch_id, chunk, len(codes))
            bad = [BadLine(chunk.part, chunk.lines.line_nos[place], DUPLICATE) for place in taken]
            await store.quarantine(batch.batch_id, bad)
            progress = replace(progress, quarantined=progress.quarantined + len(bad), wanted=progress.wanted - len(bad))
        return replace(progress, reached=progress.reached + len(codes), made=progress.made + made)

    async def _next(self, store: BatchStore, known: KnownBatch) -> _Next:
        batch, progress = known.batch, known.progress
        if batch.source is Source.IMPORTED:
            chunk = await store.next_chunk(batch.batch_id)
            return _Next([], None) if chunk is None else _Next(_imported(batch, chunk), chunk)
        left = progress.wanted - progress.made
        count = min(self._together, left)
        key = self._codes = self._codes or await self._key()
        codes = await self._made(batch, progress.reached + 1, count, key)
        self._look_ahead(batch, progress.reached + 1 + count, min(self._together, left - count), key)
        return _Next(codes)

    async def _made(self, batch: Batch, first: int, count: int, key: CodeKey) -> Sequence[NewCode]:
        """Away from the loop, which has others to serve; while the database stores a chunk the next one is made."""
        wanted: _Ahead = (batch.batch_id, first, count)
        if self._ahead is not None and self._ahead[0] == wanted:
            return await self._ahead[1]
        return await asyncio.to_thread(made_codes, batch, first, count, key)

    def _look_ahead(self, batch: Batch, first: int, count: int, key: CodeKey) -> None:
        if count > 0:
            making = asyncio.get_running_loop().run_in_executor(None, made_codes, batch, first, count, key)
            self._ahead = ((batch.batch_id, first, count), making)


def _imported(batch: Batch, chunk: Chunk) -> list[NewCode]:
    lines = zip(chunk.lines.line_nos, chunk.lines.lookups, strict=True)
    return [NewCode(voucher_id_of(batch.batch_id, line_no, chunk.part), lookup) for line_no, lookup in lines]

"""Codes of another system as they come in: spelled in one way, kept as keyed hashes alone, lines that are none noted by number."""

import asyncio
import hashlib
from collections.abc import AsyncIterable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

from libs.common.errors import Conflict, TooLarge
from services.offers.domain.batches import CHUNK, MOST_ERRORS, BadLine, BatchState, Source
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.codes.legacy import EMPTY, NOT_A_CODE, first_cells, lookup_of, refusal, spelled
from services.offers.handlers.batches.office import get_batch
from services.offers.ports.batches import BatchStores, Body, Chunk, KnownBatch, Lines

_LONGEST_LINE = 4_096
_MOST_LINES = 2_000_000
Begin = Callable[[], AbstractAsyncContextManager[BatchStores]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One body of an import. `upload_id`: nobody else's. `last`: no further part follows."""

    batch_id: str
    part: int
    last: bool
    upload_id: str


@dataclass(slots=True)
class _Reader:
    """What was read of a body so far."""

    part: int
    codes: CodeKey
    line_no: int = 0
    lines: int = 0
    quarantined: int = 0
    errors: list[BadLine] = field(default_factory=list)
    line_nos: list[int] = field(default_factory=list)
    lookups: list[bytes] = field(default_factory=list)
    _rest: bytes = b""

    def take(self, piece: bytes, *, whole: bool = False) -> None:
        """Read what a piece completes; `whole`: nothing follows."""
        *ended, rest = (self._rest + piece).split(b"\n")
        self._rest = rest[:_LONGEST_LINE]
        if whole and self._rest:
            ended.append(self._rest)
        for text in first_cells(ended):
            self.line_no += 1
            self._read(text)

    def _read(self, text: str | None) -> None:
        why = NOT_A_CODE if text is None else refusal(spelled(text))
        if why == EMPTY:
            return
        lookup = lookup_of(text, self.codes) if text is not None else None
        if lookup is None:
            self.quarantined += 1
            if len(self.errors) < MOST_ERRORS:
                self.errors.append(BadLine(self.part, self.line_no, why or NOT_A_CODE))
            return
        self.lines += 1
        self.line_nos.append(self.line_no)
        self.lookups.append(lookup)

    def chunk(self) -> Lines:
        """Up to CHUNK lines that were not taken yet."""
        taken = Lines(self.line_nos[:CHUNK], self.lookups[:CHUNK])
        del self.line_nos[:CHUNK], self.lookups[:CHUNK]
        return taken


async def receive(begin: Begin, codes: CodeKey, upload: Upload, pieces: AsyncIterable[bytes]) -> KnownBatch:
    """Read a body to its end and keep its codes; the same part again takes its place while the import is open.

    Each chunk is kept as it is there, and counts with the end of its body: a caller that leaves, leaves nothing behind that
    counts. Raises NotFound for an unknown batch, Conflict for one that takes no lines (any more), except the same again,
    TooLarge for a part that is.
    """
    async with begin() as stores:
        known = await get_batch(stores.batches, upload.batch_id)
    if known.batch.source is not Source.IMPORTED:
        raise Conflict("this batch has codes of our own", slug="batch-closed")
    is_open = known.progress.state is BatchState.RECEIVING
    reader, digest, chunks = _Reader(upload.part, codes), hashlib.sha256(), 0
    async for piece in pieces:
        digest.update(piece)
        await asyncio.to_thread(reader.take, piece)
        if reader.line_no > _MOST_LINES:
            raise TooLarge(f"a part may have {_MOST_LINES} lines", slug="body-too-large")
        while len(reader.lookups) >= CHUNK:
            chunks += await _kept(begin, upload, chunks, reader.chunk(), is_open=is_open)
    reader.take(b"", whole=True)
    if reader.lookups:
        chunks += await _kept(begin, upload, chunks, reader.chunk(), is_open=is_open)
    body = Body(
        part=upload.part,
        upload_id=upload.upload_id,
        body_digest=digest.digest(),
        lines=reader.lines,
        quarantined=reader.quarantined,
    )
    async with begin() as stores:
        await _close(stores, upload, body, reader.errors, chunks)
        return await get_batch(stores.batches, upload.batch_id)


async def _kept(begin: Begin, upload: Upload, number: int, lines: Lines, *, is_open: bool) -> int:
    if is_open:
        async with begin() as stores:
            chunk = Chunk(part=upload.part, upload_id=upload.upload_id, chunk=number, lines=lines)
            await stores.batches.add_lines(upload.batch_id, chunk)
    return 1


async def _close(stores: BatchStores, upload: Upload, body: Body, errors: Sequence[BadLine], chunks: int) -> None:
    known = await stores.batches.lock(upload.batch_id)
    before = await stores.batches.body(upload.batch_id, upload.part)
    if known is None or known.progress.state is not BatchState.RECEIVING:
        if before is None or before.body_digest != body.body_digest:
            raise Conflict("all parts of this import are in", slug="batch-closed")
        return
    await stores.batches.put_body(upload.batch_id, body, errors, chunks)
    lines, quarantined = await stores.batches.received(upload.batch_id)
    state = BatchState.RUNNING if upload.last else BatchState.RECEIVING
    after = replace(known.progress, state=state, wanted=lines, quarantined=quarantined)
    await stores.batches.keep_progress(upload.batch_id, after, None)

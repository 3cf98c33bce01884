"""The journal of hand-outs: one file that is only added to, in a folder of one process; the disk has a line before a till hears of it.

Who appends while a sync runs shares the next (group sync), beside the loop that answers tills. When every hand-out in it is
bound in the database the file is emptied.
"""

import asyncio
import errno
import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import msgspec

from libs.common.ids import random_id
from services.offers.ports.leases import HandedOut, JournalUnusable

_FRAME = struct.Struct("<II")
_GREATEST_BYTES = 1 << 20
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_log = logging.getLogger(__name__)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(HandedOut)


class LeaseJournal:
    """Fits HandOutJournal; `run` serves appends until `stop`. One process at a time has a folder."""

    def __init__(self, folder: Path) -> None:
        """Raises JournalUnusable for a folder that can't be written, or that another process has."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.pod_id = _pod_id(folder)
            self._file = os.open(folder / "journal", os.O_RDWR | os.O_CREAT, 0o600)
            _sync_folder(folder)
            kept, self._end = _read(self._file)
            os.ftruncate(self._file, self._end)  # a line that was cut short was told to nobody
        except OSError as error:
            raise JournalUnusable(f"{folder.name}: {error.strerror}") from error
        self._waiting: dict[str, HandedOut] = {each.checkout_id: each for each in kept}
        self._asked: list[tuple[HandedOut, asyncio.Future[None]]] = []
        self._under_way: Sequence[HandedOut] = ()
        self._doubtful: set[str] = set()
        self._broken: str | None = None
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lease-journal")

    @property
    def usable(self) -> bool:
        """Whether appends have a chance; a journal that failed to sync has none until a new process reads it."""
        return self._broken is None and not self._stopping.is_set()

    @property
    def waiting(self) -> Mapping[str, HandedOut]:
        """Hand-outs that are not bound yet, by checkout."""
        return self._waiting

    @property
    def spoken_for(self) -> Collection[str]:
        """Vouchers that may have been handed out, for all the journal knows."""
        handed = [*self._waiting.values(), *self._under_way, *(asked for asked, _ in self._asked)]
        return self._doubtful.union(*(each.slots for each in handed))

    async def append(self, handed: HandedOut) -> None:
        """Keep it for good; returns when the disk has it. Raises JournalUnusable; then, or cancelled, it may be kept all the same.

        A checkout has one hand-out: while one waits or is on its way to the disk, another is not kept.
        """
        if not self.usable:
            raise JournalUnusable(self._broken or "stopping")
        on_their_way = (*self._under_way, *(asked for asked, kept in self._asked if not kept.done()))
        if handed.checkout_id in self._waiting or any(each.checkout_id == handed.checkout_id for each in on_their_way):
            raise JournalUnusable("this checkout has a hand-out already")
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append((handed, kept))
        self._wake.set()
        await kept

    def bound(self, checkout_id: str) -> None:
        """The database has it; when it has all, the file is emptied."""
        self._waiting.pop(checkout_id, None)
        self._wake.set()

    async def run(self) -> None:
        """Serve until `stop`, then keep what was asked before; the folder is free for another process afterwards."""
        try:
            await self._serve()
        finally:
            self.close()

    async def _serve(self) -> None:
        while self._asked or not self._stopping.is_set():
            asked = [each for each in self._asked if not each[1].done()]
            self._asked = []
            if asked:
                await self._keep(asked)
            elif self._end and not self._waiting and self._broken is None:
                await self._empty()
            else:
                self._wake.clear()
                if not self._stopping.is_set():
                    await self._wake.wait()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping.set()
        self._wake.set()

    def close(self) -> None:
        """Let go of the folder."""
        self._thread.shutdown(wait=False)
        os.close(self._file)
        os.close(self._lock)

    async def _keep(self, asked: Sequence[tuple[HandedOut, "asyncio.Future[None]"]]) -> None:
        self._under_way = [handed for handed, _ in asked]
        failure = await self._on_disk(b"".join(map(_frame, self._under_way)), self._end)
        for handed, kept in asked:
            if failure is None:
                self._waiting[handed.checkout_id] = handed
            else:
                self._doubtful.update(handed.slots)
            if not kept.done():
                _answer(kept, failure)
        self._under_way = ()

    async def _empty(self) -> None:
        if await self._on_disk(b"", 0) is None:
            self._doubtful.clear()  # what may have been kept was told to nobody, and is gone

    async def _on_disk(self, frames: bytes, at: int) -> str | None:
        """Write and sync; why not, where that failed. Unless it was for want of room nobody knows what the disk has: no more is written."""
        if self._broken is not None:
            return self._broken
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, _write, self._file, frames, at)
        except OSError as error:
            why = f"the journal can't be written: {error.strerror}"
            self._broken = None if error.errno in _NO_ROOM else why
            _log.exception("no voucher is handed out from leases")
            return why
        self._end = at + len(frames)
        return None

    @classmethod
    def opened(cls, folder: Path) -> Self | None:
        """The journal in `folder`; None, aloud, where there can be none: tills are served all the same."""
        try:
            return cls(folder)
        except JournalUnusable:
            _log.exception("no vouchers are leased ahead")
            return None


def _answer(kept: "asyncio.Future[None]", failure: str | None) -> None:
    if failure is None:
        kept.set_result(None)
    else:
        kept.set_exception(JournalUnusable(failure))


def _write(file: int, frames: bytes, at: int) -> None:
    os.ftruncate(file, at)
    left = memoryview(frames)
    while left:
        written = os.pwrite(file, left, at)
        at, left = at + written, left[written:]
    os.fsync(file)


def _frame(handed: HandedOut) -> bytes:
    body = _encoder.encode(handed)
    return _FRAME.pack(len(body), zlib.crc32(body)) + body


def _read(file: int) -> tuple[list[HandedOut], int]:
    """The hand-outs in a file, and where the last whole one ends."""
    content = os.pread(file, os.fstat(file).st_size, 0)
    kept, at = list[HandedOut](), 0
    while len(content) - at >= _FRAME.size:
        length, check = _FRAME.unpack_from(content, at)
        body = content[at + _FRAME.size : at + _FRAME.size + length]
        if length > _GREATEST_BYTES or len(body) < length or zlib.crc32(body) != check:
            break
        kept.append(_decoder.decode(body))
        at += _FRAME.size + length
    if at < len(content):
        _log.warning("the journal's last %s bytes are no whole line: left out", len(content) - at)
    return kept, at


def _pod_id(folder: Path) -> str:
    """The name that goes with the folder."""
    path = folder / "pod"
    if path.exists() and (known := path.read_text().strip()):
        return known
    made = random_id()
    with (folder / "pod.new").open("w") as file:
        file.write(made)
        file.flush()
        os.fsync(file.fileno())
    (folder / "pod.new").replace(path)
    return made


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

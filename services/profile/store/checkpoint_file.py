"""A checkpoint as a file: written beside its name and renamed when it is whole, read frame by frame; memory holds one frame."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from libs.common.errors import InvalidInput, NotFound
from services.profile.domain.checkpoint import (
    FRAME_HEAD_BYTES,
    MAGIC,
    CheckpointEnd,
    CheckpointHeader,
    FrameKind,
    damaged,
    decode_part,
    encode_part,
    frame,
    frame_content,
    frame_head,
)

_FRAME_BYTES = 1 << 20


class CheckpointWriter:
    """Writes one checkpoint. Its name exists only once `finish` has made it last; anything else leaves nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file: BinaryIO = os.fdopen(descriptor, "wb")
        self._file.write(MAGIC)
        self._hash = sha256()
        self._rows = bytearray()
        self.written_bytes = len(MAGIC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._file.closed:
            self._file.close()
            self._partial.unlink()

    def header(self, header: CheckpointHeader) -> None:
        """First of all."""
        self._frame(FrameKind.HEADER, encode_part(header))

    def rows(self, content: bytes) -> None:
        """Some bytes of the table at hand, in the order of the header's tables."""
        self._rows += content
        if len(self._rows) >= _FRAME_BYTES:
            self._frame(FrameKind.ROWS, bytes(self._rows))
            self._rows.clear()

    def end_of_table(self) -> None:
        """The table at hand is whole."""
        self._frame(FrameKind.ROWS, bytes(self._rows))
        self._rows.clear()
        self._frame(FrameKind.END_OF_TABLE, b"")

    def finish(self, sequences: dict[str, int]) -> None:
        """Write the end, make the file last, and give it its name."""
        end = CheckpointEnd(sequences=sequences, sha256=self._hash.digest())
        self._frame(FrameKind.END, encode_part(end))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self._path)

    def _frame(self, kind: FrameKind, content: bytes) -> None:
        framed = frame(kind, content)
        self._file.write(framed)
        self._hash.update(framed)
        self.written_bytes += len(framed)


class CheckpointReader:
    """Reads one checkpoint in the order in which it was written. Raises InvalidInput wherever it is damaged."""

    def __init__(self, path: Path) -> None:
        try:
            self._file: BinaryIO = path.open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"there is no checkpoint {path.name}", slug="no-checkpoint") from error
        self._hash = sha256()
        magic = self._file.read(len(MAGIC))
        if magic[:-1] != MAGIC[:-1]:
            self._file.close()
            raise InvalidInput("this file is no checkpoint", slug="no-checkpoint-file")
        if magic != MAGIC:
            self._file.close()
            raise InvalidInput(
                "a checkpoint of a format that this version does not read", slug="unknown-checkpoint-format"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def header(self) -> CheckpointHeader:
        """What it is of; call it first."""
        return decode_part(self._content(FrameKind.HEADER)[1], CheckpointHeader)

    def table(self) -> Iterator[bytes]:
        """The rows of the next table, a frame at a time."""
        while True:
            kind, content = self._content(FrameKind.ROWS, FrameKind.END_OF_TABLE)
            if kind == FrameKind.END_OF_TABLE:
                return
            yield content

    def end(self) -> CheckpointEnd:
        """The end; every frame before is as it was written, and nothing comes after."""
        seen = self._hash.digest()
        end = decode_part(self._content(FrameKind.END)[1], CheckpointEnd)
        if end.sha256 != seen:
            raise damaged("frames are missing or in another order")
        if self._file.read(1):
            raise damaged("something follows its end")
        return end

    def _content(self, *expected: FrameKind) -> tuple[FrameKind, bytes]:
        head = self._file.read(FRAME_HEAD_BYTES)
        kind, size, checksum = frame_head(head)
        packed = self._file.read(size)
        content = frame_content(packed, size, checksum)
        if kind not in expected:
            raise damaged("frames are missing or in another order")
        self._hash.update(head + packed)
        return kind, content

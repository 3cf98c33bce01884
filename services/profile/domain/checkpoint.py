"""The format of a checkpoint: what its header says, and how frames hold their content so that damage shows. Pure.

A checkpoint is MAGIC and frames: the header, then for each table its rows as PostgreSQL's binary COPY in as many frames as
it takes, then an end with what was learned last and a digest of every frame before.
"""

import zlib
from datetime import datetime
from enum import IntEnum
from struct import Struct as Layout
from typing import TypeVar

import msgspec

from libs.common.errors import InvalidInput

MAGIC = b"USUALCP\x01"
_FRAME = Layout(">BII")
FRAME_HEAD_BYTES = _FRAME.size
GREATEST_FRAME_BYTES = 64 << 20
_FASTEST = 1

Struct = TypeVar("Struct", bound=msgspec.Struct)


class FrameKind(IntEnum):
    """What a frame holds."""

    HEADER = 1
    ROWS = 2
    END_OF_TABLE = 3
    END = 4


class ConsumedOffset(msgspec.Struct, frozen=True, kw_only=True):
    """How far a group had read one partition of one log."""

    group: str
    incarnation: str
    topic: str
    partition: int
    next_offset: int


class TableHead(msgspec.Struct, frozen=True, kw_only=True):
    """One table of it; rows hold these columns in this order."""

    name: str
    columns: tuple[str, ...]
    rows_count: int


class CheckpointHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint is of: everything as of one moment."""

    checkpoint_id: str
    taken_at: datetime
    migrations: tuple[str, ...]
    """Those that the schema had."""
    offsets: tuple[ConsumedOffset, ...]
    tables: tuple[TableHead, ...]
    digest_format: int
    digest: dict[str, str]
    """Of the state, part by part: what a restored schema must have."""


class CheckpointEnd(msgspec.Struct, frozen=True, kw_only=True):
    """`sequences` are read after everything else, so none gives out a number that a row has."""

    sequences: dict[str, int]
    sha256: bytes
    """Of all frames before."""


def frame(kind: FrameKind, content: bytes) -> bytes:
    """`content` with what finds damage in it."""
    packed = zlib.compress(content, _FASTEST)
    return _FRAME.pack(kind, len(packed), zlib.crc32(packed)) + packed


def frame_head(head: bytes) -> tuple[FrameKind, int, int]:
    """Kind, size in bytes and checksum of the frame that begins so; raises InvalidInput."""
    if len(head) != _FRAME.size:
        raise damaged("it ends too early")
    kind, size, checksum = _FRAME.unpack(head)
    if kind not in set(FrameKind) or size > GREATEST_FRAME_BYTES:
        raise damaged("a frame begins with what is none")
    return FrameKind(kind), size, checksum


def frame_content(packed: bytes, size: int, checksum: int) -> bytes:
    """The content of a frame; raises InvalidInput when it is not what was written."""
    if len(packed) != size:
        raise damaged("it ends too early")
    if zlib.crc32(packed) != checksum:
        raise damaged("a frame's checksum is wrong")
    try:
        return zlib.decompress(packed)
    except zlib.error as error:
        raise damaged("a frame cannot be unpacked") from error


def encode_part(part: msgspec.Struct) -> bytes:
    """A header or an end as bytes."""
    return msgspec.msgpack.encode(part)


def decode_part(content: bytes, kind: type[Struct]) -> Struct:
    """The header or the end in these bytes; raises InvalidInput."""
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise damaged("a frame does not hold what it should") from error


def damaged(why: str) -> InvalidInput:
    """The error for a file that is not as it was written."""
    return InvalidInput(f"the checkpoint is damaged: {why}", slug="damaged-checkpoint")

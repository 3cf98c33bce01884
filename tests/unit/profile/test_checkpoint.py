"""The file of a checkpoint: what was written is read again, a half written one has no name, and any damage is refused."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.errors import InvalidInput, NotFound
from services.profile.domain.checkpoint import (
    FRAME_HEAD_BYTES,
    MAGIC,
    CheckpointHeader,
    ConsumedOffset,
    FrameKind,
    TableHead,
    frame,
    frame_content,
    frame_head,
)
from services.profile.store.checkpoint_file import CheckpointReader, CheckpointWriter

Change = Callable[[bytes], bytes]
HEADER = CheckpointHeader(
    checkpoint_id="c1",
    taken_at=datetime(2026, 3, 2, tzinfo=UTC),
    migrations=("0001_pre_profile",),
    offsets=(ConsumedOffset(group="profile", incarnation="i", topic="t", partition=3, next_offset=17),),
    tables=(
        TableHead(name="facets", columns=("a", "b"), rows_count=2),
        TableHead(name="links", columns=(), rows_count=0),
    ),
    digest_format=1,
    digest={"facets": "00"},
)
ROWS = [b"first" * 300_000, b"second" * 300_000]


def written(path: Path) -> Path:
    with CheckpointWriter(path) as writer:
        writer.header(HEADER)
        for rows in ROWS:
            writer.rows(rows)
        writer.end_of_table()
        writer.end_of_table()
        writer.finish({"deltas": 12})
    return path


def read(path: Path) -> tuple[CheckpointHeader, list[bytes], dict[str, int]]:
    with CheckpointReader(path) as reader:
        header = reader.header()
        tables = [b"".join(reader.table()) for _ in header.tables]
        return header, tables, reader.end().sequences


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path / "checkpoint")
    assert read(path) == (HEADER, [b"".join(ROWS), b""], {"deltas": 12})
    assert path.stat().st_mode & 0o077 == 0


def test_one_that_is_not_finished_leaves_the_one_before_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "checkpoint")
    before = path.read_bytes()
    with pytest.raises(RuntimeError):
        _interrupted(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def _interrupted(path: Path) -> None:
    with CheckpointWriter(path) as writer:
        writer.header(HEADER)
        raise RuntimeError


def frames_of(content: bytes) -> list[bytes]:
    frames, place = [], len(MAGIC)
    while place < len(content):
        _, size, _ = frame_head(content[place : place + FRAME_HEAD_BYTES])
        frames.append(content[place : place + FRAME_HEAD_BYTES + size])
        place += FRAME_HEAD_BYTES + size
    return frames


def without_a_frame(content: bytes) -> bytes:
    frames = frames_of(content)
    return MAGIC + b"".join([frames[0], *frames[2:]])


def with_frames_swapped(content: bytes) -> bytes:
    frames = frames_of(content)
    return MAGIC + b"".join([frames[0], frames[2], frames[1], *frames[3:]])


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        (lambda content: content[:-1], "damaged-checkpoint"),
        (lambda content: content[: len(MAGIC) + 3], "damaged-checkpoint"),
        (lambda content: content + b"more", "damaged-checkpoint"),
        (without_a_frame, "damaged-checkpoint"),
        (with_frames_swapped, "damaged-checkpoint"),
        (lambda _: b"", "no-checkpoint-file"),
        (lambda _: b"something else entirely", "no-checkpoint-file"),
        (lambda content: MAGIC[:-1] + b"\x02" + content[len(MAGIC) :], "unknown-checkpoint-format"),
    ],
)
def test_whatever_is_not_as_it_was_written_is_refused_by_name(tmp_path: Path, change: Change, slug: str) -> None:
    path = written(tmp_path / "checkpoint")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InvalidInput) as refused:
        read(path)
    assert refused.value.slug == slug


@given(st.binary(min_size=1, max_size=200), st.data())
def test_one_bit_turned_anywhere_in_a_frame_is_found(content: bytes, data: st.DataObject) -> None:
    framed = bytearray(frame(FrameKind.ROWS, content))
    place = data.draw(st.integers(0, len(framed) * 8 - 1))
    framed[place // 8] ^= 1 << place % 8
    head, packed = bytes(framed[:FRAME_HEAD_BYTES]), bytes(framed[FRAME_HEAD_BYTES:])
    with pytest.raises(InvalidInput):
        _whole(head, packed)


def _whole(head: bytes, packed: bytes) -> None:
    kind, size, checksum = frame_head(head)
    found = frame_content(packed[:size], size, checksum)
    if kind != FrameKind.ROWS or len(packed) != size:
        raise InvalidInput(f"{kind} of {len(found)} bytes", slug="damaged-checkpoint")


def test_none_at_all_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        CheckpointReader(tmp_path / "checkpoint")

"""The independent journal: what was sent to the doors and what they answered; the verifier compares it with the effects.

It knows nothing of the services: it is written by the callers, an entry before each first send and one per answer.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, Self

import msgspec

PLAY_JOURNAL = "journal.jsonl"
ERP_JOURNAL = "journal-erp.jsonl"
"""One file for each process that sends."""

Status = Literal["ok", "fail", "unknown"]


class Sent(msgspec.Struct, tag_field="what", tag="sent", frozen=True, omit_defaults=True):
    """An event that is about to be sent, and for a sale the effects that it must have, once."""

    source: str
    id: str
    type: str
    customer: str | None = None
    """The facet that it changes, as `kind:value`."""
    store: str | None = None
    amount_cents: int = 0
    units: dict[str, str] = msgspec.field(default_factory=dict)
    """Pieces sold by item, of stock-keeping items only."""


class Answered(msgspec.Struct, tag_field="what", tag="answered", frozen=True, omit_defaults=True):
    """What the door said of an event: taken, refused for good, or nothing in time."""

    source: str
    id: str
    status: Status
    slug: str | None = None


class CheckedOut(msgspec.Struct, tag_field="what", tag="checkout", frozen=True, omit_defaults=True):
    """The answer to a checkout."""

    checkout_id: str
    status: Status
    tier: int | None = None
    vouchers: tuple[str, ...] = ()
    took_ms: float = 0.0


class Redeemed(msgspec.Struct, tag_field="what", tag="redemption", frozen=True, omit_defaults=True):
    """The answer to a redemption: `fail` is a refusal."""

    redemption_id: str
    voucher_id: str
    status: Status
    given_cents: int = 0
    why: str | None = None


class Reached(msgspec.Struct, tag_field="what", tag="reached", frozen=True, omit_defaults=True):
    """A play got this far in event time (RFC 3339): the next one goes on from here."""

    data_set: str
    at: str


Entry = Sent | Answered | CheckedOut | Redeemed | Reached
_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


class Journal:
    """An append-only file, one JSON object a line. One writer per file; what a writer's death cut short is ended first."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def write(self, entries: Iterable[msgspec.Struct]) -> None:
        """Hand the entries to the kernel before returning: a kill of this process loses none of them."""
        lines = b"".join(_encode(entry) + b"\n" for entry in entries)
        while lines:
            lines = lines[os.write(self._file, lines) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(path: Path, start: int = 0, end: int | None = None) -> Iterator[Entry]:
    """Every entry between two places in the file, in order; a missing file is empty, a line cut short is left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(start)
        while end is None or file.tell() < end:
            line = file.readline()
            if not line:
                return
            if (entry := _entry(line)) is not None:
                yield entry


def size_of(path: Path) -> int:
    """Where the next entry will go."""
    return path.stat().st_size if path.exists() else 0


def _entry(line: bytes) -> Entry | None:
    """Raises DecodeError for a line that is whole and yet none of ours."""
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError:
        if line.endswith(b"}\n"):
            raise
        return None

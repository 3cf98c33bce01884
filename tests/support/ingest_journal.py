"""What the clients of the front door wrote down: each event before its first send, each answer; the laws are judged by it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from libs.laptop.journal import Journal

Status = Literal["accepted", "duplicate", "quarantined", "refused", "unknown"]
Name = tuple[str, str]
"""(source, id)."""

FOR_GOOD = frozenset({"card-number", "event-too-large", "not-in-play-mode"})
"""Refusals that no repeat changes; any other one means: send again."""


class Offered(msgspec.Struct, tag_field="what", tag="offered", frozen=True, omit_defaults=True):
    """An event that is about to be sent for the first time, and the effect it must have, once."""

    source: str
    id: str
    type: str
    fault: str | None = None
    """Why it is invalid; None: it is valid."""
    customer: str | None = None
    """Whose facet it changes, as the sender writes it: `kind:value`."""
    receipts: int = 0
    amount_cents: int = 0

    @property
    def name(self) -> Name:
        """What it is known by."""
        return self.source, self.id


class Answered(msgspec.Struct, tag_field="what", tag="answered", frozen=True, omit_defaults=True):
    """What the door said of an event; `unknown` also when it said nothing."""

    source: str
    id: str
    status: Status
    slug: str | None = None
    quarantine_id: str | None = None

    @property
    def name(self) -> Name:
        """What its event is known by."""
        return self.source, self.id

    @property
    def in_topic(self) -> bool:
        """Whether the door promised that the broker has it."""
        return self.status in {"accepted", "duplicate"}

    @property
    def final(self) -> bool:
        """Whether nothing is left to be done."""
        return self.in_topic or self.status == "quarantined" or self.slug in FOR_GOOD


Entry = Offered | Answered
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


class Logbook:
    """One client's journal on disk; its order is the order in which that client offered its events."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal = Journal(path)

    def write(self, entries: Iterable[Entry]) -> None:
        """Hand the entries to the kernel before returning."""
        self._journal.write(entries)

    def close(self) -> None:
        """Close the file."""
        self._journal.close()

    def read(self) -> Iterator[Entry]:
        """Every entry, in order."""
        with self.path.open("rb") as lines:
            yield from map(_decoder.decode, lines)

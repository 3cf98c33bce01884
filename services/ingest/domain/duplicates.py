"""Which events the broker acknowledged lately, by name and content: what accepting asks before it sends, and tells after."""

from datetime import datetime
from enum import Enum
from typing import NamedTuple


class Known(Enum):
    """What the window says of an event."""

    NEW = "new"
    SAME = "same"
    OTHER = "other"
    """Its name belongs to an event with other content."""


class Fingerprint(NamedTuple):
    """An event in two numbers of 64 bits: what it is called, and what it says.

    They are Python's own keyed hashes, so they mean something in this process only, and nobody can aim at them. Two events
    would have to meet in both for one to be taken for the other.
    """

    name: int
    content: int

    def says(self, other: "Fingerprint") -> Known:
        """What is known of an event once this one of the same name is."""
        return Known.SAME if self.content == other.content else Known.OTHER


def fingerprint(source: str, event_id: str, event_type: str, time: datetime | None, body: bytes) -> Fingerprint:
    """The fingerprint of an event whose attributes hold no control characters. `time` is as sent, `body` without white space."""
    return Fingerprint(hash((source, event_id)), hash((event_type, time, body)))


class Window:
    """Remembers each event until `events` newer ones came or `seconds` passed, and at most twice as long.

    Two generations: the older is dropped as a whole, so that nothing is searched and memory is bounded.

    >>> window = Window(events=10, seconds=60.0)
    >>> sale = fingerprint("till-1", "e1", "sale", None, b"{}")
    >>> window.look(sale, at_seconds=0.0).value
    'new'
    >>> window.remember(sale, at_seconds=0.0)
    >>> window.look(sale, at_seconds=1.0).value
    'same'
    >>> window.look(fingerprint("till-1", "e1", "sale", None, b"[]"), at_seconds=1.0).value
    'other'
    """

    __slots__ = ("_events", "_old", "_seconds", "_since_seconds", "_young")

    def __init__(self, *, events: int, seconds: float) -> None:
        self._events = events
        self._seconds = seconds
        self._since_seconds = float("-inf")
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def look(self, seen: Fingerprint, at_seconds: float) -> Known:
        """Whether an event of this name is known, at a moment of a clock that never goes back."""
        if at_seconds - self._since_seconds >= self._seconds:
            self._grow_old(at_seconds)
        name, content = seen
        known = self._young.get(name, self._old.get(name))
        if known is None:
            return Known.NEW
        return Known.SAME if known == content else Known.OTHER

    def remember(self, seen: Fingerprint, at_seconds: float) -> None:
        """The broker has it: from now on its name stands for this content."""
        if at_seconds - self._since_seconds >= self._seconds:
            self._grow_old(at_seconds)
        elif len(self._young) >= self._events:
            self._turn(at_seconds)
        self._young[seen.name] = seen.content

    def _grow_old(self, at_seconds: float) -> None:
        """A generation's time is over; of one that began two ago nothing is left."""
        if at_seconds - self._since_seconds < 2 * self._seconds:
            self._turn(self._since_seconds + self._seconds)
        else:
            self._young = {}
            self._turn(at_seconds)

    def _turn(self, since_seconds: float) -> None:
        self._old, self._young, self._since_seconds = self._young, {}, since_seconds

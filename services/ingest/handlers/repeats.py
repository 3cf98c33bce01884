"""Finds among admitted events those that need not be sent again, and those that take another's name; called by judging."""

from dataclasses import dataclass

from libs.common.errors import Kind
from services.ingest.domain.admission import Accepted, Refused
from services.ingest.domain.documents import Document, raw_of
from services.ingest.domain.duplicates import Fingerprint, Known, Window
from services.ingest.domain.envelope import EventName

ID_REUSED = "id-reused"


@dataclass(frozen=True, slots=True)
class Repeat:
    """An event that has the fate of another: of the `first`-th in the same request, or of one that the broker acknowledged."""

    id: str
    source: str
    type: str
    first: int | None


class Repeats:
    """What one request says twice, and what it says again of those before it."""

    __slots__ = ("_at_seconds", "_sent", "_window")

    def __init__(self, window: Window, at_seconds: float) -> None:
        self._window = window
        self._at_seconds = at_seconds
        self._sent: dict[int, tuple[int, Fingerprint]] = {}

    def judge(self, accepted: Accepted, document: Document, place: int) -> Accepted | Refused | Repeat:
        """The event itself when it is new; the name of another event is no repeat but refused, and kept."""
        seen, first = accepted.fingerprint, None
        known = self._window.look(seen, self._at_seconds)
        if known is Known.NEW:
            first, of_first = self._sent.setdefault(seen.name, (place, seen))
            if first == place:
                return accepted
            known = of_first.says(seen)
        event = accepted.event
        if known is Known.SAME:
            return Repeat(event.id, event.source, event.type, first)
        detail = "another event has this source and id; an event is told apart by them"
        name = EventName(event.id, event.source, event.type)
        return Refused(name, Kind.INVALID, ID_REUSED, detail, "/id", raw_of(document), ID_REUSED)

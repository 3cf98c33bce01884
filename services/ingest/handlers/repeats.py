"""Finds among judged events those that need not be sent again, and those that take another's name; called by accepting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import msgspec

from libs.common.contracts import Event
from libs.common.errors import Kind
from services.ingest.domain.admission import Accepted, Refused
from services.ingest.domain.duplicates import Known, Window
from services.ingest.domain.envelope import EventName

ID_REUSED = "id-reused"


@dataclass(frozen=True, slots=True)
class Repeat:
    """An event that has the fate of another: of `first` in the same request, or of one that the broker acknowledged."""

    event: Event
    first: Accepted | None


def sort_out(
    verdicts: Sequence[Accepted | Refused], raws: Sequence[bytes | msgspec.Raw], window: Window, at_seconds: float
) -> Sequence[Accepted | Refused | Repeat]:
    """The verdicts, each repeat marked as one; the name of another event is no repeat but refused, and kept."""
    to_send: dict[int, Accepted] = {}
    sorted_out: list[Accepted | Refused | Repeat] = []
    for verdict, raw in zip(verdicts, raws, strict=True):
        if isinstance(verdict, Refused):
            sorted_out.append(verdict)
            continue
        seen = verdict.fingerprint
        known, first = window.look(seen, at_seconds), None
        if known is Known.NEW:
            first = to_send.setdefault(seen.name, verdict)
            known = known if first is verdict else first.fingerprint.says(seen)
        match known:
            case Known.NEW:
                sorted_out.append(verdict)
            case Known.SAME:
                sorted_out.append(Repeat(verdict.event, first))
            case Known.OTHER:
                sorted_out.append(_reused(verdict.event, bytes(raw)))
            case _:
                assert_never(known)
    return sorted_out


def _reused(event: Event, raw: bytes) -> Refused:
    detail = "another event has this source and id; an event is told apart by them"
    name = EventName(event.id, event.source, event.type)
    return Refused(name, Kind.INVALID, ID_REUSED, detail, "/id", raw, ID_REUSED)

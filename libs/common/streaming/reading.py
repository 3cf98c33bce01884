"""From records to a batch: decode, set aside what cannot be read, let newer tombstones win. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from libs.common.contracts import Event, UnknownType
from libs.common.errors import InvalidMessage
from libs.common.persistence.dead_letters import DeadLetter
from libs.common.streaming.batch import Record

Decode = Callable[[Iterable[tuple[str, bytes]], bytes | None], Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a run of records says."""

    events: Sequence[tuple[Event, Record]]
    tombstones: Sequence[str]
    letters: Sequence[DeadLetter]
    unknown: int
    """Records of a type that this release does not know: skipped and counted."""


def read(records: Sequence[Record], decode: Decode, *, compacted: bool) -> Reading:
    """Decode `records`. Without compaction a record without a body is invalid; with it, it deletes its key."""
    events: list[tuple[Event, Record]] = []
    letters: list[DeadLetter] = []
    deleted_at = {r.key: r.offset for r in records if r.value is None and r.key is not None} if compacted else {}
    written_at = {r.key: r.offset for r in records if r.value is not None} if deleted_at else {}
    unknown = 0
    for record in records:
        if record.key in deleted_at and record.offset <= deleted_at[record.key]:
            continue
        try:
            events.append((decode(record.headers, record.value), record))
        except UnknownType:
            unknown += 1
        except InvalidMessage as error:
            letters.append(record.as_dead_letter(error.slug, error.detail))
    tombstones = [
        key.decode("utf-8", "replace")
        for key, offset in deleted_at.items()
        if key is not None and written_at.get(key, -1) < offset
    ]
    return Reading(events=events, tombstones=tombstones, letters=letters, unknown=unknown)

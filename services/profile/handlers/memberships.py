"""Who is in which segment: kept as the newest views say it, and every change told once, a customer's changes in order."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from libs.common.contracts import new_event
from libs.common.contracts.profile import SegmentEntered, SegmentLeft
from libs.common.contracts.topics import PROFILE_SEGMENTS
from libs.common.persistence import OutboxMessage
from services.profile.domain.segments import Crossing, crossings
from services.profile.handlers.snapshots import SOURCE
from services.profile.ports import CustomerRow, ProfileStore
from services.profile.ports.segments import MemberRow, MovedRow, ids_of


async def settle_memberships(
    store: ProfileStore, views: Sequence[CustomerRow], in_force: Mapping[str, int]
) -> Sequence[MovedRow]:
    """Bring memberships to what these views say, by segments in these versions; the caller holds the customers' locks."""
    if not views:
        return ()
    members = await store.segments.members([view.customer_id for view in views])
    moved = [row for view in views for row in _moved(view, members.get(view.customer_id, ()), in_force)]
    await store.segments.move(moved)
    return moved


def _moved(view: CustomerRow, known: Sequence[MemberRow], in_force: Mapping[str, int]) -> Iterator[MovedRow]:
    since = {row.segment_id: row for row in known}
    for crossing in crossings(ids_of(known), frozenset(view.segments)):
        row = since.get(crossing.segment_id)
        occurred_at = _occurred_at(view, row)
        yield MovedRow(
            customer_id=view.customer_id,
            segment_id=crossing.segment_id,
            entered=crossing.entered,
            occurred_at=occurred_at,
            message=_message(view, crossing, in_force.get(crossing.segment_id), occurred_at),
        )


def _occurred_at(view: CustomerRow, known: MemberRow | None) -> datetime:
    """The view's own time; an id that has no view any more left when it was superseded, as far as that is known."""
    if view.as_of is not None:
        return view.as_of
    assert known is not None  # noqa: S101 - a tombstone enters nothing
    return max(known.entered_at, known.superseded_at or known.entered_at)


def _message(view: CustomerRow, crossing: Crossing, version: int | None, occurred_at: datetime) -> OutboxMessage:
    told: SegmentEntered | SegmentLeft
    if crossing.entered:
        told = SegmentEntered(
            customer_id=view.customer_id,
            version=view.version,
            segment_id=crossing.segment_id,
            segment_version=version or 1,
        )
    else:
        told = SegmentLeft(
            customer_id=view.customer_id,
            version=view.version,
            segment_id=crossing.segment_id,
            segment_version=version or 1,
            reason=_reason(view, archived=version is None),
        )
    event = new_event(
        told,
        event_id=f"{view.customer_id}:{view.version}:{crossing.segment_id}",
        source=SOURCE,
        occurred_at=occurred_at,
    )
    return OutboxMessage.of(event, PROFILE_SEGMENTS)


def _reason(view: CustomerRow, *, archived: bool) -> Literal["rule", "archived", "superseded", "objection"]:
    if view.message is None:
        return "superseded"
    if view.objects:
        return "objection"
    return "archived" if archived else "rule"

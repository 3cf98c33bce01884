"""Until when the published snapshots are complete: moments are followed until all that came before them is applied, folded and sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

Place = tuple[str, int]
"""A topic and a partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the work is, its parts read in this order or as one snapshot: what left one part is seen in the next."""

    offsets: Mapping[Place, int]
    oldest_mark: int | None
    newest_mark: int | None
    unpublished: Mapping[str, tuple[int, int]] | None
    """Newest and published version of the views that wait to be sent; None when they are too many to follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A moment, and what must be done before it can be said that the snapshots are complete until then."""

    at: datetime
    ends: Mapping[Place, int]
    """Asked for after `at`: whatever the door had accepted by then lies below."""
    newest_mark: int | None = None
    """When everything below the ends was applied, marks up to this one waited to be folded; None before."""
    views: Mapping[str, int] | None = None
    """When these marks were folded, these versions of views waited to be sent, and still do; None before."""

    @property
    def is_complete(self) -> bool:
        """Whether the snapshots are complete until `at`."""
        return self.views is not None and not self.views


def follow(followed: Sequence[Followed], standing: Standing) -> Sequence[Followed]:
    """Each moment, as far on as `standing` shows; without those whose ends leave out a partition that is being read."""
    return [_follow_one(moment, standing) for moment in followed if _knows_all(moment, standing.offsets)]


def newest_complete(followed: Sequence[Followed]) -> datetime | None:
    """The latest moment until which the snapshots are complete, None where there is none."""
    return max((moment.at for moment in followed if moment.is_complete), default=None)


def _knows_all(moment: Followed, offsets: Mapping[Place, int]) -> bool:
    """A partition without a leader, or a new one, has no end here: what lies there was not asked for."""
    topics = {topic for topic, _ in moment.ends}
    return all(place in moment.ends for place in offsets if place[0] in topics)


def _follow_one(moment: Followed, now: Standing) -> Followed:
    if moment.newest_mark is None:
        if any(now.offsets.get(place, 0) < end for place, end in moment.ends.items()):
            return moment
        moment = replace(moment, newest_mark=now.newest_mark or 0)
    if now.unpublished is None:
        return moment
    if moment.views is None:
        if now.oldest_mark is not None and now.oldest_mark <= (moment.newest_mark or 0):
            return moment
        return replace(moment, views={customer: version for customer, (version, _) in now.unpublished.items()})
    return replace(moment, views={c: v for c, v in moment.views.items() if now.unpublished.get(c, (v, v))[1] < v})

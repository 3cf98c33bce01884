"""Searches as counts that name nobody: which item or category was meant, by how many, in which week and where.

A visitor leaves one bit of 63, chosen by a hash with the subject and the week: the bits that are set are a number of different visitors
that is never too great, and whoever holds them cannot tell who it was, nor follow anybody from one subject or week to the next.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

BITS = 63
MINIMUM_VISITORS = 5
"""Fewer different visitors in a week are not shown."""
GREATEST_MATCHES = 200
_WEEK = 7
_MONDAY = 3
"""1970-01-01 was a Thursday."""


class SubjectKind(StrEnum):
    """What a search was for."""

    ITEM = "item"
    CATEGORY = "category"


class PlaceKind(StrEnum):
    """How well the place of a search is known."""

    STORE = "store"
    REGION = "region"
    CHAIN = "chain"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """An item or a category of the catalogue."""

    kind: SubjectKind
    subject_id: str


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A store, a region, or the whole chain (without an id)."""

    kind: PlaceKind
    place_id: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """An item in whose words all words of a search stand."""

    item_id: str
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """Searches for a subject at a place in a week; `unanswered` found nothing. The last two are bits of visitors."""

    subject: Subject
    place: Place
    week: int
    searches: int
    unanswered: int
    seen_by: int
    unanswered_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What may be shown: searches over some weeks, those without a result, and of how many different visitors a week at least."""

    searches: int = 0
    unanswered: int = 0
    visitors: int = 0


NOT_SOUGHT = Sought()


def week_of(day: int) -> int:
    """The week of a UTC day, Mondays first, counted from the one of 1970-01-01.

    >>> week_of(3), week_of(4)
    (0, 1)
    """
    return (day + _MONDAY) // _WEEK


def subject_of(item_id: str | None, category: str | None, matches: Sequence[Match]) -> Subject | None:
    """What was meant: what the sender says, else the one item that all words name, else the category of most such items.

    None where nothing in the catalogue fits, or no category has half of what does: then nothing is counted.

    >>> subject_of(None, None, [Match("1", "milk"), Match("2", "milk"), Match("3", "soap")])
    Subject(kind=<SubjectKind.CATEGORY: 'category'>, subject_id='milk')
    """
    if item_id is not None:
        return Subject(SubjectKind.ITEM, item_id)
    if category is not None:
        return Subject(SubjectKind.CATEGORY, category)
    if len(matches) == 1:
        return Subject(SubjectKind.ITEM, matches[0].item_id)
    counted = Counter(match.category for match in matches)
    likely, count = min(counted.items(), key=lambda pair: (-pair[1], pair[0]), default=("", 0))
    return Subject(SubjectKind.CATEGORY, likely) if count * 2 > len(matches) else None


def visitor_bit(visitor: str, subject: Subject, week: int) -> int:
    """The bit that this visitor leaves on this subject in this week."""
    told = f"{visitor}\x1f{subject.kind}\x1f{subject.subject_id}\x1f{week}".encode()
    return 1 << (int.from_bytes(blake2b(told, digest_size=8).digest()) % BITS)


def added(interests: Iterable[Interest]) -> Sequence[Interest]:
    """One for each subject, place and week, in their order: the same however they are grouped."""
    found: defaultdict[tuple[Subject, Place, int], list[Interest]] = defaultdict(list)
    for one in interests:
        found[one.subject, one.place, one.week].append(one)
    return [_sum(subject, place, week, found[subject, place, week]) for subject, place, week in sorted(found)]


def sought(
    interests: Iterable[Interest], regions: Mapping[str, str], minimum: int = MINIMUM_VISITORS
) -> Mapping[tuple[Subject, Place], Sought]:
    """What may be shown by subject and place: weeks with fewer different visitors there than `minimum` are left out.

    A search in a store counts for its region too, and every search for the chain.
    """
    weekly = added(up for one in interests for up in _everywhere(one, regions))
    found: dict[tuple[Subject, Place], Sought] = {}
    for one in weekly:
        if one.seen_by.bit_count() < minimum:
            continue
        known = found.get((one.subject, one.place), NOT_SOUGHT)
        shows_unanswered = one.unanswered_by.bit_count() >= minimum
        found[one.subject, one.place] = Sought(
            searches=known.searches + one.searches,
            unanswered=known.unanswered + (one.unanswered if shows_unanswered else 0),
            visitors=max(known.visitors, one.seen_by.bit_count()),
        )
    return found


def _everywhere(one: Interest, regions: Mapping[str, str]) -> Iterable[Interest]:
    places = {one.place, Place(PlaceKind.CHAIN)}
    region = regions.get(one.place.place_id) if one.place.kind is PlaceKind.STORE else None
    if region is not None:
        places.add(Place(PlaceKind.REGION, region))
    for place in places:
        yield _sum(one.subject, place, one.week, [one])


def _sum(subject: Subject, place: Place, week: int, parts: Sequence[Interest]) -> Interest:
    seen_by = unanswered_by = 0
    for part in parts:
        seen_by |= part.seen_by
        unanswered_by |= part.unanswered_by
    return Interest(
        subject=subject,
        place=place,
        week=week,
        searches=sum(part.searches for part in parts),
        unanswered=sum(part.unanswered for part in parts),
        seen_by=seen_by,
        unanswered_by=unanswered_by,
    )

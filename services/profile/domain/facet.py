"""What one identifier has told us: a commutative monoid of integers and bounded sets; handlers apply contacts, folders merge facets.

Laws (stated as tests): `merge` is associative and commutative, `EMPTY` is its identity, and `apply(f, c) == merge(f, of(c))`; so
contacts may arrive in any order and facets be folded in any grouping, with the same bytes (facet_codec.py) at the end.

Bounds. Most sections keep the greatest keys of a static order: the latest visits, weeks and category periods, the first names of
counters and questions. A key once dropped can never come back among the kept ones, so these bounds are exact. Items (bought, or seen on
the web) and matters keep the most recently met ones, and there the laws hold in part (stated as tests, docs/profile-state.md):
* exact in any order and grouping: which are kept, when each was met last, its label, whether a matter is open;
* exact too: all that was bought or seen since the floor, the last time of the least recently met item that is kept;
* what is older than the floor may be missing in the tallies of an item that was cut and came back, by the order in which cuts
  and events came: too low by what was cut, never too high. So is what was brought back, of whatever age.
`merge` stays commutative at the caps; associative it is then up to that. Repeats of an event are dropped before they get here (the
inbox); a visit is kept once all the same.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple, TypeVar

VISITS_KEPT = 400
ITEMS_KEPT = 4_000
WEEKS_KEPT = 159
PERIODS_KEPT = 4_000
WEB_ITEMS_KEPT = 400
NAMES_KEPT = 64
MATTERS_KEPT = 64

NEVER_FIRST = 1 << 53  # greater than any time in seconds: the identity of min
NEVER_LAST = -1  # smaller than any time: the identity of max


class VisitKey(NamedTuple):
    """Orders visits: by time, then by a number drawn from the event id."""

    at_seconds: int
    tie: int


class Visit(NamedTuple):
    """One receipt: where, when on the local clock, what was paid, and its distinct rankable items in ascending order."""

    store_id: str
    utc_offset_minutes: int
    amount_cents: int
    items: tuple[str, ...]


class ItemTally(NamedTuple):
    """All that was bought and brought back of one item; `label` is (time, tie, category, type) of the latest line."""

    baskets: int
    quantity_milli: int
    amount_cents: int
    discount_cents: int
    returned_milli: int
    refund_cents: int
    first_at_seconds: int
    last_at_seconds: int
    label: tuple[int, int, str, str]
    rankable: bool


class WeekTally(NamedTuple):
    """What happened in one week (weeks since Monday 1969-12-29, local days)."""

    visits: int
    lines: int
    amount_cents: int
    discount_cents: int
    refund_cents: int


class PeriodTally(NamedTuple):
    """Spend in one category in one period of four weeks."""

    lines: int
    amount_cents: int


class WebTally(NamedTuple):
    """How often one item was met on the web, how often it went into the cart, and when last."""

    views: int
    carts: int
    last_at_seconds: int


class AnswerTally(NamedTuple):
    """Number, sum and sum of squares of the answers to one question, and when the last one came."""

    answers: int
    score_sum: int
    score_square_sum: int
    last_at_seconds: int


class Matter(NamedTuple):
    """A complaint or a service contact: when it was opened last, and when it was settled last. Of the same second, settled counts."""

    opened_at_seconds: int = NEVER_LAST
    settled_at_seconds: int = NEVER_LAST

    @property
    def is_open(self) -> bool:
        """Whether somebody still waits for us."""
        return self.opened_at_seconds > self.settled_at_seconds


class PeriodKey(NamedTuple):
    """Orders category periods: the newest periods are kept."""

    period: int
    category: str


@dataclass(frozen=True, slots=True)
class Facet:
    """An immutable value; its mappings are never written after it is made."""

    visits: Mapping[VisitKey, Visit] = field(default_factory=dict)
    items: Mapping[str, ItemTally] = field(default_factory=dict)
    weeks: Mapping[int, WeekTally] = field(default_factory=dict)
    periods: Mapping[PeriodKey, PeriodTally] = field(default_factory=dict)
    web_items: Mapping[str, WebTally] = field(default_factory=dict)
    answers: Mapping[str, AnswerTally] = field(default_factory=dict)
    matters: Mapping[str, Matter] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    first_at_seconds: int = NEVER_FIRST
    last_at_seconds: int = NEVER_LAST


EMPTY = Facet()

K = TypeVar("K")
V = TypeVar("V")


def merge(a: Facet, b: Facet) -> Facet:
    """The facet of both histories together; costs a copy of the greater maps plus work for each key of the smaller ones."""
    return Facet(
        visits=_join(a.visits, b.visits, max, VISITS_KEPT, _by_key),
        items=_join(a.items, b.items, add_items, ITEMS_KEPT, _by_last_purchase),
        weeks=_join(a.weeks, b.weeks, _add_weeks, WEEKS_KEPT, _by_key),
        periods=_join(a.periods, b.periods, _add_periods, PERIODS_KEPT, _by_key),
        web_items=_join(a.web_items, b.web_items, _add_web, WEB_ITEMS_KEPT, _by_last_view),
        answers=_join(a.answers, b.answers, _add_answers, NAMES_KEPT, _by_key),
        matters=_join(a.matters, b.matters, _later_matter, MATTERS_KEPT, _by_last_word),
        counts=_join(a.counts, b.counts, int.__add__, NAMES_KEPT, _by_key),
        first_at_seconds=min(a.first_at_seconds, b.first_at_seconds),
        last_at_seconds=max(a.last_at_seconds, b.last_at_seconds),
    )


def has_open_complaint(facet: Facet) -> bool:
    """Whether a complaint waits for us: then nothing is to be sold."""
    return any(matter.is_open for name, matter in facet.matters.items() if name.startswith("complaint:"))


def fold(facets: Iterable[Facet]) -> Facet:
    """The customer: all facets of one component of the identity graph, in any order."""
    return reduce(merge, facets, EMPTY)


def _by_key(entry: tuple[K, V]) -> K:
    return entry[0]


def _by_last_purchase(entry: tuple[str, ItemTally]) -> tuple[int, str]:
    return entry[1].last_at_seconds, entry[0]


def _by_last_view(entry: tuple[str, WebTally]) -> tuple[int, str]:
    return entry[1].last_at_seconds, entry[0]


def _by_last_word(entry: tuple[str, Matter]) -> tuple[int, str]:
    return max(entry[1]), entry[0]


def _join(
    a: Mapping[K, V], b: Mapping[K, V], add: Callable[[V, V], V], kept: int, order: Callable[[tuple[K, V]], object]
) -> Mapping[K, V]:
    """Union of two maps, values of a common key added, cut to the `kept` greatest entries in `order`."""
    if len(a) < len(b):
        a, b = b, a
    if not b and len(a) <= kept:
        return a
    union = dict(a)
    for key, value in b.items():
        mine = union.get(key)
        union[key] = value if mine is None else add(mine, value)
    if len(union) <= kept:
        return union
    return dict(sorted(union.items(), key=order, reverse=True)[:kept])  # type: ignore[arg-type]  # orders are tuples, ints or names


def add_items(a: ItemTally, b: ItemTally) -> ItemTally:
    """Both tallies of one item together."""
    label = max(a.label, b.label)
    return ItemTally(
        a.baskets + b.baskets,
        a.quantity_milli + b.quantity_milli,
        a.amount_cents + b.amount_cents,
        a.discount_cents + b.discount_cents,
        a.returned_milli + b.returned_milli,
        a.refund_cents + b.refund_cents,
        min(a.first_at_seconds, b.first_at_seconds),
        max(a.last_at_seconds, b.last_at_seconds),
        label,
        a.rankable or b.rankable,
    )


def _add_weeks(a: WeekTally, b: WeekTally) -> WeekTally:
    return WeekTally(a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4])


def _add_periods(a: PeriodTally, b: PeriodTally) -> PeriodTally:
    return PeriodTally(a[0] + b[0], a[1] + b[1])


def _add_web(a: WebTally, b: WebTally) -> WebTally:
    return WebTally(a.views + b.views, a.carts + b.carts, max(a.last_at_seconds, b.last_at_seconds))


def _add_answers(a: AnswerTally, b: AnswerTally) -> AnswerTally:
    return AnswerTally(a[0] + b[0], a[1] + b[1], a[2] + b[2], max(a.last_at_seconds, b.last_at_seconds))


def _later_matter(a: Matter, b: Matter) -> Matter:
    return Matter(max(a[0], b[0]), max(a[1], b[1]))

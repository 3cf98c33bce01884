"""Segments as declared rules over a few figures; folders assign them, views and campaigns name them."""

from collections.abc import Callable
from dataclasses import dataclass

from libs.ranking.state import DAY_SECONDS
from services.profile.domain.rhythm import TripRhythm
from services.profile.domain.value import Value


@dataclass(frozen=True, slots=True)
class Figures:
    """What rules may look at; `days_known` since the first contact, `days_since_trip` since the last receipt."""

    visits: int
    days_known: float
    days_since_trip: float
    trip_interval_days: float
    trip_due_ratio: float
    weekly_cents: int
    trend_ratio: float
    discount_ratio: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a chain sets for itself."""

    high_value_weekly_cents: int = 10_000
    new_days: float = 60.0
    lost_days: float = 120.0
    habit_visits: int = 5  # with fewer trips nothing is said about habits
    regular_interval_days: float = 10.0
    lapsing_due_ratio: float = 2.5
    growing_trend_ratio: float = 1.33
    bargain_discount_ratio: float = 0.25


@dataclass(frozen=True, slots=True)
class Segment:
    """A rule with a name; a customer may be in several."""

    name: str
    meaning: str
    holds: Callable[[Figures, Thresholds], bool]


SEGMENTS = (
    Segment(
        "new",
        "known for less than two months",
        lambda figures, limits: figures.days_known < limits.new_days,
    ),
    Segment(
        "regular",
        "comes at least every ten days, and still does",
        lambda figures, limits: (
            figures.visits >= limits.habit_visits
            and figures.trip_interval_days <= limits.regular_interval_days
            and figures.trip_due_ratio < limits.lapsing_due_ratio
        ),
    ),
    Segment(
        "high_value",
        "spends at the pace of the chain's best",
        lambda figures, limits: figures.weekly_cents >= limits.high_value_weekly_cents,
    ),
    Segment(
        "growing",
        "spends a third more of late than before",
        lambda figures, limits: (
            figures.visits >= limits.habit_visits and figures.trend_ratio >= limits.growing_trend_ratio
        ),
    ),
    Segment(
        "lapsing",
        "overdue by more than two and a half of the usual intervals, but not gone",
        lambda figures, limits: (
            figures.visits >= limits.habit_visits
            and figures.trip_due_ratio >= limits.lapsing_due_ratio
            and figures.days_since_trip < limits.lost_days
        ),
    ),
    Segment(
        "lost",
        "has not come for four months",
        lambda figures, limits: figures.visits > 0 and figures.days_since_trip >= limits.lost_days,
    ),
    Segment(
        "bargain_hunter",
        "a quarter of the shelf price is taken off",
        lambda figures, limits: (
            figures.visits >= limits.habit_visits and figures.discount_ratio >= limits.bargain_discount_ratio
        ),
    ),
)


def figures_of(first_at_seconds: int, at_seconds: int, rhythm: TripRhythm | None, value: Value) -> Figures:
    """The figures as of a time; without a trip the customer counts as new and never due."""
    last = rhythm.last_at_seconds if rhythm else at_seconds
    return Figures(
        visits=rhythm.visits if rhythm else 0,
        days_known=max(at_seconds - first_at_seconds, 0) / DAY_SECONDS,
        days_since_trip=max(at_seconds - last, 0) / DAY_SECONDS,
        trip_interval_days=rhythm.interval_days if rhythm else 0.0,
        trip_due_ratio=rhythm.due_ratio if rhythm else 0.0,
        weekly_cents=value.weekly_cents,
        trend_ratio=value.trend_ratio,
        discount_ratio=value.discount_ratio,
    )


def segments_of(figures: Figures, thresholds: Thresholds) -> tuple[str, ...]:
    """The names of all segments whose rule holds, in the order of SEGMENTS."""
    return tuple(segment.name for segment in SEGMENTS if segment.holds(figures, thresholds))

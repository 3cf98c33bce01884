"""What segment rules may look at: named figures with their units, consents, value tier and spend; folders make it from the facet."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Literal

from libs.common.contracts.consent import Purpose
from libs.common.contracts.profile import ConsentInForce
from libs.ranking.state import DAY_SECONDS
from services.profile.domain.facet import Facet, PeriodKey, PeriodTally
from services.profile.domain.facet_of import week_of
from services.profile.domain.rhythm import TripRhythm
from services.profile.domain.value import Value

Tier = Literal["gold", "silver", "bronze", "new"]
ANY_CHANNEL = "any"
_WEEKS_A_PERIOD = 4


class Figure(StrEnum):
    """A number with its unit in its name. Of a customer without a trip nobody knows those that speak of trips."""

    VISITS_COUNT = "visits_count"
    KNOWN_DAYS = "known_days"
    SINCE_TRIP_DAYS = "since_trip_days"
    TRIP_INTERVAL_DAYS = "trip_interval_days"
    TRIP_DUE_RATIO = "trip_due_ratio"
    WEEKLY_CENTS = "weekly_cents"
    WEEKLY_VISITS_COUNT = "weekly_visits_count"
    TREND_RATIO = "trend_ratio"
    DISCOUNT_RATIO = "discount_ratio"
    SPENT_CENTS = "spent_cents"
    SPENT_LAST_YEAR_CENTS = "spent_last_year_cents"
    VISITS_LAST_YEAR_COUNT = "visits_last_year_count"
    EXPECTED_YEAR_CENTS = "expected_year_cents"
    RETURN_30_DAYS_RATIO = "return_30_days_ratio"
    OPEN_COMPLAINTS_COUNT = "open_complaints_count"

    @property
    def is_money(self) -> bool:
        """Whether a currency stands beside it."""
        return self.value.endswith("_cents")


@dataclass(frozen=True)
class Figures:
    """One customer as rules see it; a number that is missing is not known."""

    numbers: Mapping[Figure, float]
    currency: str | None = None
    tier: Tier | None = None
    consents: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    periods_of: Callable[[], Mapping[PeriodKey, PeriodTally]] = dict
    """Asked once, and only by who wants to know what was spent in a category."""
    period_now: int = 0

    def grants(self, purpose: str, channel: str) -> bool:
        """Whether a purpose is granted there, or on any channel where nothing is said of this one; silence grants nothing."""
        word = self.consents.get((purpose, channel))
        return self.consents.get((purpose, ANY_CHANNEL), False) if word is None else word

    def spent_in(self, category: str, periods: int) -> int:
        """What was paid in a category in the last periods of four weeks, the present one included."""
        since = self.period_now - periods
        return sum(cents for period, cents in self._by_category.get(category, ()) if since < period <= self.period_now)

    @cached_property
    def _by_category(self) -> Mapping[str, Sequence[tuple[int, int]]]:
        found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for key, tally in self.periods_of().items():
            found[key.category].append((key.period, tally.amount_cents))
        return found


def numbers_of(facet: Facet, at_seconds: int, rhythm: TripRhythm | None, value: Value) -> dict[Figure, float]:
    """The numbers as of a time that follow from the facet alone."""
    numbers: dict[Figure, float] = {
        Figure.VISITS_COUNT: rhythm.visits if rhythm else 0,
        Figure.KNOWN_DAYS: max(at_seconds - min(facet.first_at_seconds, at_seconds), 0) / DAY_SECONDS,
        Figure.WEEKLY_CENTS: value.weekly_cents,
        Figure.WEEKLY_VISITS_COUNT: value.weekly_visits,
        Figure.TREND_RATIO: value.trend_ratio,
        Figure.DISCOUNT_RATIO: value.discount_ratio,
        Figure.SPENT_CENTS: value.spent_cents,
        Figure.SPENT_LAST_YEAR_CENTS: value.spent_last_year_cents,
        Figure.VISITS_LAST_YEAR_COUNT: value.visits_last_year,
        Figure.OPEN_COMPLAINTS_COUNT: sum(
            matter.is_open for name, matter in facet.matters.items() if name.startswith("complaint:")
        ),
    }
    if rhythm is not None:
        numbers[Figure.SINCE_TRIP_DAYS] = max(at_seconds - rhythm.last_at_seconds, 0) / DAY_SECONDS
        numbers[Figure.TRIP_INTERVAL_DAYS] = rhythm.interval_days
        numbers[Figure.TRIP_DUE_RATIO] = rhythm.due_ratio
    return numbers


def words_of(consents: Iterable[ConsentInForce]) -> Mapping[tuple[str, str], bool]:
    """Consents in force by purpose and channel."""
    return {(word.purpose, word.channel): word.granted for word in consents}


def objects_to_profiling(words: Mapping[tuple[str, str], bool]) -> bool:
    """Whether the customer denied profiling, on whatever channel: then what was counted stays, and nothing is derived from it."""
    return any(purpose == Purpose.PROFILING and not granted for (purpose, _), granted in words.items())


def period_at(at_seconds: int) -> int:
    """The number of the four-week period that a time is in."""
    return week_of(at_seconds) // _WEEKS_A_PERIOD

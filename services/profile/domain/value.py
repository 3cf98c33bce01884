"""What a customer is worth: spend, its pace and trend, and what the next weeks are expected to bring; views, tills and segments read it.

Amounts are integers in minor units of the chain's currency; a pace is derived from weekly sums when it is read.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.profile.domain.facet import Facet
from services.profile.domain.facet_of import week_of

WEEKS_A_YEAR = 52
PACE_WEEKS = 13.0  # a week's weight in the pace falls by e in this time
RECENT_WEEKS = 4.0


@dataclass(frozen=True, slots=True)
class Value:
    """Spend is net of refunds. `weekly_cents` is the pace of late; `trend_ratio` above 1 means faster than that in the last weeks."""

    spent_cents: int
    spent_last_year_cents: int
    visits_last_year: int
    weekly_cents: int
    weekly_visits: float
    trend_ratio: float
    discount_ratio: float


def value_of(facet: Facet, at_seconds: int) -> Value:
    """The value as of a time; weeks beyond the facet's window no longer count."""
    now = week_of(at_seconds)
    known = sorted([(week - now, tally) for week, tally in facet.weeks.items() if week <= now])
    since, tallies = [age for age, _ in known], [tally for _, tally in known]
    net = [tally.amount_cents - tally.refund_cents for tally in tallies]
    visits = [tally.visits for tally in tallies]
    discounts = sum([tally.discount_cents for tally in tallies])
    gross = sum([tally.amount_cents for tally in tallies]) + discounts
    year = bisect_right(since, -WEEKS_A_YEAR)
    pace, recent = _pace(since, net, PACE_WEEKS), _pace(since, net, RECENT_WEEKS)
    return Value(
        spent_cents=sum(net),
        spent_last_year_cents=sum(net[year:]),
        visits_last_year=sum(visits[year:]),
        weekly_cents=round(pace),
        weekly_visits=_pace(since, visits, PACE_WEEKS),
        trend_ratio=recent / pace if pace > 0 else 1.0,
        discount_ratio=discounts / gross if gross > 0 else 0.0,
    )


def expected_spend_cents(value: Value, chance_of_return: float, days: int) -> int:
    """What the next `days` bring: the pace, if the customer comes back at all in that time."""
    return round(chance_of_return * value.weekly_cents * days / 7)


def _pace(since: Sequence[int], weekly: Sequence[int], fading_weeks: float) -> float:
    """The faded mean of a week since the customer is known; weeks count from now, so they are 0 or below, and ascend."""
    total = sum([amount * math.exp(week / fading_weeks) for week, amount in zip(since, weekly, strict=True)])
    return total / _weeks_that_count(1 - since[0] if since else 1, fading_weeks)


@lru_cache(maxsize=4_096)
def _weeks_that_count(age_weeks: int, fading_weeks: float) -> float:
    return sum([math.exp(-week / fading_weeks) for week in range(age_weeks)])

"""The pace of a customer's spending, kept as faded sums: what `value_of` makes of weekly tallies, for who cannot keep a tally a week."""

import math
from functools import lru_cache

from msgspec import Struct

from services.profile.domain.value import PACE_WEEKS, RECENT_WEEKS


class Pace(Struct, array_like=True, gc=False):
    """Sums over weeks, each week's weight fading by e in PACE_WEEKS or RECENT_WEEKS, as of the week `newest`."""

    first: int = 0
    newest: int = -1
    cents: float = 0.0
    recent_cents: float = 0.0
    visits: float = 0.0

    def add(self, week: int, amount_cents: int) -> None:
        """One more visit, in whatever order the weeks come."""
        if self.newest < 0:
            self.first = self.newest = week
        if week > self.newest:
            fading, recent = math.exp((self.newest - week) / PACE_WEEKS), math.exp((self.newest - week) / RECENT_WEEKS)
            self.cents, self.recent_cents, self.visits = (
                self.cents * fading,
                self.recent_cents * recent,
                self.visits * fading,
            )
            self.newest = week
        self.first = min(self.first, week)
        weight = math.exp((week - self.newest) / PACE_WEEKS)
        self.cents += amount_cents * weight
        self.recent_cents += amount_cents * math.exp((week - self.newest) / RECENT_WEEKS)
        self.visits += weight

    @property
    def weekly_cents(self) -> int:
        """Spend a week as of the newest week, before refunds."""
        return round(self.cents / self._weeks(PACE_WEEKS))

    @property
    def weekly_visits(self) -> float:
        """Visits a week."""
        return self.visits / self._weeks(PACE_WEEKS)

    @property
    def trend_ratio(self) -> float:
        """Above 1 spending is faster in the last weeks than before."""
        pace = self.cents / self._weeks(PACE_WEEKS)
        return self.recent_cents / self._weeks(RECENT_WEEKS) / pace if pace > 0 else 1.0

    def _weeks(self, fading_weeks: float) -> float:
        return _faded_weeks(self.newest - self.first + 1, fading_weeks)


@lru_cache(maxsize=1024)
def _faded_weeks(age_weeks: int, fading_weeks: float) -> float:
    return sum(math.exp(-week / fading_weeks) for week in range(age_weeks))

"""Until when a voucher is good: whole days of the store's own calendar, the last one included, over clock changes too."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


def last_day(issued_at: datetime, zone: str, validity_days: int) -> date:
    """The last local day on which a voucher issued now is good; 0 days: today."""
    return issued_at.astimezone(ZoneInfo(zone)).date() + timedelta(days=validity_days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The days on which a store does not open: weekdays (0 is Monday), and dates."""

    weekdays: frozenset[int] = frozenset()
    dates: frozenset[date] = frozenset()

    def __contains__(self, day: date) -> bool:
        return day.weekday() in self.weekdays or day in self.dates


def last_opening_day(issued_at: datetime, zone: str, opening_days: int, closed: Closed) -> date:
    """The last of so many days on which the store opens, counted from tomorrow; 0 days: today, whatever the day.

    >>> closed = Closed(weekdays=frozenset({6}), dates=frozenset({date(2026, 12, 25)}))
    >>> last_opening_day(datetime(2026, 12, 23, 12, tzinfo=UTC), "Europe/Berlin", 3, closed).isoformat()
    '2026-12-28'
    """
    day = last_day(issued_at, zone, 0)
    # A store that says it never opens is taken at its word for so long alone.
    latest = day + timedelta(days=7 * (opening_days + len(closed.dates)))
    while opening_days and day < latest:
        day += timedelta(days=1)
        opening_days -= day not in closed
    return day


@lru_cache(maxsize=1_024)
def end_of(day: date, zone: str) -> datetime:
    """The first moment, in UTC, after which it is never `day` there again.

    Where midnight itself is skipped by a clock change, that is the change. Where clocks go back over midnight the day
    comes back for a while and ends with that; where they go back to midnight it ended before.

    >>> end_of(date(2026, 3, 28), "Europe/Berlin").isoformat()
    '2026-03-28T23:00:00+00:00'
    >>> end_of(date(2026, 3, 29), "Europe/Berlin").isoformat()
    '2026-03-29T22:00:00+00:00'
    """
    midnight = datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(zone))
    first, second = midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)
    comes_back = second > first and last_day_before(second, zone) == day
    return second if comes_back else first


@lru_cache(maxsize=1_024)
def last_day_before(expires_at: datetime, zone: str) -> date:
    """The day that a receipt prints for a voucher that ends at `expires_at`: the last on which it is taken."""
    return (expires_at - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()

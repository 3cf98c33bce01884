"""Golden examples of the last day of a voucher, in every odd place of the calendar, and the laws behind them."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.offers.domain.campaigns.validity import Closed, end_of, last_day, last_day_before, last_opening_day

# issued (UTC), zone, days, last local day, end (UTC)
PLAIN = [
    ("2026-03-10T15:00", "America/New_York", 14, "2026-03-24", "2026-03-25T04:00"),
    ("2026-03-10T03:00", "America/New_York", 0, "2026-03-09", "2026-03-10T04:00"),  # still the day before, there
    ("2026-06-01T23:30", "Asia/Tokyo", 0, "2026-06-02", "2026-06-02T15:00"),
]
CLOCK_CHANGES = [
    ("2026-03-07T12:00", "America/New_York", 0, "2026-03-07", "2026-03-08T05:00"),
    ("2026-03-08T12:00", "America/New_York", 0, "2026-03-08", "2026-03-09T04:00"),  # a day of 23 hours
    ("2026-11-01T12:00", "America/New_York", 0, "2026-11-01", "2026-11-02T05:00"),  # a day of 25 hours
    ("2026-03-28T12:00", "Europe/Berlin", 1, "2026-03-29", "2026-03-29T22:00"),
    ("2026-03-20T12:00", "Europe/Berlin", 14, "2026-04-03", "2026-04-03T22:00"),  # over the change
    ("2026-10-25T00:30", "Europe/Berlin", 0, "2026-10-25", "2026-10-25T23:00"),
    ("2026-10-25T01:30", "Europe/Berlin", 0, "2026-10-25", "2026-10-25T23:00"),  # the same hour once more
    ("2026-04-04T12:00", "Australia/Lord_Howe", 0, "2026-04-04", "2026-04-04T13:00"),
    ("2026-04-05T12:00", "Australia/Lord_Howe", 0, "2026-04-05", "2026-04-05T13:30"),  # half an hour more
]
SKIPPED_MIDNIGHT = [
    ("2018-11-03T12:00", "America/Sao_Paulo", 0, "2018-11-03", "2018-11-04T03:00"),
    ("2026-09-05T15:00", "America/Santiago", 0, "2026-09-05", "2026-09-06T04:00"),
    ("2026-03-07T15:00", "America/Havana", 0, "2026-03-07", "2026-03-08T05:00"),
    ("2026-03-28T12:00", "Asia/Beirut", 0, "2026-03-28", "2026-03-28T22:00"),
    ("2026-04-23T12:00", "Africa/Cairo", 0, "2026-04-23", "2026-04-23T22:00"),
    ("2024-03-30T12:00", "America/Nuuk", 0, "2024-03-30", "2024-03-31T01:00"),  # the hour before midnight is skipped
]
REPEATED_MIDNIGHT = [
    # Back to midnight: the day before was over at the first one.
    ("2026-10-24T12:00", "Atlantic/Azores", 0, "2026-10-24", "2026-10-25T00:00"),
    ("2026-10-31T12:00", "America/Havana", 0, "2026-10-31", "2026-11-01T04:00"),
    ("2026-11-01T04:30", "America/Havana", 0, "2026-11-01", "2026-11-02T05:00"),
    ("2026-11-01T05:30", "America/Havana", 0, "2026-11-01", "2026-11-02T05:00"),
    # Back from midnight to eleven: the day has 25 hours.
    ("2018-02-17T12:00", "America/Sao_Paulo", 0, "2018-02-17", "2018-02-18T03:00"),
    ("2026-04-04T15:00", "America/Santiago", 0, "2026-04-04", "2026-04-05T04:00"),
    ("2024-10-26T12:00", "America/Nuuk", 0, "2024-10-26", "2024-10-27T02:00"),
    # Back from a minute past midnight: the day comes back for most of an hour, and the voucher with it.
    ("2010-11-06T12:00", "America/St_Johns", 0, "2010-11-06", "2010-11-07T03:30"),
    ("2010-11-07T03:00", "America/St_Johns", 0, "2010-11-06", "2010-11-07T03:30"),
    ("2010-03-04T06:00", "Antarctica/Casey", 0, "2010-03-04", "2010-03-04T16:00"),
]
FAR_ZONES = [
    ("2026-01-01T00:00", "Pacific/Kiritimati", 0, "2026-01-01", "2026-01-01T10:00"),  # +14
    ("2026-01-01T09:59", "Pacific/Kiritimati", 0, "2026-01-01", "2026-01-01T10:00"),
    ("2026-01-01T10:00", "Pacific/Kiritimati", 0, "2026-01-02", "2026-01-02T10:00"),
    ("2026-01-01T10:59", "Pacific/Pago_Pago", 0, "2025-12-31", "2026-01-01T11:00"),  # -11
    ("2026-01-01T11:00", "Pacific/Pago_Pago", 0, "2026-01-01", "2026-01-02T11:00"),
    ("2026-05-01T12:00", "Pacific/Chatham", 0, "2026-05-02", "2026-05-02T11:15"),  # +12:45
]
PARTS_OF_HOURS = [
    ("2026-03-10T18:29", "Asia/Kolkata", 0, "2026-03-10", "2026-03-10T18:30"),
    ("2026-03-10T18:30", "Asia/Kolkata", 0, "2026-03-11", "2026-03-11T18:30"),
    ("2026-03-10T12:00", "Asia/Kathmandu", 0, "2026-03-10", "2026-03-10T18:15"),
    ("2026-03-10T12:00", "Australia/Adelaide", 0, "2026-03-10", "2026-03-10T13:30"),
    ("2026-07-10T12:00", "America/St_Johns", 0, "2026-07-10", "2026-07-11T02:30"),
    ("2026-07-10T12:00", "Pacific/Marquesas", 0, "2026-07-10", "2026-07-11T09:30"),
]
TURNS_OF_THE_CALENDAR = [
    ("2024-02-28T12:00", "UTC", 1, "2024-02-29", "2024-03-01T00:00"),  # a leap day
    ("2024-02-29T12:00", "Europe/Paris", 365, "2025-02-28", "2025-02-28T23:00"),
    ("2024-02-29T12:00", "Europe/Paris", 366, "2025-03-01", "2025-03-01T23:00"),
    ("2026-02-28T12:00", "Europe/Paris", 1, "2026-03-01", "2026-03-01T23:00"),  # no leap year
    ("2100-02-28T12:00", "UTC", 1, "2100-03-01", "2100-03-02T00:00"),  # nor is this one
    ("2026-12-31T22:59", "Europe/Berlin", 0, "2026-12-31", "2026-12-31T23:00"),
    ("2026-12-31T23:00", "Europe/Berlin", 0, "2027-01-01", "2027-01-01T23:00"),
    ("2026-12-20T12:00", "America/New_York", 14, "2027-01-03", "2027-01-04T05:00"),
]
EXAMPLES = [
    *PLAIN,
    *CLOCK_CHANGES,
    *SKIPPED_MIDNIGHT,
    *REPEATED_MIDNIGHT,
    *FAR_ZONES,
    *PARTS_OF_HOURS,
    *TURNS_OF_THE_CALENDAR,
]
ZONES = sorted({zone for _, zone, *_ in EXAMPLES} | {"Europe/Lisbon", "Africa/Casablanca", "Asia/Gaza", "Pacific/Apia"})
JUST_BEFORE = timedelta(microseconds=1)


@pytest.mark.parametrize(("issued", "zone", "days", "last", "end"), EXAMPLES)
def test_the_last_day_counts_to_its_end_in_the_store(issued: str, zone: str, days: int, last: str, end: str) -> None:
    issued_at = datetime.fromisoformat(issued).replace(tzinfo=UTC)
    day = last_day(issued_at, zone, days)
    assert day.isoformat() == last
    assert end_of(day, zone) == datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert last_day_before(end_of(day, zone), zone) == day


def test_of_a_day_that_a_country_left_out_the_day_before_is_printed() -> None:
    # Samoa moved over the date line: 29 December 2011 was followed by 31 December.
    issued_at = datetime(2011, 12, 28, 20, tzinfo=UTC)
    expires_at = end_of(last_day(issued_at, "Pacific/Apia", 2), "Pacific/Apia")
    assert expires_at == datetime(2011, 12, 30, 10, tzinfo=UTC)
    assert last_day_before(expires_at, "Pacific/Apia") == date(2011, 12, 29)


SUNDAYS = Closed(weekdays=frozenset({6}))
CHRISTMAS = Closed(weekdays=frozenset({6}), dates=frozenset({date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1)}))
FRIDAYS_ONLY = Closed(weekdays=frozenset({0, 1, 2, 3, 5, 6}))

# issued (UTC), zone, opening days, closed, last local day
OPENING_DAYS = [
    ("2026-03-10T12:00", "Europe/Berlin", 14, Closed(), "2026-03-24"),  # no day closed: as days
    ("2026-03-10T12:00", "Europe/Berlin", 14, SUNDAYS, "2026-03-26"),
    ("2026-03-14T12:00", "Europe/Berlin", 1, SUNDAYS, "2026-03-16"),  # Saturday, then Monday
    ("2026-03-15T12:00", "Europe/Berlin", 0, SUNDAYS, "2026-03-15"),  # whoever was sold something was let in
    ("2026-03-14T23:30", "Europe/Berlin", 1, SUNDAYS, "2026-03-16"),  # it is Sunday there already
    ("2026-12-23T12:00", "Europe/Berlin", 3, CHRISTMAS, "2026-12-29"),  # 24, 28, 29
    ("2026-12-29T12:00", "Europe/Berlin", 3, CHRISTMAS, "2027-01-02"),  # 30, 31, 2: over the year's end
    ("2024-02-27T12:00", "America/New_York", 2, SUNDAYS, "2024-02-29"),
    ("2026-03-26T12:00", "Europe/Berlin", 3, SUNDAYS, "2026-03-30"),  # over the change of clocks
    ("2026-03-10T12:00", "Asia/Kolkata", 2, FRIDAYS_ONLY, "2026-03-20"),
    ("2026-03-10T12:00", "Asia/Kolkata", 2, Closed(weekdays=frozenset(range(7))), "2026-03-24"),
]


@pytest.mark.parametrize(("issued", "zone", "days", "closed", "last"), OPENING_DAYS)
def test_opening_days_are_those_of_the_store(issued: str, zone: str, days: int, closed: Closed, last: str) -> None:
    issued_at = datetime.fromisoformat(issued).replace(tzinfo=UTC)
    assert last_opening_day(issued_at, zone, days, closed).isoformat() == last


@given(
    issued_at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # the zone follows
    days=st.integers(0, 366),
    weekdays=st.frozensets(st.integers(0, 6), max_size=6),
    offsets=st.frozensets(st.integers(0, 60), max_size=20),
)
def test_a_customer_has_exactly_so_many_open_days_to_come_back(
    issued_at: datetime, days: int, weekdays: frozenset[int], offsets: frozenset[int]
) -> None:
    today = last_day(issued_at, "Europe/Berlin", 0)
    closed = Closed(weekdays=weekdays, dates=frozenset(today + timedelta(days=offset) for offset in offsets))
    last = last_opening_day(issued_at, "Europe/Berlin", days, closed)
    later = [today + timedelta(days=number) for number in range(1, (last - today).days + 1)]
    assert sum(day not in closed for day in later) == days
    assert not later or last not in closed, "and the last of them is one"


@given(
    issued_at=st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # the zone follows
    zone=st.sampled_from(ZONES),
    days=st.integers(0, 366),
)
def test_a_voucher_is_good_on_all_of_its_printed_day_and_never_after(issued_at: datetime, zone: str, days: int) -> None:
    expires_at = end_of(last_day(issued_at, zone, days), zone)
    printed = last_day_before(expires_at, zone)
    assert issued_at < expires_at, "it is never over before it is printed"
    assert printed >= issued_at.astimezone(ZoneInfo(zone)).date()
    after = [expires_at + timedelta(minutes=minute) for minute in range(0, 26 * 60, 7)]
    assert all(moment.astimezone(ZoneInfo(zone)).date() > printed for moment in after)
    assert (expires_at - JUST_BEFORE).astimezone(ZoneInfo(zone)).date() == printed


@pytest.mark.parametrize("zone", ZONES)
def test_days_follow_each_other_without_a_gap_or_an_overlap(zone: str) -> None:
    ends = [end_of(date(2010, 1, 1) + timedelta(days=number), zone) for number in range(365 * 2)]
    lengths = {after - before for before, after in itertools.pairwise(ends)}
    assert all(timedelta(0) <= length <= timedelta(hours=28) for length in lengths)
    assert ends == sorted(ends)

"""Golden examples of the last day of a voucher."""

from datetime import UTC, datetime

import pytest

from services.offers.domain.validity import end_of, last_day, last_day_before

# issued (UTC), zone, days, last local day, end (UTC)
EXAMPLES = [
    ("2026-03-10T15:00", "America/New_York", 14, "2026-03-24", "2026-03-25T04:00"),
    ("2026-03-10T03:00", "America/New_York", 0, "2026-03-09", "2026-03-10T04:00"),  # still the day before, there
    ("2026-03-07T12:00", "America/New_York", 0, "2026-03-07", "2026-03-08T05:00"),
    ("2026-03-08T12:00", "America/New_York", 0, "2026-03-08", "2026-03-09T04:00"),  # a day of 23 hours
    ("2026-11-01T12:00", "America/New_York", 0, "2026-11-01", "2026-11-02T05:00"),  # a day of 25 hours
    ("2026-03-28T12:00", "Europe/Berlin", 1, "2026-03-29", "2026-03-29T22:00"),
    ("2026-10-25T00:30", "Europe/Berlin", 0, "2026-10-25", "2026-10-25T23:00"),
    ("2018-11-03T12:00", "America/Sao_Paulo", 0, "2018-11-03", "2018-11-04T03:00"),  # the next midnight does not exist
    ("2026-06-01T23:30", "Asia/Tokyo", 0, "2026-06-02", "2026-06-02T15:00"),
    ("2026-01-01T00:00", "Pacific/Kiritimati", 0, "2026-01-01", "2026-01-01T10:00"),
    ("2024-02-28T12:00", "UTC", 1, "2024-02-29", "2024-03-01T00:00"),
]


@pytest.mark.parametrize(("issued", "zone", "days", "last", "end"), EXAMPLES)
def test_the_last_day_counts_to_its_end_in_the_store(issued: str, zone: str, days: int, last: str, end: str) -> None:
    issued_at = datetime.fromisoformat(issued).replace(tzinfo=UTC)
    day = last_day(issued_at, zone, days)
    assert day.isoformat() == last
    assert end_of(day, zone) == datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert last_day_before(end_of(day, zone), zone) == day

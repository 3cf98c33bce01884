"""When orders go out and arrive: order days, cut-offs on local clocks, closed days."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.catalog import Lane
from services.inventory.domain.planning.supply_rhythm import rhythm_of
from services.inventory.domain.stock.shelves import day_of, weekday_of
from tests.support.inventory_events import at

DAILY = Lane(lane_id="d", supplier_id="s", lead_time_hours=48)
NOON = replace(DAILY, cutoff_at=time(12))


@given(st.sets(st.integers(0, 6), min_size=1), st.integers(0, 13), st.integers(1, 400))
def test_without_cut_off_and_closed_days_the_calendar_is_the_weekdays_sum(
    weekdays: set[int], day: int, hours: int
) -> None:
    lane = replace(DAILY, order_weekdays=tuple(sorted(weekdays)), lead_time_hours=hours)
    start = at(float(day))
    assert abs(lane.protection_from(start) - lane.protection_days(start.weekday())) < 1e-9
    assert lane.orders_at(start) == at(float(day + lane.wait_days(start.weekday())))


def test_an_order_at_the_cut_off_is_too_late_for_its_day() -> None:
    assert NOON.orders_at(at(0.4)) == at(0.5)
    assert NOON.orders_at(at(0.5)) == at(1.5)
    assert NOON.arrives_at(at(0.4)) == at(2.5)
    assert NOON.protection_from(at(0.0)) == 3.5


def test_cut_offs_are_on_the_clocks_of_the_lane_also_when_they_change() -> None:
    berlin = replace(DAILY, cutoff_at=time(12), time_zone="Europe/Berlin")
    assert berlin.orders_at(datetime(2031, 3, 29, 0, tzinfo=UTC)) == datetime(2031, 3, 29, 11, tzinfo=UTC)
    assert berlin.orders_at(datetime(2031, 3, 30, 0, tzinfo=UTC)) == datetime(2031, 3, 30, 10, tzinfo=UTC)


def test_on_closed_days_nothing_is_ordered_and_nothing_arrives() -> None:
    closed = replace(DAILY, closed_on=frozenset({date(2031, 3, 3), date(2031, 3, 6)}))
    assert closed.orders_at(at(0.0)) == at(1.0)
    assert closed.arrives_at(at(0.0)) == at(4.0)  # Thursday is closed
    assert closed.protection_from(at(0.0)) == 4.0


def test_a_lane_that_is_never_open_does_not_stop_a_review() -> None:
    never = replace(DAILY, order_weekdays=(0,), closed_on=frozenset(at(7.0 * week).date() for week in range(80)))
    assert never.orders_at(at(0.0)) == at(400.0)


@given(st.sets(st.integers(0, 6), min_size=1), st.integers(0, 13), st.integers(1, 400))
def test_the_rhythm_that_learning_sees_is_the_calendars(weekdays: set[int], ahead: int, hours: int) -> None:
    lane = replace(DAILY, order_weekdays=tuple(sorted(weekdays)), lead_time_hours=hours)
    day = day_of(at(float(ahead)))
    wait, nights, following = rhythm_of(lane, day)
    assert wait == lane.wait_days(weekday_of(day))
    assert nights == 1 + ceil(max(hours - 8, 0) / 24)
    assert following == 1 + lane.wait_days((weekday_of(day) + wait + 1) % 7)


def test_cut_off_and_closed_days_lengthen_the_rhythm() -> None:
    day = day_of(at(0.0))
    assert rhythm_of(DAILY, day) == (0, 3, 1)
    assert rhythm_of(NOON, day) == (0, 4, 1)
    closed = replace(DAILY, closed_on=frozenset({date(2031, 3, 3), date(2031, 3, 5)}))
    assert rhythm_of(closed, day) == (1, 3, 2)

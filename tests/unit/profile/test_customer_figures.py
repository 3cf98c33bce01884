"""What is derived from a facet for people: rhythms, value, segments."""

import msgspec
import pytest

from libs.ranking.population import PopulationState
from libs.ranking.state import DAY_SECONDS
from services.profile.domain.contact import Return, ReturnedLine
from services.profile.domain.facet import EMPTY, Facet
from services.profile.domain.facet_of import apply, apply_all
from services.profile.domain.figures import Figure, Figures, numbers_of
from services.profile.domain.ranking_state import ranking_state
from services.profile.domain.rhythm import item_rhythms, trip_rhythm
from services.profile.domain.segments import RulesInForce
from services.profile.domain.value import expected_spend_cents, value_of
from tests.support.segments import shipped_segments
from tests.support.shopping import START_SECONDS, a_line, a_purchase

FIGURES = {
    Figure.VISITS_COUNT: 20,
    Figure.KNOWN_DAYS: 300.0,
    Figure.SINCE_TRIP_DAYS: 3.0,
    Figure.TRIP_INTERVAL_DAYS: 7.0,
    Figure.TRIP_DUE_RATIO: 0.5,
    Figure.WEEKLY_CENTS: 5000,
    Figure.TREND_RATIO: 1.0,
    Figure.DISCOUNT_RATIO: 0.1,
}
SHIPPED = RulesInForce(1, shipped_segments())


def a_weekly_customer(weeks: int = 10) -> Facet:
    return apply_all(EMPTY, (a_purchase(f"e{week}", day=7 * week, items=("milk", "tea")) for week in range(weeks)))


def test_a_weekly_trip_has_a_weekly_rhythm_and_is_due_after_a_week() -> None:
    state = ranking_state(a_weekly_customer())
    last = START_SECONDS + 63 * DAY_SECONDS
    rhythm = trip_rhythm(state, last + 7 * DAY_SECONDS)
    assert rhythm is not None
    assert rhythm.interval_days == pytest.approx(7.0)
    assert rhythm.due_ratio == pytest.approx(1.0)
    assert rhythm.last_at_seconds == last


def test_nobody_without_a_trip_has_a_rhythm() -> None:
    assert trip_rhythm(ranking_state(EMPTY), START_SECONDS) is None
    assert item_rhythms(ranking_state(EMPTY), PopulationState(), START_SECONDS) == []


def test_the_most_overdue_item_comes_first_and_a_single_purchase_is_no_rhythm() -> None:
    facet = apply_all(a_weekly_customer(), [a_purchase("x", day=70, items=("milk", "once"))])
    rhythms = item_rhythms(ranking_state(facet), PopulationState(), START_SECONDS + 75 * DAY_SECONDS)
    assert [rhythm.item_id for rhythm in rhythms] == ["tea", "milk"]
    assert rhythms[0].due_ratio > rhythms[1].due_ratio
    assert rhythms[0].due_at_seconds > rhythms[0].last_at_seconds


def test_the_pace_of_a_steady_customer_is_what_a_week_brings() -> None:
    value = value_of(a_weekly_customer(20), START_SECONDS + 133 * DAY_SECONDS)
    assert value.weekly_cents == pytest.approx(398, abs=1)
    assert value.weekly_visits == pytest.approx(1.0)
    assert value.trend_ratio == pytest.approx(1.0)
    assert value.spent_cents == 20 * 398
    assert expected_spend_cents(value, 0.5, 28) == pytest.approx(796, abs=2)


def test_the_pace_falls_while_a_customer_stays_away() -> None:
    facet = a_weekly_customer(20)
    then, later = (value_of(facet, START_SECONDS + day * DAY_SECONDS) for day in (133, 203))
    assert later.weekly_cents < then.weekly_cents / 1.5
    assert later.trend_ratio < 0.5


def test_refunds_are_taken_off() -> None:
    returned = Return("r", START_SECONDS, (ReturnedLine("milk", 1000, 199),))
    value = value_of(apply(a_weekly_customer(), returned), START_SECONDS + 63 * DAY_SECONDS)
    assert value.spent_cents == 10 * 398 - 199


def test_nothing_known_is_worth_nothing() -> None:
    value = value_of(EMPTY, START_SECONDS)
    assert (value.spent_cents, value.weekly_cents, value.trend_ratio, value.discount_ratio) == (0, 0, 1.0, 0.0)


def test_discount_is_a_share_of_the_shelf_price() -> None:
    purchase = msgspec.structs.replace(a_purchase(), lines=(a_line(amount_cents=75, discount_cents=25),))
    assert value_of(apply(EMPTY, purchase), START_SECONDS).discount_ratio == 0.25


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({}, ("regular",)),
        ({Figure.KNOWN_DAYS: 10.0, Figure.VISITS_COUNT: 2}, ("new",)),
        ({Figure.WEEKLY_CENTS: 10_000}, ("high_value", "regular")),
        ({Figure.TREND_RATIO: 2.0}, ("growing", "regular")),
        ({Figure.TRIP_DUE_RATIO: 4.0, Figure.SINCE_TRIP_DAYS: 30.0}, ("lapsing",)),
        ({Figure.TRIP_DUE_RATIO: 30.0, Figure.SINCE_TRIP_DAYS: 200.0}, ("lost",)),
        ({Figure.DISCOUNT_RATIO: 0.4}, ("bargain_hunter", "regular")),
    ],
)
def test_the_shipped_segments_mean_what_they_say(change: dict[Figure, float], names: tuple[str, ...]) -> None:
    assert SHIPPED.segments_of(Figures(numbers={**FIGURES, **change})) == names


def test_a_customer_without_trips_has_figures_too() -> None:
    numbers = numbers_of(EMPTY, START_SECONDS + DAY_SECONDS, None, value_of(EMPTY, START_SECONDS))
    assert SHIPPED.segments_of(Figures(numbers=numbers)) == ("new",)

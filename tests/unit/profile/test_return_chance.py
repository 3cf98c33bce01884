"""Laws of the chance of return: labels are learned when they have matured, batches do not matter, the state is plain JSON."""

import json
from itertools import pairwise

import pytest

from libs.ranking.state import DAY_SECONDS
from services.profile.domain.return_chance import ReturnChance, Standing, features_of

WEEKLY, YEARLY = 7, 365


def a_standing(day: float, interval_days: float, visits: int = 10) -> Standing:
    return Standing(
        last_trip_at_seconds=int(day * DAY_SECONDS),
        visits=visits,
        interval_days=interval_days,
        weekly_cents=5000,
        weekly_visits=7 / interval_days,
        trend_ratio=1.0,
    )


def a_year(customers: int = 8) -> list[tuple[str, Standing]]:
    """Half of the customers come weekly, half every 60 days."""
    every = {f"c{number}": 7 if number % 2 else 60 for number in range(customers)}
    made = [(who, a_standing(day, gap)) for who, gap in every.items() for day in range(0, 365, gap)]
    return sorted(made, key=lambda entry: (entry[1].last_trip_at_seconds, entry[0]))


def taught(year: list[tuple[str, Standing]]) -> ReturnChance:
    learner = ReturnChance()
    for customer, standing in year:
        learner.visited(customer, standing)
    return learner


def test_nothing_is_learned_before_it_has_matured() -> None:
    learner, standing = ReturnChance(), a_standing(0, 7)
    learner.visited("c", standing)
    learner.advance(14 * DAY_SECONDS)
    assert learner.predict(standing, 0, 14) == 0.5
    learner.advance(14 * DAY_SECONDS + 1)
    assert learner.predict(standing, 0, 14) < 0.5  # nobody came


def test_those_who_come_weekly_are_told_from_those_who_do_not() -> None:
    learner = taught(a_year())
    at = 366 * DAY_SECONDS
    for days in (14, 30):
        weekly = learner.predict(a_standing(364, 7), at, days)
        seldom = learner.predict(a_standing(360, 60), at, days)
        assert weekly > 0.7
        assert seldom < 0.5


def test_a_restart_from_json_changes_nothing() -> None:
    year = a_year()
    resumed = ReturnChance.from_json(json.loads(json.dumps(taught(year[:100]).to_json())))
    for customer, standing in year[100:]:
        resumed.visited(customer, standing)
    assert json.dumps(resumed.to_json()) == json.dumps(taught(year).to_json())


def test_time_may_pass_in_any_steps() -> None:
    year = a_year()
    stepwise = ReturnChance()
    for (customer, standing), (_, after) in pairwise(year):
        stepwise.visited(customer, standing)
        for at in range(standing.last_trip_at_seconds, after.last_trip_at_seconds, DAY_SECONDS):
            stepwise.advance(at)
    stepwise.visited(*year[-1])
    assert json.dumps(stepwise.to_json()) == json.dumps(taught(year).to_json())


def test_the_order_within_a_second_does_not_matter() -> None:
    year = a_year()
    turned = sorted(year, key=lambda entry: (entry[1].last_trip_at_seconds, -int(entry[0][1:])))
    assert turned != year
    assert json.dumps(taught(turned).to_json()) == json.dumps(taught(year).to_json())


def test_a_forgotten_customer_is_nowhere_in_the_state() -> None:
    learner = taught(a_year())
    learner.forget("c3")
    assert '"c3"' not in json.dumps(learner.to_json())


def test_features_are_finite_for_a_first_trip() -> None:
    assert all(abs(value) < 100 for value in features_of(a_standing(0, 7, visits=1), 0).values())


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format"):
        ReturnChance.from_json({"format": 99})

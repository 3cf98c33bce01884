"""Laws of the chance of return: labels are learned when they have matured, ticks do not matter, the state is plain JSON."""

import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.ranking.state import DAY_SECONDS
from services.profile.domain.return_chance import (
    HORIZONS_DAYS,
    PROBES_DAYS,
    ReturnChance,
    Standing,
    Waiting,
    due_examples,
    earlier_waiting,
    features_of,
    next_due_at,
    stretches,
)

_DAYS = sorted({probe + horizon for probe in PROBES_DAYS for horizon in (0, *HORIZONS_DAYS)})
NEAR_A_PROBE = st.builds(lambda day, more: day * DAY_SECONDS + more, st.sampled_from(_DAYS), st.integers(-1, 1))


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


def told(year: Sequence[tuple[str, Standing]]) -> dict[str, list[Waiting]]:
    """What waits on each customer after these trips."""
    waiting: dict[str, list[Waiting]] = {}
    for customer, standing in year:
        mine = waiting.setdefault(customer, [])
        for one in mine:
            one.came_again(standing.last_trip_at_seconds)
        mine.append(a_wait(standing))
    return waiting


def a_wait(standing: Standing) -> Waiting:
    return Waiting(
        standing.last_trip_at_seconds,
        standing.visits,
        standing.interval_days,
        standing.weekly_cents,
        standing.weekly_visits,
        standing.trend_ratio,
    )


def advanced(learner: ReturnChance, waiting: dict[str, list[Waiting]], since: int, until: int) -> ReturnChance:
    learner.learn(example for name, mine in waiting.items() for example in due_examples(name, mine, since, until))
    return learner


def taught(year: Sequence[tuple[str, Standing]], until: int = 400 * DAY_SECONDS) -> ReturnChance:
    return advanced(ReturnChance(), told(year), 0, until)


def test_nothing_is_learned_before_it_has_matured() -> None:
    standing = a_standing(0, 7)
    assert taught([("c", standing)], 14 * DAY_SECONDS).predict(standing, 0, 14) == 0.5
    assert taught([("c", standing)], 14 * DAY_SECONDS + 1).predict(standing, 0, 14) < 0.5  # nobody came


def test_a_probe_asks_only_who_has_not_come_again_and_its_label_is_whether_they_came_in_time() -> None:
    trip = a_wait(a_standing(0, 7))
    assert trip.probes_count == len(PROBES_DAYS)
    trip.came_again(20 * DAY_SECONDS)
    trip.came_again(30 * DAY_SECONDS)
    trip.came_again(18 * DAY_SECONDS)  # late
    assert trip.next_at_seconds == 18 * DAY_SECONDS
    examples = sorted(due_examples("c", [trip], 0, 400 * DAY_SECONDS))
    found = [(one.probe_at_seconds // DAY_SECONDS, one.days, one.came) for one in examples]
    assert found == [(0, 14, False), (7, 14, True), (14, 14, True), (0, 30, True), (7, 30, True), (14, 30, True)]
    assert trip.last_due_at() == examples[-1].due_at_seconds == (14 + max(HORIZONS_DAYS)) * DAY_SECONDS
    assert next_due_at([trip], 14 * DAY_SECONDS + 1) == 21 * DAY_SECONDS
    assert next_due_at([trip], trip.last_due_at() + 1) is None


@given(NEAR_A_PROBE, NEAR_A_PROBE, NEAR_A_PROBE)
def test_what_is_due_between_two_times_is_what_is_due_then_of_all(later: int, since: int, until: int) -> None:
    trip = DAY_SECONDS
    waiting = Waiting(trip, 3, 7.0, 1000, 1.0, 1.0, trip + later if later > 0 else 0)
    whole = list(due_examples("c", [waiting], 0, 1 << 40))
    found = list(due_examples("c", [waiting], trip + since, trip + until))
    assert found == [one for one in whole if trip + since <= one.due_at_seconds < trip + until]
    assert waiting.waits_until <= waiting.last_due_at() == max(one.due_at_seconds for one in whole)


def test_a_trip_in_the_last_second_of_the_horizon_came_in_time() -> None:
    for late_seconds, came in ((0, True), (1, False)):
        trip = a_wait(a_standing(0, 7))
        trip.came_again(14 * DAY_SECONDS + late_seconds)
        [first] = due_examples("c", [trip], 14 * DAY_SECONDS, 14 * DAY_SECONDS + 1)
        assert first.came is came


def test_those_who_come_weekly_are_told_from_those_who_do_not() -> None:
    learner = taught(a_year())
    at = 366 * DAY_SECONDS
    for days in (14, 30):
        weekly = learner.predict(a_standing(364, 7), at, days)
        seldom = learner.predict(a_standing(360, 60), at, days)
        assert weekly > 0.7
        assert seldom < 0.5


def test_a_restart_from_json_changes_nothing() -> None:
    year, half = a_year(), 180 * DAY_SECONDS
    waiting = told(year)
    resumed = ReturnChance.from_json(json.loads(json.dumps(advanced(ReturnChance(), waiting, 0, half).to_json())))
    whole = taught(year)
    assert json.dumps(advanced(resumed, waiting, half, 400 * DAY_SECONDS).to_json()) == json.dumps(whole.to_json())


def test_time_may_pass_in_any_steps() -> None:
    year, stepwise = a_year(), ReturnChance()
    waiting = told(year)
    for since, until in pairwise([*range(0, 400 * DAY_SECONDS, 11 * DAY_SECONDS // 2), 400 * DAY_SECONDS]):
        advanced(stepwise, waiting, since, until)
    assert json.dumps(stepwise.to_json()) == json.dumps(taught(year).to_json())


def test_the_order_of_customers_does_not_matter() -> None:
    year = a_year()
    turned = dict(reversed(told(year).items()))
    assert json.dumps(advanced(ReturnChance(), turned, 0, 400 * DAY_SECONDS).to_json()) == json.dumps(
        taught(year).to_json()
    )


def test_what_waited_in_an_earlier_release_is_learned_as_if_it_had_waited_here() -> None:
    now = 100 * DAY_SECONDS
    year = [entry for entry in a_year() if entry[1].last_trip_at_seconds < now]
    ours, theirs = told(year), earlier_waiting(as_an_earlier_release(year, now))
    assert theirs.keys() == ours.keys()
    for customer, mine in ours.items():
        expected = sorted(due_examples(customer, mine, now, 400 * DAY_SECONDS))
        found = sorted(due_examples(customer, theirs[customer], now, 400 * DAY_SECONDS))
        assert [one[:4] for one in found] == [one[:4] for one in expected]
        assert [one.came for one in found] == [one.came for one in expected]
        for one, other in zip(found, expected, strict=True):
            assert features_of(one.waiting, one.probe_at_seconds) == pytest.approx(
                features_of(other.waiting, other.probe_at_seconds)
            )


def as_an_earlier_release(year: Sequence[tuple[str, Standing]], now: int) -> dict[str, object]:
    """The memory of customers in format 1, as of a time: newest standings, trips of a month, examples with their features."""
    waiting, remembered = told(year), now - 31 * DAY_SECONDS
    names = ("last_trip_at_seconds", "visits", "interval_days", "weekly_cents", "weekly_visits", "trend_ratio")
    return {
        "standings": {who: {name: getattr(mine[-1], name) for name in names} for who, mine in waiting.items()},
        "trips": {
            who: [one.last_trip_at_seconds for one in mine if one.last_trip_at_seconds > remembered]
            for who, mine in waiting.items()
        },
        "examples": [
            (one.due_at_seconds, who, one.days, one.probe_at_seconds, features_of(one.waiting, one.probe_at_seconds))
            for who, mine in waiting.items()
            for one in due_examples(who, mine, now, 400 * DAY_SECONDS)
            if one.probe_at_seconds < now
        ],
    }


def test_the_weights_of_an_earlier_release_are_read() -> None:
    learner = taught(a_year())
    earlier = {**learner.to_json(), "format": 1, "standings": {}, "trips": {}, "probes": [], "examples": []}
    assert ReturnChance.from_json(earlier).to_json() == learner.to_json()


def test_features_are_finite_for_a_first_trip() -> None:
    assert all(abs(value) < 100 for value in features_of(a_standing(0, 7, visits=1), 0).values())


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format"):
        ReturnChance.from_json({"format": 99})


@given(st.permutations(range(40)), st.integers(1, 9))
def test_examples_come_in_their_order_and_no_stretch_is_longer_than_asked_for(order: list[int], at_most: int) -> None:
    mine = [
        example
        for name, waiting in told(a_year(4)).items()
        for example in due_examples(name, waiting, 0, 60 * DAY_SECONDS)
    ]
    shuffled = [mine[number % len(mine)] for number in order]
    found = list(stretches(shuffled, at_most))
    assert [example for some in found for example in some] == sorted(shuffled, key=lambda example: example[:4])
    assert max(map(len, found)) <= at_most

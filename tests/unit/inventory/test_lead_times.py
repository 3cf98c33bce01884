"""Learned lead times: what the catalogue says gives way to what arrives; late lanes order earlier."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.lead_times import Arrival, LeadTime, learn, stated, with_lead_time

DAY = 20_000
arrivals = st.lists(
    st.builds(
        Arrival,
        ordered_day=st.integers(DAY - 200, DAY),
        hours=st.integers(1, 400),
        lines=st.integers(1, 50),
        is_open=st.booleans(),
    ),
    max_size=30,
)


def daily(hours: int, days: int = 60, lines: int = 5) -> list[Arrival]:
    return [Arrival(ordered_day=DAY - 5 - age, hours=hours, lines=lines) for age in range(days)]


def test_before_anything_arrived_the_catalogue_is_believed() -> None:
    assert learn([], DAY, 48) == stated(48)
    assert stated(48).late_ratio == 0


@given(arrivals, st.integers(1, 400))
def test_a_lead_time_is_a_distribution_whose_quantiles_rise(found: list[Arrival], hours: int) -> None:
    lead = learn(found, DAY, hours)
    assert abs(sum(lead.weights) - 1) < 1e-9
    assert min(lead.weights) >= 0
    levels = [lead.quantile_hours(ratio) for ratio in (0.05, 0.5, 0.9, 0.99, 1.0)]
    assert levels == sorted(levels)
    assert lead.hours[0] / 24 - 1e-9 <= lead.mean_days <= lead.hours[-1] / 24 + 1e-9
    assert lead.late_variance_days >= 0
    assert 0 <= lead.late_days <= max(lead.mean_days, lead.hours[-1] / 24)


@given(arrivals, st.randoms(use_true_random=False))
def test_the_order_and_the_grouping_of_arrivals_change_nothing(found: list[Arrival], random: Random) -> None:
    split = [
        Arrival(ordered_day=one.ordered_day, hours=one.hours, lines=1, is_open=one.is_open)
        for one in found
        for _ in range(one.lines)
    ]
    random.shuffle(split)
    assert learn(split, DAY, 48) == learn(found, DAY, 48)


def test_what_arrives_outweighs_what_is_stated_after_some_weeks() -> None:
    lead = learn(daily(96), DAY, 48)
    assert lead.quantile_hours(0.5) == 96
    assert lead.late_ratio > 0.9
    assert 1.8 < lead.late_days < 2.0


def test_a_truck_counts_once_however_much_was_on_it() -> None:
    small = learn([*daily(48, days=10, lines=1), Arrival(ordered_day=DAY - 2, hours=96, lines=1)], DAY, 48)
    large = learn([*daily(48, days=10, lines=1), Arrival(ordered_day=DAY - 2, hours=96, lines=1_000)], DAY, 48)
    assert small == large


def test_a_change_of_pace_is_followed_within_weeks() -> None:
    old = [Arrival(ordered_day=DAY - 100 - age, hours=48, lines=5) for age in range(200)]
    new = [Arrival(ordered_day=DAY - 3 - age, hours=120, lines=5) for age in range(90)]
    assert learn([*old, *new], DAY, 48).quantile_hours(0.5) == 120


def test_an_order_that_is_overdue_raises_the_late_risk_before_it_comes() -> None:
    open_now = [Arrival(ordered_day=DAY - 5, hours=120, lines=5, is_open=True)]
    base = learn(daily(48, days=10), DAY, 48)
    lead = learn([*daily(48, days=10), *open_now], DAY, 48)
    assert base.late_ratio == 0
    assert lead.late_ratio > 0
    assert lead.quantile_hours(1.0) == 144


def test_an_order_that_is_not_due_yet_says_nothing() -> None:
    lead = learn([*daily(48, days=30), Arrival(ordered_day=DAY - 1, hours=24, lines=5, is_open=True)], DAY, 48)
    assert (lead.late_ratio, lead.mean_days) == (0, 2.0)


@given(st.floats(0.1, 50), st.floats(0.05, 10))
def test_a_steady_lane_changes_nothing_and_a_late_or_shaky_one_asks_for_more(mean: float, rate: float) -> None:
    demand = (np.array([mean]), np.array([1.5 * mean]), np.array([rate]))

    def over(lead: LeadTime) -> tuple[float, float]:
        found = with_lead_time(*demand, np.array([lead.late_days]), np.array([lead.late_variance_days]))
        return float(found[0][0]), float(found[1][0])

    steady = over(stated(48))
    late = over(learn(daily(96), DAY, 48))
    shaky = over(learn([*daily(24), *daily(72)], DAY, 48))
    early = over(learn(daily(24), DAY, 48))
    assert steady == (mean, 1.5 * mean)
    assert late[0] > steady[0]
    assert shaky[1] > steady[1]
    assert early == steady

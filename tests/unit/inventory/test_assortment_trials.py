"""The stop rule, and what becomes of a trial under it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain.assortment.stop_rule import KEEP_RATIO, RISK_RATIO, StopRule, stop_rule
from services.inventory.domain.assortment.trials import LONGEST_WAIT_DAYS, Standing, judged


@settings(max_examples=25, deadline=None)
@given(st.floats(0.25, 200.0), st.floats(1.0, 6.0))
def test_a_rules_risks_are_what_it_states(expected: float, spread: float) -> None:
    rule = stop_rule(expected, spread)
    rng = np.random.default_rng(7)
    for rate, stated in ((1.0, rule.missed_ratio), (KEEP_RATIO, 1 - rule.kept_ratio)):
        played = _stopped(rule, rate * rule.expected_units_week, rng)
        assert played == pytest.approx(stated, abs=0.06)


def _stopped(rule: StopRule, week_mean: float, rng: np.random.Generator) -> float:
    """The share of 1000 trials, played week by week, that end with the item taken out."""
    shape = (1_000, rule.days // 7)
    if rule.spread > 1:
        sold = rng.negative_binomial(week_mean / (rule.spread - 1), 1 / rule.spread, shape)
    else:
        sold = rng.poisson(week_mean, shape)
    total = sold.cumsum(axis=1)
    kept = np.zeros(1_000, dtype=bool)
    out = np.zeros(1_000, dtype=bool)
    for week in range(shape[1]):
        kept |= ~out & (total[:, week] >= rule.units)
        if week < len(rule.fewest):
            out |= ~kept & (total[:, week] < rule.fewest[week])
    return float((~kept).mean())


@settings(max_examples=25, deadline=None)
@given(st.floats(8.0, 500.0))
def test_what_sells_well_can_be_judged_within_the_risks(expected: float) -> None:
    rule = stop_rule(expected)
    assert rule.missed_ratio <= RISK_RATIO
    assert rule.kept_ratio <= RISK_RATIO


@settings(max_examples=25, deadline=None)
@given(st.floats(0.25, 300.0), st.floats(1.0, 8.0))
def test_a_rule_is_made_of_whole_weeks_and_falls_short_of_its_expectation(expected: float, spread: float) -> None:
    rule = stop_rule(expected, spread)
    assert rule.days % 7 == 0
    assert 14 <= rule.days <= 56
    assert len(rule.fewest) == rule.days // 7 - 1
    assert list(rule.fewest) == sorted(rule.fewest)
    assert 1 <= rule.units <= max(rule.expected_units_week * rule.days / 7, 1)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=70), st.integers(0, 69), st.integers(1, 10))
def test_selling_more_never_turns_keep_into_stop(asked: list[int], where: int, more: int) -> None:
    rule = stop_rule(7.0)
    better = list(asked)
    better[where % len(asked)] += more
    before, after = judged(rule, asked).standing, judged(rule, better).standing
    assert after is Standing.KEEP or before is not Standing.KEEP
    assert after is not Standing.STOP or before is Standing.STOP


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=70))
def test_the_first_day_that_decides_decides(asked: list[int]) -> None:
    rule = stop_rule(7.0)
    whole = judged(rule, asked)
    if whole.standing.is_over:
        assert judged(rule, asked[: whole.days]) == whole
        assert not judged(rule, asked[: whole.days - 1]).standing.is_over
    else:
        assert whole.standing is Standing.WATCHED


def test_an_item_that_never_came_is_stopped_in_the_end() -> None:
    rule = stop_rule(7.0)
    assert judged(rule, [], LONGEST_WAIT_DAYS).standing is Standing.WAITING
    assert judged(rule, [], LONGEST_WAIT_DAYS + 1).standing is Standing.STOP


def test_an_item_that_sells_nothing_is_out_before_the_end() -> None:
    rule = stop_rule(7.0)
    stopped = judged(rule, [0.0] * 56)
    assert stopped.standing is Standing.STOP
    assert stopped.days < rule.days
    assert "out of reach" in stopped.reason


def test_an_item_that_sells_too_little_all_along_is_stopped_on_the_last_day_of_its_rule() -> None:
    rule = stop_rule(7.0)
    stopped = judged(rule, [0.5] * (rule.days + 20))
    assert (stopped.standing, stopped.days, stopped.units) == (Standing.STOP, rule.days, 0.5 * rule.days)


def test_early_ends_are_part_of_the_stated_risk() -> None:
    rule = stop_rule(20.0, 4.0)
    weeks = len(rule.fewest) + 1
    sold = np.random.default_rng(3).negative_binomial(20.0 / 3.0, 0.25, (400_000, weeks)).cumsum(axis=1)
    reached = (sold >= rule.units).any(axis=1)
    early = (sold[:, :-1] < np.array(rule.fewest)).any(axis=1)
    assert early.any()
    assert float((~reached | early).mean()) == pytest.approx(rule.missed_ratio, abs=0.0015)

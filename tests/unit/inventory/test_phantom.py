"""Suspected phantom stock: silence of a fast seller speaks, that of a slow one does not."""

from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.counting import CountPolicy, SilentShelf, empty_chance, quiet_chance, suspicions

POLICY = CountPolicy()
MILK = SilentShelf(
    item_id="milk",
    store_id="s1",
    book_milli=12_000,
    silent_days=6,
    silent_since_day=100,
    rate=3.0,
    excess=0.2,
    margin_cents=60.0,
)


def chance(rate: float, days: int, excess: float = 0.2) -> float:
    return float(empty_chance(np.array([rate]), np.array([excess]), np.array([days]), POLICY)[0])


@given(st.floats(0.01, 20), st.floats(0, 3), st.integers(0, 60))
def test_every_quiet_day_makes_an_empty_shelf_more_likely(rate: float, excess: float, days: int) -> None:
    before, after = chance(rate, days, excess), chance(rate, days + 1, excess)
    assert 0 <= before <= after + 1e-12
    assert after <= 1 + 1e-12


def test_a_fast_seller_is_doubted_within_days_and_a_slow_one_trusted_for_weeks() -> None:
    assert chance(3.0, 1) < 0.1
    assert chance(3.0, 6) > 0.5
    assert chance(0.1, 14) < 0.1


def test_the_chance_is_right_when_shelves_go_wrong_as_often_as_is_believed() -> None:
    random = Random(7)
    policy = CountPolicy(wrong_ratio_per_day=0.02)
    rate, silent = 0.7, 6
    empty = quiet = 0
    for _ in range(40_000):
        wrong_from = next((day for day in range(silent) if random.random() < policy.wrong_ratio_per_day), None)
        selling = silent if wrong_from is None else wrong_from
        if random.random() < float(quiet_chance(np.array([rate]), np.array([1e-9]), np.array([selling]))[0]):
            quiet += 1
            empty += wrong_from is not None
    believed = float(empty_chance(np.array([rate]), np.array([1e-9]), np.array([silent]), policy)[0])
    assert quiet > 1_000
    assert abs(empty / quiet - believed) < 0.03


def test_a_count_is_asked_for_with_its_chance_and_its_reason() -> None:
    (found,) = suspicions([MILK], POLICY)
    assert found.empty_ratio > 0.5
    assert "nothing has moved for 6 days in which 18.0 were to be sold" in found.reason
    assert f"{found.empty_ratio:.0%}" in found.reason


def test_nobody_is_sent_where_a_walk_costs_more_than_it_saves_or_silence_is_too_short() -> None:
    assert not suspicions([replace(MILK, margin_cents=0.1)], POLICY)
    assert not suspicions([replace(MILK, silent_days=0)], POLICY)
    assert not suspicions([replace(MILK, rate=0.1)], POLICY)
    assert not suspicions([replace(MILK, rate=0.01, silent_days=200, margin_cents=1e6)], POLICY)


def test_the_dearest_doubts_come_first() -> None:
    dear = replace(MILK, item_id="wine", margin_cents=900.0)
    assert [one.shelf.item_id for one in suspicions([MILK, dear], POLICY)] == ["wine", "milk"]


def test_after_one_quiet_day_the_chance_is_bayes() -> None:
    policy = CountPolicy(wrong_ratio_per_day=0.4)
    quiet = float(quiet_chance(np.array([0.7]), np.array([0.2]), np.array([1]))[0])
    found = float(empty_chance(np.array([0.7]), np.array([0.2]), np.array([1]), policy)[0])
    assert abs(found - 0.4 / (0.4 + 0.6 * quiet)) < 1e-12

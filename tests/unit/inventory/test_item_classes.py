"""Classes of items: which holds, what its policy makes of a forecast, and what a buyer reads."""

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.inventory.domain.catalog import ItemFacts, ShelfFacts
from services.inventory.domain.commands.command import Kind
from services.inventory.domain.distribution import quantile, shortage_at, shortages
from services.inventory.domain.policies.classes import PolicyBook
from services.inventory.domain.policies.levels import ShelfNeeds, class_levels, shown
from services.inventory.domain.reviewing.review import Outcome, review
from services.inventory.domain.stock.shelves import ItemView
from tests.support.inventory_events import an_item_view, around, at

NOW = at(9.9)  # a Wednesday
SELLS = [2, 1, 0, 3, 1, 2, 0, 1, 2, 1]
MILK = ItemFacts(item_id="milk", category="dairy", price_cents=400, cost_cents=100)


def book(*classes: dict[str, Any]) -> PolicyBook:
    return PolicyBook.model_validate({"classes": [{"name": f"c{place}", **one} for place, one in enumerate(classes)]})


def needs(mean: float = 4.0, *, rate: float = 1.0, days: float = 4.0) -> ShelfNeeds:
    return ShelfNeeds(
        rate=np.array([rate]),
        mean=np.array([mean]),
        variance=np.array([mean * 1.5]),
        protection_days=np.array([days]),
        trigger=np.array([7]),
        aim=np.array([14]),
    )


def levels(said: dict[str, Any], facts: ItemFacts = MILK, shelf: ShelfNeeds | None = None) -> tuple[int, int]:
    trigger, aim = class_levels(facts, shelf or needs(), book(said))
    return int(trigger[0]), int(aim[0])


def reviewed(item: ItemView, policies: PolicyBook) -> Outcome:
    return review([item], NOW, replace(around(), book=policies))


def test_a_shelf_that_no_class_matches_keeps_what_was_learned() -> None:
    assert levels({"matches": {"categories": ["cheese"]}, "policy": {"kind": "manual"}}) == (7, 14)


def test_the_first_class_that_matches_counts() -> None:
    slow = {"matches": {"weekly_units_below": 7.0}, "policy": {"kind": "min_max", "min_units": 1, "max_units": 2}}
    fast = {"matches": {"weekly_units_from": 7.0}, "policy": {"kind": "min_max", "min_units": 8, "max_units": 9}}
    found = book(slow, fast).places(MILK, np.array([0.99, 1.0, 5.0]))
    assert found.tolist() == [0, 1, 1]
    assert book(fast, {"policy": {"kind": "manual"}}).places(MILK, np.array([0.5])).tolist() == [1]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"policy": {"kind": "min_max", "min_units": 3, "max_units": 12}}, (3, 12)),
        ({"policy": {"kind": "manual"}}, (0, 0)),
        ({"policy": {"kind": "R_S"}}, (7, 7)),
        ({"policy": {"kind": "s_nQ", "lot_packs": 4}}, (7, 7)),
        ({"policy": {"kind": "s_S", "cover_days": 3.0}}, (7, 10)),
        ({"policy": {"kind": "s_S"}, "service": {"kind": "cycle", "ratio": 0.95}}, (8, 15)),
        ({"policy": {"kind": "s_S"}, "service": {"kind": "fill", "ratio": 0.95}}, (6, 13)),
    ],
)
def test_golden_levels_of_each_policy(said: dict[str, Any], expected: tuple[int, int]) -> None:
    assert levels(said) == expected


@given(st.floats(0.05, 80), st.floats(0.5, 0.99))
def test_a_cycle_target_is_the_least_stock_that_is_enough_so_often(mean: float, ratio: float) -> None:
    shelf = needs(mean)
    trigger, _ = levels({"service": {"kind": "cycle", "ratio": ratio}}, shelf=shelf)
    assert trigger == int(quantile(shelf.mean, shelf.variance, np.array([ratio]))[0])


@given(st.floats(0.05, 80), st.floats(0.5, 0.99), st.floats(1.0, 30.0))
def test_a_fill_target_is_the_least_stock_that_misses_no_more_than_its_share(
    mean: float, ratio: float, cover: float
) -> None:
    shelf = needs(mean)
    said = {"policy": {"kind": "s_S", "cover_days": cover}, "service": {"kind": "fill", "ratio": ratio}}
    trigger, aim = levels(said, shelf=shelf)
    table = shortages(shelf.mean, shelf.variance, trigger + 1)
    allowed = (1 - ratio) * max(aim - trigger, mean)
    assert shortage_at(table, 0, trigger) <= allowed + 1e-9
    assert trigger == 0 or shortage_at(table, 0, trigger - 1) > allowed - 1e-9


def test_what_spoils_is_stocked_to_where_margin_and_waste_are_even() -> None:
    dear, cheap = replace(MILK, cost_cents=300), replace(MILK, cost_cents=40)
    said = {"policy": {"kind": "newsvendor"}}
    assert levels(said)[0] == levels(said)[1] == int(quantile(np.array([4.0]), np.array([6.0]), np.array([0.75]))[0])
    assert levels(said, dear)[0] < levels(said)[0] < levels(said, cheap)[0]


def test_no_more_is_stocked_than_sells_before_it_spoils() -> None:
    said = {"policy": {"kind": "newsvendor"}}
    assert levels(said, replace(MILK, shelf_life_days=1))[0] < levels(said, replace(MILK, shelf_life_days=9))[0]


def test_a_presentation_minimum_stands_above_expected_demand_and_capacity_above_both() -> None:
    learned = (np.array([7]), np.array([14]))
    mean = np.array([4.0])
    assert [int(x[0]) for x in shown(learned, mean, [ShelfFacts(presentation_milli=5_000)])] == [9, 16]
    assert [int(x[0]) for x in shown(learned, mean, [ShelfFacts(presentation_milli=1_000)])] == [7, 14]
    assert [int(x[0]) for x in shown(learned, mean, [ShelfFacts(capacity_milli=10_000)])] == [7, 10]
    tight = ShelfFacts(presentation_milli=5_000, capacity_milli=8_000)
    assert [int(x[0]) for x in shown(learned, mean, [tight])] == [8, 8]


def test_a_stated_maximum_is_passed_only_where_the_chain_says_so() -> None:
    item = an_item_view({"s1": 1}, {"s1": SELLS}, pack=6)
    policy = {"kind": "min_max", "min_units": 3, "max_units": 10}
    (bound,) = reviewed(item, book({"policy": policy})).commands
    (aim,) = reviewed(item, book({"policy": {**policy, "may_pass": True}})).commands
    assert (bound.packs, aim.packs) == (1, 2)
    assert "which no pack passes" in bound.explanation
    assert "changed from 2 to 1: no pack may pass what the shelf holds" in bound.explanation


def test_a_periodic_policy_orders_on_its_days_only_and_looks_again_on_the_next() -> None:
    item = an_item_view({"s1": 0}, {"s1": SELLS})
    wednesdays = reviewed(item, book({"policy": {"kind": "R_S", "weekdays": [2]}}))
    fridays = reviewed(item, book({"policy": {"kind": "R_S", "weekdays": [4]}}))
    assert len(wednesdays.commands) == 1
    assert not fridays.commands
    assert fridays.look_again["milk"] == at(10.0)


def test_lots_are_ordered_whole_and_as_few_as_reach_the_trigger() -> None:
    item = an_item_view({"s1": 0}, {"s1": SELLS})
    outcome = reviewed(item, book({"policy": {"kind": "s_nQ", "lot_packs": 4}}))
    (order,) = outcome.commands
    trigger = int(outcome.plans[0].trigger_milli[0])
    assert order.packs % 4 == 0
    assert order.quantity_milli - 4_000 < trigger <= order.quantity_milli


def test_what_is_ordered_by_hand_is_neither_ordered_nor_moved_away() -> None:
    item = an_item_view({"s1": 0, "s2": 40}, {"s1": SELLS, "s2": [0] * 10}, price_cents=9_000)
    moves = [one.kind for one in reviewed(item, book()).commands]
    assert Kind.REROUTE in moves
    assert not reviewed(item, book({"policy": {"kind": "manual"}})).commands


@pytest.mark.parametrize("mean", [480.0, 520.0, 2_000.0, 50_000.0])
def test_a_fill_target_holds_for_what_sells_fast_and_takes_no_room(mean: float) -> None:
    said = {"policy": {"kind": "s_S", "cover_days": 1.0}, "service": {"kind": "fill", "ratio": 0.999}}
    tracemalloc.start()
    trigger, _ = levels(said, shelf=needs(mean))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    drawn = np.random.default_rng(1).negative_binomial(2 * mean, 1 / 1.5, 200_000)  # variance 1.5 times the mean
    missed = np.maximum(drawn - trigger, 0).mean() / mean
    one_less = np.maximum(drawn - trigger + 1, 0).mean() / mean
    assert missed < 0.00105
    assert one_less > 0.00095
    assert most < 1_000_000


def test_no_command_ever_fills_a_shelf_above_its_capacity() -> None:
    for capacity in range(1, 20):
        item = an_item_view({"s1": 0}, {"s1": [5] * 10}, pack=4)
        item = replace(item, shelf_facts={"s1": ShelfFacts(capacity_milli=capacity * 1000)})
        ordered = sum(one.quantity_milli for one in reviewed(item, book()).commands)
        assert ordered <= capacity * 1000
        assert capacity < 4 or ordered > 0


@pytest.mark.parametrize(
    "said",
    [
        [{"name": "a"}, {"name": "a"}],
        [{"name": "a", "policy": {"kind": "min_max", "min_units": 3, "max_units": 2}}],
        [{"name": "a", "policy": {"kind": "guess"}}],
        [{"name": "a", "service": {"kind": "fill", "ratio": 1.0}}],
        [{"name": "a", "colour": "red"}],
    ],
)
def test_a_book_that_makes_no_sense_is_refused(said: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        PolicyBook.model_validate({"classes": said})

"""What printed vouchers promise: sums that depend on the facts alone, and days on which they are likely used."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.inventory.domain.vouchers.lines import VoucherHabits, VoucherLine, by_day, daily
from services.inventory.domain.vouchers.vouchers import Promise, Standing, change, demand_of, lessons_of, promise_of
from tests.support.inventory_events import START

PROMISE = promise_of("s1", "dairy", ("milk", "tea"), (START, START + timedelta(days=6.9)), 0.5, 2)
FACTS = ("issued", "used-a", "used-b", "back-a", "back-b", "expired", "revoked")


def heard(standing: Standing, fact: str) -> Standing:
    match fact.split("-"):
        case ["issued"]:
            return standing.issued(PROMISE)
        case ["used", name]:
            return standing.used(name, PROMISE.valid_from + 86_400)
        case ["back", name]:
            return standing.rolled_back(name)
        case ["expired"]:
            return replace(standing, expired=True)
        case _:
            return replace(standing, revoked=True)


def sums(facts: Sequence[str]) -> Counter[object]:
    """What is kept after these facts, brought up to date step by step."""
    standing, kept = Standing(), Counter[object]()
    for fact in facts:
        after = heard(standing, fact)
        lines, lessons, opened = change(standing, after)
        kept.update(lines)
        kept.update(lessons)
        kept["open"] += opened
        standing = after
    return +kept


@given(
    st.lists(st.sampled_from(FACTS), unique=True).flatmap(
        lambda facts: st.tuples(st.just(facts), st.permutations(facts))
    )
)
def test_the_sums_depend_on_the_facts_and_not_on_their_order(both: tuple[list[str], list[str]]) -> None:
    assert sums(both[0]) == sums(both[1])


@given(st.lists(st.sampled_from(FACTS), unique=True), st.data())
def test_a_repeated_fact_changes_nothing(facts: list[str], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(facts))) if facts else []
    assert sums([*facts, *again]) == sums(facts)


@pytest.mark.parametrize("ends", [["used-a"], ["expired"], ["revoked"], ["used-a", "back-a", "used-b"]])
def test_what_ended_is_no_demand_to_come(ends: list[str]) -> None:
    standing = Standing()
    for fact in ["issued", *ends]:
        standing = heard(standing, fact)
    assert not list(demand_of(standing))


def test_a_redemption_that_is_rolled_back_is_demand_again() -> None:
    assert sums(["issued", "used-a", "back-a"]) == sums(["issued"])


def test_several_items_share_what_is_expected_evenly() -> None:
    assert [(line.item_id, micro) for line, micro in demand_of(Standing(PROMISE))] == [
        ("milk", 500_000),
        ("tea", 500_000),
    ]


def test_a_voucher_for_many_items_is_expected_on_its_category() -> None:
    many = promise_of("s1", "dairy", tuple(f"i{n}" for n in range(21)), (START, START), 0.5, 1)
    ((line, micro),) = demand_of(Standing(many))
    assert (line.item_id, line.category, micro) == ("", "dairy", 500_000)


def test_one_that_was_revoked_unused_teaches_nothing() -> None:
    assert not list(lessons_of(heard(heard(Standing(), "issued"), "revoked")))


@pytest.mark.parametrize(("after", "part"), [(-1, 0), (0, 0), (50, 5), (99, 9), (100, 9), (500, 9)])
def test_a_moment_lies_in_the_nearest_part_of_the_window(after: int, part: int) -> None:
    assert Promise("s1", "dairy", (), 1_000, 1_100, 0).part_of(1_000 + after) == part


def a_line(units: float = 7.0, *, vouchers: int = 0, habits: VoucherHabits | None = None) -> VoucherLine:
    return VoucherLine(
        store_id="s1",
        item_id="milk",
        category=None,
        first_day=100,
        last_day=106,
        units=units,
        vouchers=vouchers,
        habits=habits or VoucherHabits(),
    )


def test_units_fall_on_the_days_of_the_window_and_add_up() -> None:
    days = daily([a_line()], 98, 12)
    assert days[:2].tolist() == [0, 0]
    assert days[9:].tolist() == [0, 0, 0]
    assert days.sum() == pytest.approx(7.0)


def test_use_is_expected_on_the_days_on_which_others_were_used() -> None:
    late = VoucherHabits.of({"part-9": 400, "part-8": 400})
    days = daily([a_line(habits=late)], 100, 7)
    assert days[-2:].sum() > 0.8 * days.sum()


def test_of_those_still_open_late_in_the_window_fewer_come_than_were_promised() -> None:
    line = a_line(7.0, vouchers=10)
    assert line.units_within(105, 2.0) == pytest.approx(7.0 * 2 / 7 / (1 - 0.7 * 5 / 7))
    assert line.units_within(105, 2.0) < 7.0


@given(
    st.integers(90, 115),
    st.integers(1, 30),
    st.floats(0, 20),
    st.integers(0, 30),
    st.lists(st.integers(0, 100), min_size=10, max_size=10),
)
def test_many_lines_at_once_say_what_each_says(
    today: int, days: int, units: float, vouchers: int, parts: list[int]
) -> None:
    habits = VoucherHabits.of({f"part-{n}": amount for n, amount in enumerate(parts)} | {"used": 9_000_000})
    lines = [a_line(units, vouchers=vouchers, habits=habits), a_line(1.0)]
    alone = [[line.units_within(today + ahead, 1.0, today) for ahead in range(days)] for line in lines]
    assert np.allclose(by_day(lines, today, days), alone)


def test_vouchers_that_are_used_less_than_promised_count_less() -> None:
    assert VoucherHabits.of({}).use_ratio == 1.0
    habits = VoucherHabits.of({"promised": 80_000_000, "used": 30_000_000})
    assert habits.use_ratio == pytest.approx(0.5)
    assert daily([a_line(habits=habits)], 100, 7).sum() == pytest.approx(3.5)


@given(st.floats(0, 1), st.floats(0, 1), st.lists(st.integers(0, 1000), min_size=10, max_size=10))
def test_shares_of_a_window_add_up(low: float, high: float, parts: list[int]) -> None:
    habits = VoucherHabits.of({f"part-{n}": amount for n, amount in enumerate(parts)})
    low, high = sorted((low, high))
    assert np.isclose(habits.share(0, low) + habits.share(low, high) + habits.share(high, 1), 1)

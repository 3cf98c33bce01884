"""Laws of the forecast: quantiles are those of the distribution, empty shelves are no evidence, neighbours do not matter."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.demand.demand import CategoryLevel, observed_shares, weekday_factors
from services.inventory.domain.distribution import quantile, shortage, shortage_at, shortages
from services.inventory.domain.planning.planning import plan_items
from services.inventory.domain.stock.shelves import day_of
from services.inventory.domain.vouchers.lines import VoucherLine
from tests.support.inventory_events import START, an_item_view, around, at

means = st.floats(0.01, 60)
ratios = st.floats(1.1, 8)
targets = st.floats(0.5, 0.999)


def distribution(mean: float, variance: float, upto: int) -> list[float]:
    """The negative binomial straight from the gamma function."""
    r, p = mean * mean / (variance - mean), mean / variance
    return [
        math.exp(math.lgamma(k + r) - math.lgamma(r) - math.lgamma(k + 1) + r * math.log(p) + k * math.log(1 - p))
        for k in range(upto + 1)
    ]


def one(value: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array([value])


@given(means, ratios, targets)
def test_a_quantile_is_the_least_number_that_reaches_its_target(mean: float, ratio: float, target: float) -> None:
    found = int(quantile(one(mean), one(mean * ratio), one(target))[0])
    chances = distribution(mean, mean * ratio, found)
    assert sum(chances) >= target - 1e-9
    assert sum(chances[:-1]) < target + 1e-9


@given(means, ratios, targets, targets)
def test_a_higher_target_never_needs_less(mean: float, ratio: float, first: float, second: float) -> None:
    low, high = sorted((first, second))
    both = quantile(np.array([mean, mean]), np.array([mean, mean]) * ratio, np.array([low, high]))
    assert both[0] <= both[1]


@given(means, means, ratios, targets)
def test_more_demand_never_needs_less(first: float, second: float, ratio: float, target: float) -> None:
    demand = np.array(sorted((first, second)))
    both = quantile(demand, demand * ratio, np.array([target, target]))
    assert both[0] <= both[1]


@given(means, ratios)
def test_each_further_unit_spares_less_than_the_one_before(mean: float, ratio: float) -> None:
    table = shortages(one(mean), one(mean * ratio), 80)
    spared = -np.diff(table[0])
    assert np.all(spared >= -1e-9)
    assert np.all(np.diff(spared) <= 1e-9)
    assert shortage_at(table, 0, 0) == pytest.approx(mean)
    assert shortage_at(table, 0, -3) == pytest.approx(mean + 3)


@given(means, ratios, st.integers(-5, 80))
def test_what_one_shelf_will_probably_miss_is_what_the_table_says(mean: float, ratio: float, stock: int) -> None:
    table = shortages(one(mean), one(mean * ratio), 80)
    assert shortage(mean, mean * ratio, stock) == pytest.approx(shortage_at(table, 0, stock), abs=1e-9)


def test_the_normal_takes_over_where_it_is_as_good() -> None:
    missed = [shortage(mean, 700.0, 510) for mean in (499.9, 500.1)]
    assert missed[1] - missed[0] == pytest.approx(0.2 * 0.35, abs=0.1)
    below, above = quantile(np.array([499.9, 500.1]), np.array([700.0, 700.0]), np.array([0.95, 0.95]))
    assert abs(int(above) - int(below)) <= 2


def test_days_on_which_nothing_was_there_say_nothing_about_demand() -> None:
    sold = np.array([[1000, 0, 0, 0]])
    on_hand, first = np.array([0]), np.array([0])
    counted = np.array([True])
    shares = observed_shares(on_hand, sold, np.zeros_like(sold), first, counted)
    assert shares.tolist() == [[0.5, 0.0, 0.0, 0.0]]
    assert observed_shares(on_hand, sold, np.zeros_like(sold), first, ~counted).tolist() == [[1, 1, 1, 1]]


def test_a_book_below_nothing_proves_the_book_wrong_not_the_shelf_empty() -> None:
    sold = np.array([[1000, 0, 0]])
    shares = observed_shares(np.array([-2000]), sold, np.zeros_like(sold), np.array([0]), np.array([True]))
    assert shares[0, 1:].tolist() == [1, 1]


def test_empty_shelves_do_not_lower_the_forecast() -> None:
    sold_out = an_item_view({"s1": 0}, {"s1": [2, 2, 2, 2, 2, 0, 0, 0, 0, 0]})
    unwanted = an_item_view({"s1": 9}, {"s1": [2, 2, 2, 2, 2, 0, 0, 0, 0, 0]})
    censored, seen = (plan_items([item], at(9.9), around())[0].rate[0] for item in (sold_out, unwanted))
    assert censored > 1.3 * seen


@given(st.lists(st.lists(st.integers(0, 4), min_size=10, max_size=10), min_size=1, max_size=6), st.randoms())
def test_a_plan_does_not_depend_on_an_items_neighbours_in_the_batch(sold: list[list[int]], random: object) -> None:
    items = [an_item_view({"s1": 3, "s2": 5}, {"s1": days}, item_id=f"i{n}") for n, days in enumerate(sold)]
    together = plan_items(items, at(9.9), around())
    for item, plan in zip(items, together, strict=True):
        (alone,) = plan_items([item], at(9.9), around())
        assert alone.rate.tolist() == plan.rate.tolist()
        assert alone.trigger_milli.tolist() == plan.trigger_milli.tolist()
        assert alone.order_up_to_milli.tolist() == plan.order_up_to_milli.tolist()


def test_stores_borrow_strength_from_each_other() -> None:
    item = an_item_view({"s1": 9, "s2": 9, "s3": 9}, {"s1": [3] * 10, "s2": [3] * 10, "s3": [0] * 10})
    lonely = an_item_view({"s3": 9}, {"s3": [0] * 10})
    with_others = plan_items([item], at(9.9), around())[0].rate
    (alone,) = plan_items([lonely], at(9.9), around())[0].rate
    assert with_others[0] > with_others[2] > alone


def test_a_weekday_that_sells_more_is_seen_and_one_never_seen_is_average() -> None:
    level = CategoryLevel(
        category="c", weekday_milli=(100_000, 0, 0, 0, 0, 300_000, 0), weekday_shelf_days=(100, 0, 0, 0, 0, 100, 0)
    )
    factors = weekday_factors(level, level)
    assert factors[5] > 1.2
    assert factors[0] < 0.8
    assert factors[1] == pytest.approx(1.0)


def test_vouchers_raise_the_forecast_of_their_item_in_their_store_on_their_days() -> None:
    item = an_item_view({"s1": 9, "s2": 9}, {"s1": [1] * 10, "s2": [1] * 10})
    today = day_of(at(9.9))
    vouchers = [
        VoucherLine(store_id="s1", item_id="milk", category=None, first_day=today, last_day=today + 1, units=6.0),
        VoucherLine(store_id="s2", item_id="milk", category=None, first_day=today + 30, last_day=today + 33, units=6.0),
    ]
    (plan,) = plan_items([item], at(9.9), around(vouchers=vouchers))
    assert plan.voucher_units.tolist() == pytest.approx([6.0, 0.0])
    assert plan.trigger_milli[0] > plan.trigger_milli[1]


def test_days_are_counted_from_monday_the_third_of_march() -> None:
    assert START.weekday() == 0

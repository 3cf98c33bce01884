"""Laws of what is known ahead: promotions and vouchers raise their days, are learned, and stay out of what sells by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from services.inventory.domain.demand.promotions import Mailer, Promotion, classes, joined
from services.inventory.domain.distribution import chance_within, quantile
from services.inventory.domain.learning.calibration import Coverage
from services.inventory.domain.learning.closing import Closed, close_day
from services.inventory.domain.learning.facts import LINE_SIZES, DayFacts, FloatArray, Rules, Shelves, Supply
from services.inventory.domain.learning.known import Known, lift_table, uplift
from services.inventory.domain.learning.pooling import Pooled, combine, nothing_known
from services.inventory.domain.learning.state import fresh
from services.inventory.metrics import InventoryMetrics

STORES = tuple(f"s{place}" for place in range(8))
ITEMS = tuple(f"i{place}" for place in range(6))
ROWS = len(STORES) * len(ITEMS)
SHELVES = Shelves(
    item_ids=ITEMS,
    starts=np.arange(0, ROWS + 1, len(STORES)),
    store_ids=STORES * len(ITEMS),
    pack=np.ones(ROWS),
    price_cents=np.full(ROWS, 100.0),
)
AHEAD = 14
FRONT = 4
RATE = 3.0


def told(day: int, promoted_days: set[int], vouchers: dict[int, float]) -> Known:
    """The first item is on the front page on these days; vouchers are expected in all stores alike."""
    first = np.arange(ROWS) < len(STORES)
    ahead = range(day + 1, day + 1 + AHEAD)
    return Known(
        promoted=np.where(first & (day in promoted_days), FRONT, 0),
        promoted_ahead=np.array([np.where(first & (one in promoted_days), FRONT, 0) for one in ahead]),
        vouchers_ahead=np.array([np.full(ROWS, vouchers.get(one, 0.0)) for one in ahead]),
    )


def played(
    days: int, lift: float, promoted_days: set[int], vouchers: dict[int, float] | None = None, used: float = 1.0
) -> tuple[Closed, Pooled]:
    """A chain whose demand is drawn: so many times the rate on promoted days, so much of the vouchers used."""
    drawn = np.random.default_rng(5)
    expected = vouchers or {}
    states, pooled = fresh(SHELVES), nothing_known(-1)
    none, one = np.zeros(ROWS, dtype=np.int64), np.ones(ROWS, dtype=np.int64)
    supply = Supply(wait_days=none, lead_days=one, review_days=one, late_from=none, late_until=none)
    for day in range(days):
        known = told(day, promoted_days, expected)
        mean = RATE * np.where(known.promoted > 0, lift, 1.0) + used * expected.get(day, 0.0)
        closed = close_day(
            states, SHELVES, facts(day, drawn.poisson(mean).astype(float)), supply, pooled, Rules(), known
        )
        states, pooled = closed.states, combine(pooled, [closed.contribution], day)
    return closed, pooled


def facts(day: int, sold: FloatArray) -> DayFacts:
    sizes = np.zeros((len(ITEMS), LINE_SIZES))
    return DayFacts(day=day, sold=sold, open_ratio=np.ones(ROWS), emptied_by=np.zeros(ROWS), line_sizes=sizes)


WEEKS_ON = {day for day in range(200) if day % 28 in range(7)}


def test_a_promotion_known_ahead_raises_its_own_days_by_what_it_was_seen_to_raise() -> None:
    closed, pooled = played(160, 3.0, WEEKS_ON)
    lifts = lift_table(closed.states, pooled)
    assert lifts[FRONT, 0] == pytest.approx(3.0, rel=0.15)
    assert lifts[FRONT, 1] == pytest.approx(3.0, rel=0.5), "the chain's, where an item has none of its own"
    lines = [closed.plans.demand.on(ahead) for ahead in range(1, AHEAD + 1)]
    promoted = [float(more[: len(STORES)].mean()) for _, more, _ in lines]
    assert {ahead for ahead, more in enumerate(promoted, 160) if more > 0.5} == WEEKS_ON & set(range(160, 174))
    assert all(more[len(STORES) :].max() == 0 for _, more, _ in lines)


def test_what_a_promotion_sold_does_not_stay_in_what_sells_by_itself() -> None:
    long = {*range(40, 47), *range(70, 77), *range(100, 128)}
    closed, _ = played(128, 3.0, long)
    own, _, _ = closed.plans.demand.on(1)
    assert own[: len(STORES)].mean() == pytest.approx(RATE, rel=0.15)


@pytest.mark.parametrize("used", [0.0, 0.5, 1.5])
def test_the_uplift_of_vouchers_is_learned_and_taken_out_of_the_rates(used: float) -> None:
    vouchers = {day: 2.0 for day in range(200) if day % 3 == 0}
    closed, pooled = played(150, 1.0, set(), vouchers, used)
    assert uplift(pooled) == pytest.approx(used, abs=0.25)
    ahead = 3 - 149 % 3
    own, _, more = closed.plans.demand.on(ahead)
    assert more.mean() == pytest.approx(2.0 * used, abs=0.5)
    assert own.mean() == pytest.approx(RATE, rel=0.1)


def test_with_nothing_known_ahead_nothing_changes() -> None:
    plain, _ = played(40, 1.0, set())
    assert plain.plans.demand.vouchers.sum() == 0
    assert (plain.plans.demand.lifts == 1).all()


def test_coverage_counts_each_shelf_once_a_week_and_quantiles_keep_what_they_say() -> None:
    drawn = np.random.default_rng(2)
    states, pooled = fresh(SHELVES), nothing_known(-1)
    none, one = np.zeros(ROWS, dtype=np.int64), np.ones(ROWS, dtype=np.int64)
    supply = Supply(wait_days=none, lead_days=one, review_days=one, late_from=none, late_until=none)
    kept = []
    for day in range(210):
        sold = drawn.negative_binomial(2.0, 2.0 / (2.0 + RATE), ROWS).astype(float)
        closed = close_day(states, SHELVES, facts(day, sold), supply, pooled, Rules())
        states, pooled = closed.states, combine(pooled, [closed.contribution], day)
        kept.append(closed.coverage)
    compared, covered, promised = (
        sum(getattr(one, name) for one in kept) for name in ("compared", "covered", "promised")
    )
    assert compared[0].sum(axis=0).tolist() == [ROWS * 27] * 2, "the days of 27 weeks from the 22nd day on"
    assert compared[1, 2, 0] > ROWS * 24
    share = covered[:, 2] / compared[:, 2]
    assert share == pytest.approx(promised[:, 2] / compared[:, 2], abs=0.03)
    assert share == pytest.approx(np.array([[0.9, 0.95]] * 2), abs=0.05)


def test_coverage_is_counted_by_horizon_class_and_level() -> None:
    registry = CollectorRegistry()
    metrics = InventoryMetrics(registry)
    numbers = np.arange(12, dtype=np.float64).reshape(2, 3, 2)
    for _ in range(2):
        metrics.count_coverage(Coverage(compared=numbers, covered=numbers, promised=numbers))
    labels = {"horizon": "week", "class": "fast", "level": "0.95"}
    assert registry.get_sample_value("inventory_forecasts_covered_total", labels) == 22.0


@given(st.floats(0.05, 40), st.floats(1.1, 6), st.sampled_from([0.5, 0.9, 0.95]))
def test_a_quantile_is_the_least_number_with_its_chance(mean: float, ratio: float, level: float) -> None:
    means, variance = np.array([mean]), np.array([mean * ratio])
    bound = quantile(means, variance, np.array([level]))
    assert chance_within(means, variance, bound)[0] >= level - 1e-9
    if bound[0]:
        assert chance_within(means, variance, bound - 1)[0] < level


def a_promotion(first_day: int, last_day: int, *, mailer: Mailer = Mailer.NONE, display: bool = False) -> Promotion:
    return Promotion(
        promotion_id="p",
        item_ids=["milk"],
        store_ids=["s2"],
        first_day=first_day,
        last_day=last_day,
        mailer=mailer,
        display=display,
    )


def test_promotions_hold_on_their_days_in_their_stores_the_more_prominent_counts() -> None:
    both = [a_promotion(2, 3, mailer=Mailer.FRONT), a_promotion(3, 9, display=True)]
    assert classes(both, "milk", ["s1", "s2"], 1, 5).tolist() == [[0] * 5, [0, 4, 5, 1, 1]]
    assert not classes(both, "tea", ["s2"], 1, 5).any()


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_promotions_join_in_any_order(first: int, second: int, third: int) -> None:
    assert joined(first, second) == joined(second, first)
    assert joined(joined(first, second), third) == joined(first, joined(second, third))

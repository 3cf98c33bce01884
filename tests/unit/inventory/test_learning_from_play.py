"""What learning from shelves that run empty is worth: hidden demand, late suppliers, what a lost sale costs."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain.learning import censoring, shadow
from services.inventory.domain.learning.closing import close_day
from services.inventory.domain.learning.facts import LINE_SIZES, DayFacts, Rules
from services.inventory.domain.learning.layout import SAFETY
from services.inventory.domain.learning.pooling import nothing_known
from services.inventory.domain.learning.shadow import Progress
from services.inventory.domain.learning.state import fresh
from tests.support.learned_chains import chain, days
from tests.support.played_shops import play

RULES = Rules()
PRICE_CENTS = 300.0


def facts(sold: float, open_ratio: float, emptied_by: float, sizes: dict[int, int]) -> DayFacts:
    counts = np.zeros((1, LINE_SIZES))
    for size, count in sizes.items():
        counts[0, size] = count
    return DayFacts(
        day=1,
        sold=np.array([sold]),
        open_ratio=np.array([open_ratio]),
        emptied_by=np.array([emptied_by]),
        line_sizes=counts,
    )


def progress(due_days: list[int], behind: list[int]) -> Progress:
    return Progress(np.array(due_days), np.array(behind))


def asked(day: DayFacts, mean: float) -> float:
    return float(censoring.demand(day, day.line_sizes, np.zeros(1, dtype=np.int64), np.array([mean]))[0])


def test_the_hours_without_stock_are_filled_up_with_what_they_would_have_sold() -> None:
    assert asked(facts(3, 0.75, 0, {1: 5}), 4.0) == 3 + 0.25 * 4


def test_the_line_that_took_the_last_unit_may_have_wanted_more() -> None:
    """Of lines of 2 and more, half wanted 2, a quarter 3, a quarter 5: that is 1 more on average."""
    assert asked(facts(2, 1.0, 2, {1: 9, 2: 4, 3: 2, 5: 2}), 4.0) == 3.0


def test_a_line_larger_than_any_that_was_seen_wanted_no_more() -> None:
    assert asked(facts(9, 1.0, 9, {1: 9, 2: 4}), 4.0) == 9.0


@given(
    sold=st.integers(0, 30),
    open_ratio=st.floats(0, 1),
    emptied_by=st.integers(0, 30),
    sizes=st.dictionaries(st.integers(1, 25), st.integers(0, 50)),
)
def test_never_fewer_units_were_asked_for_than_were_sold(
    sold: int, open_ratio: float, emptied_by: int, sizes: dict[int, int]
) -> None:
    assert asked(facts(sold, open_ratio, emptied_by, sizes), 2.0) >= sold


def test_a_chain_that_takes_empty_shelves_for_no_demand_loses_more_and_pays_more() -> None:
    seeing, blind = play(RULES, 300), play(replace(RULES, counts_censoring=False), 300)
    assert seeing.lost < 0.8 * blind.lost
    assert seeing.cents(RULES, PRICE_CENTS) < blind.cents(RULES, PRICE_CENTS)


def test_a_lost_sale_that_costs_more_is_guarded_against_by_more_stock() -> None:
    cheap, dear = play(replace(RULES, lost_ratio=0.25), 220), play(replace(RULES, lost_ratio=2.0), 220)
    assert dear.safety[-1] > cheap.safety[-1]
    assert dear.lost < cheap.lost


def test_a_supplier_that_is_often_late_is_met_with_more_safety() -> None:
    on_time, late = play(RULES, 260), play(RULES, 260, late_every=24)
    assert late.safety[-1] > on_time.safety[-1]


def test_a_shadow_shop_gets_nothing_while_its_supplier_is_late_and_all_of_it_after() -> None:
    shelves = chain(items=1, stores=3)
    day = days(shelves, 1)[0]
    states = fresh(shelves)
    states.keep("days_seen", np.full((1, 3), 50.0))
    states.shelf["shadow_stock"][:] = 100.0
    coming = np.zeros((2, len(SAFETY), 3), dtype=np.uint16)
    coming[0] = 7
    states = replace(states, shadow_coming=coming)
    none, need = np.zeros(3), (np.zeros(3), np.zeros(3))
    kept = shadow.play(states.copy(), shelves, none, need, day.supply, progress([0, 1, 0], [1, 0, 1]), RULES)
    assert kept.read("shadow_stock")[0].tolist() == [100, 100 + 7 * shelves.pack[1], 100]
    later = shadow.play(kept, shelves, none, need, day.supply, progress([2, 1, 2], [0, 0, 0]), RULES)
    assert later.read("shadow_stock")[0].tolist() == (100 + 7 * shelves.pack).tolist()


@given(late_days=st.integers(1, 4), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_a_supplier_that_is_always_so_late_is_one_that_takes_so_much_longer(late_days: int, seed: int) -> None:
    """Not one that never delivers: every order is late, and every one comes."""
    shelves, drawn = chain(items=2, stores=3), np.random.default_rng(seed)
    rows = len(shelves)
    promised = replace(days(shelves, 1)[0].supply, wait_days=np.zeros(rows, dtype=np.int64), lead_days=np.full(rows, 2))
    longer = replace(promised, lead_days=promised.lead_days + late_days)
    late, punctual = fresh(shelves), fresh(shelves)
    for states in (late, punctual):
        states.keep("days_seen", np.full((1, rows), 50.0))
    need = (np.full(rows, 3.0), np.full(rows, 1.5))
    for day in range(10, 60):
        sold = drawn.poisson(1.0, rows).astype(np.float64)
        none_late = np.zeros(rows, dtype=np.int64)
        open_late = replace(promised, late_from=none_late + day + 1 - late_days, late_until=none_late + day + late_days)
        on_time = replace(longer, late_from=none_late, late_until=none_late)
        for states, supply in ((late, open_late), (punctual, on_time)):
            got = shadow.progress_of(states, shelves, supply, day)
            played = shadow.play(states, shelves, sold, need, supply, got, RULES)
            states.shadow_coming.resize(played.shadow_coming.shape, refcheck=False)
            states.shadow_coming[:] = played.shadow_coming
    assert late.read("shadow_stock").any()
    assert late.read("shadow_stock").tolist() == punctual.read("shadow_stock").tolist()
    assert late.read("shadow_cost").tolist() == punctual.read("shadow_cost").tolist()


@given(late_days=st.floats(0.01, 1.0), spread=st.floats(0.0, 9.0))
@settings(max_examples=20, deadline=None)
def test_a_late_lane_raises_the_need_and_the_trigger_is_rounded_once(late_days: float, spread: float) -> None:
    """A slow shelf that lateness asks a tenth of a unit more of is not given a whole one."""
    shelves = chain()
    day = days(shelves, 1)[0]
    rows = len(shelves)
    late = replace(day.supply, late_days=np.full(rows, late_days), late_variance_days=np.full(rows, spread))
    usual, risky = (
        close_day(fresh(shelves), shelves, day.facts, supply, nothing_known(-1), RULES).plans
        for supply in (day.supply, late)
    )
    assert (risky.need_mean > usual.need_mean).all()
    assert (risky.need_deviation > usual.need_deviation).all()
    for plans in (usual, risky):
        whole = np.floor(plans.need_mean + plans.safety * plans.need_deviation).astype(np.int64) + 1
        assert plans.trigger.tolist() == whole.tolist()


def test_acknowledgements_hold_back_all_orders_of_an_item_that_fall_into_the_span() -> None:
    shelves = chain(items=2, stores=3)
    day = days(shelves, 1)[0]
    late = np.zeros(len(shelves), dtype=np.int64)
    late[1] = 3
    supply = replace(day.supply, late_from=0 * late, late_until=late)
    closed = close_day(fresh(shelves), shelves, day.facts, supply, nothing_known(-1), RULES)
    assert closed.states.read("late").T.tolist() == [[0, 3], [0, 0]]


def test_a_close_asks_for_whole_units_and_never_for_fewer_than_the_need() -> None:
    shelves = chain()
    states, pooled = fresh(shelves), nothing_known(-1)
    day = days(shelves, 1)[0]
    plans = close_day(states, shelves, day.facts, day.supply, pooled, RULES).plans
    assert (plans.trigger > plans.need_mean).all()
    assert (plans.target >= plans.trigger).all()

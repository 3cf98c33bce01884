"""Learned transfers conserve stock, cost no donor more than is spared, and wait where tomorrow is early enough."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain.learning.chances import GREATEST_UNITS, exceeding
from services.inventory.domain.learning.closing import Plans
from services.inventory.domain.learning.facts import Position, Rules, Shelves, Supply
from services.inventory.domain.learning.forecast import Forecast
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.learning.transfers import Move, are_in_need, board_of, plan_transfers

RULES = Rules()
STORES = 5


def planned(rate: list[float]) -> Plans:
    rows = len(rate)
    level = np.array(rate)
    nothing = np.zeros(rows)
    return Plans(
        day=100,
        demand=Forecast(
            day=100,
            features=np.zeros((0, rows)),
            factors=np.ones((7, rows)),
            tomorrow=level,
            week=7 * level,
            rate=level,
            lifts=np.ones((0, rows)),
            vouchers=np.zeros((0, rows)),
        ),
        spread=Spread(day=np.full(rows, 0.8), week=np.full(rows, 0.4)),
        need_mean=nothing,
        need_deviation=nothing,
        safety=nothing,
        trigger=np.zeros(rows, dtype=np.int64),
        target=np.zeros(rows, dtype=np.int64),
        can_order=np.ones(rows, dtype=np.bool_),
        days_seen=np.full(rows, 100.0),
    )


def laid_out(
    rate: list[float], free: list[float], wait: list[int], price_cents: float = 900.0, coming: float = 0.0
) -> tuple[Shelves, Plans, Supply, Position, Rules]:
    rows = len(rate)
    items = rows // STORES
    shelves = Shelves(
        item_ids=[f"item-{place}" for place in range(items)],
        starts=np.arange(0, rows + 1, STORES),
        store_ids=[f"store-{place}" for _ in range(items) for place in range(STORES)],
        pack=np.ones(rows),
        price_cents=np.full(rows, price_cents),
    )
    supply = Supply(
        wait_days=np.array(wait),
        lead_days=np.full(rows, 3),
        review_days=np.full(rows, 7),
        late_from=np.zeros(rows, dtype=np.int64),
        late_until=np.zeros(rows, dtype=np.int64),
    )
    on_its_way = np.zeros((9, rows))
    on_its_way[3] = coming
    return shelves, planned(rate), supply, Position(free=np.array(free), coming=on_its_way), RULES


def moved(
    rate: list[float], free: list[float], wait: list[int], price_cents: float = 900.0, coming: float = 0.0
) -> list[Move]:
    sides = laid_out(rate, free, wait, price_cents, coming)
    return list(plan_transfers(sides[0], board_of(*sides), RULES))


def chains(rows: int) -> st.SearchStrategy[tuple[list[float], list[float], list[int]]]:
    return st.tuples(
        st.lists(st.floats(0.01, 5), min_size=rows, max_size=rows),
        st.lists(st.integers(0, 40).map(float), min_size=rows, max_size=rows),
        st.lists(st.integers(0, 6), min_size=rows, max_size=rows),
    )


@settings(max_examples=60)
@given(chains(2 * STORES), st.floats(10, 5000))
def test_no_move_costs_its_donor_more_than_its_receiver_is_spared(
    found: tuple[list[float], list[float], list[int]], price_cents: float
) -> None:
    rate, free, wait = found
    moves = moved(rate, free, wait, price_cents)
    left = np.array(free)
    for move in moves:
        assert move.saved_cents > move.donor_loss_cents + move.cost_cents
        assert move.units > 0
        assert move.donor // STORES == move.receiver // STORES
        left[move.donor] -= move.units
    assert (left >= 0).all()
    assert not {move.donor for move in moves} & {move.receiver for move in moves}


@settings(max_examples=30)
@given(chains(3 * STORES))
def test_items_are_decided_by_themselves(found: tuple[list[float], list[float], list[int]]) -> None:
    together = moved(*found)
    alone = [
        (place, move.donor, move.receiver, move.units, move.saved_cents)
        for place in range(3)
        for move in moved(*(column[place * STORES : (place + 1) * STORES] for column in found))  # type: ignore[arg-type]  # three columns of one kind each
    ]
    assert [
        (move.donor // STORES, move.donor % STORES, move.receiver % STORES, move.units, move.saved_cents)
        for move in together
    ] == alone


def test_an_empty_shelf_is_helped_by_the_one_that_needs_its_stock_least() -> None:
    [move] = moved([2.0, 1.0, 1.0, 1.0, 0.02], [0, 14, 14, 14, 30], [6, 6, 6, 6, 6])
    assert (move.donor, move.receiver) == (4, 0)


def test_what_a_donor_gives_is_missed_after_its_delivery_as_well_until_it_can_order() -> None:
    """All get something in four days and nothing more for five: the less that is, the dearer is what is given now."""
    chain = [2.0, 1.5, 0.02, 0.02, 0.02], [0.0, 12.0, 0.0, 0.0, 0.0], [6] * STORES
    [little], [much] = moved(*chain, coming=4.0), moved(*chain, coming=40.0)
    assert little.donor_loss_cents / little.units > 1.05 * much.donor_loss_cents / much.units


def test_nothing_moves_where_a_lost_unit_costs_less_than_moving_one() -> None:
    assert not moved([2.0, 0.02, 1.0, 1.0, 1.0], [0, 30, 9, 9, 9], [6] * STORES, price_cents=8.0)


def test_a_shelf_that_lasts_beyond_tomorrow_waits() -> None:
    assert not moved([1.0, 0.02, 1.0, 1.0, 1.0], [6, 30, 9, 9, 9], [6] * STORES, price_cents=300.0)


def test_what_is_on_its_way_is_waited_for() -> None:
    bare = [1.0, 0.02, 1.0, 1.0, 1.0], [0.0, 30.0, 9.0, 9.0, 9.0], [6] * STORES
    [alone] = moved(*bare)
    [helped] = moved(*bare, coming=20.0)
    assert helped.units <= alone.units
    assert helped.saved_cents < 0.8 * alone.saved_cents


def test_no_saving_of_stock_makes_up_for_a_move_that_spares_less_than_it_costs() -> None:
    rate, free, wait = [0.1, 0.01, 1.0, 1.0, 1.0], [1.0, 30.0, 9.0, 9.0, 9.0], [0, 6, 0, 0, 0]
    for price_cents in (2000.0, 3000.0, 5000.0, 8000.0):
        for move in moved(rate, free, wait, price_cents):
            assert move.hold_cents < 0
            assert move.saved_cents > move.donor_loss_cents + move.cost_cents


def test_a_donor_whose_order_comes_sooner_gives_less_readily_than_one_whose_order_comes_later() -> None:
    for waits, donor in (([3, 0, 6, 3, 3], 2), ([3, 6, 0, 3, 3], 1)):
        [move] = moved([2.0, 0.1, 0.1, 1.0, 1.0], [0, 20, 20, 9, 9], waits)
        assert (move.donor, move.hold_cents < 0) == (donor, True)


@given(st.floats(0.001, 20), st.floats(0.01, 10))
def test_chances_fall_with_stock_and_stay_chances(mean: float, excess: float) -> None:
    [*chances] = exceeding(np.array([mean]), np.array([excess]))[:, 0]
    assert all(later <= sooner + 1e-12 for sooner, later in pairwise(chances))
    assert 0 <= chances[-1] <= chances[0] <= 1


def one_by_one(mean: float, excess: float) -> list[float]:
    shape = 1 / max(excess, 1e-3)
    share = mean / (shape + mean)
    chance = np.exp(shape * np.log1p(-share))
    tails = [1 - chance]
    for units in range(1, GREATEST_UNITS + 1):
        chance = chance * ((shape + units - 1) / units) * share
        tails.append(tails[-1] - chance)
    return [min(max(float(tail), 0.0), 1.0) for tail in tails]


@given(st.lists(st.tuples(st.floats(0.001, 20), st.floats(0.0001, 10)), min_size=1, max_size=9))
def test_chances_are_those_of_the_recursion_to_the_last_bit(rows: list[tuple[float, float]]) -> None:
    found = exceeding(np.array([mean for mean, _ in rows]), np.array([excess for _, excess in rows]))
    assert found.T.tolist() == [one_by_one(*row) for row in rows]


@settings(max_examples=60)
@given(chains(STORES), st.floats(1, 3000), st.integers(0, 3))
def test_who_is_in_need_is_known_without_the_board(
    found: tuple[list[float], list[float], list[int]], price_cents: float, coming: int
) -> None:
    sides = laid_out(*found, price_cents, float(coming))
    places = np.array([4, 1, 2])
    board = board_of(*sides)
    in_need = are_in_need(places, *sides)
    assert in_need.tolist() == (board.soon_cents[places] > RULES.transfer_line_cents).tolist()
    moves = plan_transfers(sides[0], board, RULES)
    assert {move.receiver for move in moves} & set(places.tolist()) <= set(places[in_need].tolist())

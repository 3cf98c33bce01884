"""The best exchange against trying everything: exact where it says so, never worse than nothing, the gap honest."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain.closing.closing import rules_of
from services.inventory.domain.distribution import FloatArray
from services.inventory.domain.lanes.sources import NOBODY_REFUSED
from services.inventory.domain.learning.exchange import Exchanges, Line, best_exchange, gain_of, upper_bound
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.learning.transfers import Move, board_of, plan_transfers, what_could_move
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.reviewing.review import review
from services.inventory.domain.stock.shelves import day_of
from services.inventory.domain.transfers import rerouting
from services.inventory.domain.transfers.transfer import Transfer
from tests.support.inventory_events import an_item_view, around, at


@st.composite
def exchanges(draw: st.DrawFn, receivers: int = 3, donors: int = 3, units: int = 3) -> Exchanges:
    def rising() -> FloatArray:
        return np.array(sorted(draw(st.lists(st.integers(-10, 60), min_size=1, max_size=units))), dtype=np.float64)

    wanting, giving = draw(st.integers(1, receivers)), draw(st.integers(1, donors))
    return Exchanges(
        saved={place: rising()[::-1] for place in range(wanting)},
        lost={100 + place: rising() for place in range(giving)},
        unit_cost=float(draw(st.integers(0, 6))),
        line_cost=float(draw(st.integers(0, 30))),
    )


def all_sets(could: Exchanges) -> list[tuple[Line, ...]]:
    """Every allowed set: each receiver from one donor or nobody, no donor beyond what it may give."""
    choices = [
        [None, *((donor, units) for donor in could.lost for units in range(1, len(saved) + 1))]
        for saved in could.saved.values()
    ]
    found = []
    for chosen in product(*choices):
        lines = [Line(one[0], place, one[1]) for place, one in zip(could.saved, chosen, strict=True) if one]
        if all(
            sum(line.units for line in lines if line.donor == donor) <= len(lost) for donor, lost in could.lost.items()
        ):
            found.append(tuple(lines))
    return found


def greedy(could: Exchanges) -> Sequence[Line]:
    """The receiver that wants most first, from the donor that loses least, while a unit gains: a rule that may miss the best."""
    left = {donor: len(lost) for donor, lost in could.lost.items()}
    lines = []
    for place, saved in sorted(could.saved.items(), key=lambda one: -one[1].sum()):
        donor = min(left, key=lambda each: could.lost[each][0])
        units = min(left[donor], len(saved))
        if units:
            lines.append(Line(donor, place, units))
            left[donor] -= units
    return lines


@given(exchanges())
@settings(max_examples=150)
def test_small_exchanges_are_exact_and_the_bound_is_above_them(could: Exchanges) -> None:
    best = max(gain_of(could, lines) for lines in all_sets(could))
    plan = best_exchange(could, ())
    assert plan.is_exact
    assert abs(plan.gain - best) < 1e-6
    assert abs(gain_of(could, plan.lines) - plan.gain) < 1e-6
    assert upper_bound(could) >= best - 1e-6


@given(exchanges())
def test_a_plan_is_allowed(could: Exchanges) -> None:
    plan = best_exchange(could, greedy(could))
    assert len({line.receiver for line in plan.lines}) == len(plan.lines)
    for donor, lost in could.lost.items():
        assert sum(line.units for line in plan.lines if line.donor == donor) <= len(lost)
    assert all(0 < line.units <= len(could.saved[line.receiver]) for line in plan.lines)


@given(exchanges(receivers=14, donors=10, units=12))
@settings(max_examples=60)
def test_however_large_a_plan_is_never_dearer_than_moving_nothing_nor_than_the_rule_and_its_gap_is_a_bound(
    could: Exchanges,
) -> None:
    rule = greedy(could)
    plan = best_exchange(could, rule)
    assert plan.gain >= max(gain_of(could, rule), 0.0) - 1e-9
    assert plan.gain + plan.gap <= upper_bound(could) + 1e-6
    assert plan.is_exact or plan.gain + plan.gap >= upper_bound(could) - 1e-6


def test_two_receivers_that_would_share_a_cheap_donor_are_parted_where_that_gains_more() -> None:
    could = Exchanges(
        saved={0: np.array([50.0, 40.0]), 1: np.array([45.0, 44.0])},
        lost={8: np.array([0.0, 5.0, 30.0]), 9: np.array([1.0, 2.0])},
        unit_cost=0.0,
        line_cost=0.0,
    )
    plan = best_exchange(could, ())
    assert plan.is_exact
    assert {line.donor for line in plan.lines} == {8, 9}
    assert plan.gain == 50 + 40 + 45 + 44 - 0 - 5 - 1 - 2


def test_a_line_that_costs_more_than_it_saves_is_not_drawn() -> None:
    could = Exchanges(saved={0: np.array([9.0])}, lost={1: np.array([0.0])}, unit_cost=0.0, line_cost=10.0)
    assert best_exchange(could, ()).lines == ()
    assert best_exchange(could, [Line(1, 0, 1)]).lines == ()


@given(st.lists(st.integers(0, 25), min_size=2, max_size=7), st.integers(100, 4_000))
@settings(max_examples=60)
def test_what_the_review_moves_gains_no_less_than_the_rule_that_learning_states(on_hand: list[int], price: int) -> None:
    sells = [2, 1, 0, 3, 1, 2, 0, 1, 2, 1]
    stores = {f"s{place}": units for place, units in enumerate(on_hand)}
    item = an_item_view(stores, dict.fromkeys(stores, sells), price_cents=price)
    (plan,) = review([item], at(9.9), around()).plans
    excess = Spread(day=np.full(len(on_hand), 0.4), week=np.full(len(on_hand), 0.2))
    state = ItemState.of(item, plan, ())
    rules, day = rules_of(around().policy), day_of(at(9.9)) - 1
    sides = (
        rerouting._shelves(state),
        rerouting._plans(state, excess, day),
        rerouting._supply(state, at(9.9), around(), NOBODY_REFUSED),
        rerouting._position(state, day, NOBODY_REFUSED),
        rules,
    )
    board = board_of(*sides)
    (could, held), rule = what_could_move(board, rules), plan_transfers(sides[0], board, rules)
    everywhere = np.ones(len(on_hand), dtype=np.bool_)
    found = rerouting.learned_transfers(state, excess, at(9.9), around(), NOBODY_REFUSED, everywhere)

    def gain(moves: Sequence[Move] | Sequence[Transfer]) -> float:
        return sum(
            one.saved_cents
            - one.donor_loss_cents
            - float(held[one.receiver] - held[one.donor]) * one.units
            - rules.hurdle_ratio * one.cost_cents
            for one in moves
        )

    assert gain(found) >= gain(rule) - 1e-6
    if all(move.donor in could.lost for move in rule):
        lines = [Line(move.donor, move.receiver, move.units) for move in rule]
        assert abs(gain_of(could, lines) - gain(rule)) < 1e-6
        assert gain(found) <= upper_bound(could) + 1e-6
    assert all(one.saved_cents - one.donor_loss_cents > one.cost_cents for one in found)
    given_away = {one.donor: 0 for one in found}
    for one in found:
        given_away[one.donor] += one.units
    assert all(units <= on_hand[donor] for donor, units in given_away.items())


def test_a_store_that_saves_nothing_takes_what_its_donor_is_better_without() -> None:
    could = Exchanges(saved={0: np.array([0.0])}, lost={1: np.array([-3.0])}, unit_cost=1.0, line_cost=1.0)
    assert upper_bound(could) >= 1.0
    assert best_exchange(could, ()).gain == 1.0

"""Transfers conserve stock, leave donors what they need, and gain more than they cost."""

from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.planning.replenishment import Policy, packs_needed
from services.inventory.domain.transfers.transfer import Shelf, plan_transfers

shelves = st.builds(
    Shelf,
    free_units=st.integers(-3, 40),
    arriving_units=st.integers(0, 3),
    keep_units=st.integers(0, 12),
    gap_mean=st.floats(0, 15),
    gap_variance=st.floats(0, 60),
    own_mean=st.floats(0, 15),
    own_variance=st.floats(0, 60),
)
CHEAP = Policy(transfer_line_cents=10, transfer_unit_cents=1, hurdle_ratio=1.0)


@given(st.lists(shelves, max_size=8), st.integers(0, 2_000))
def test_no_donor_gives_what_it_must_keep_and_no_receiver_is_also_a_donor_of_the_same_goods(
    found: list[Shelf], margin_cents: int
) -> None:
    given_away = [0] * len(found)
    for move in plan_transfers(found, margin_cents, CHEAP):
        assert move.units > 0
        assert move.donor != move.receiver
        given_away[move.donor] += move.units
    for shelf, units in zip(found, given_away, strict=True):
        assert units == 0 or shelf.free_units - units >= shelf.keep_units


@given(st.lists(shelves, max_size=8), st.integers(0, 2_000))
def test_a_receiver_gains_more_than_its_donor_risks_and_the_move_costs(found: list[Shelf], margin_cents: int) -> None:
    for move in plan_transfers(found, margin_cents, CHEAP):
        assert move.saved_cents > move.donor_loss_cents + move.cost_cents
        assert move.donor_loss_cents >= -1e-6
        assert move.saved_cents <= margin_cents * found[move.receiver].gap_mean + 1e-6


@given(st.lists(shelves, max_size=8), st.integers(0, 2_000))
def test_a_receiver_has_one_donor_at_a_time(found: list[Shelf], margin_cents: int) -> None:
    receivers = [move.receiver for move in plan_transfers(found, margin_cents, CHEAP)]
    assert len(receivers) == len(set(receivers))


def shelf(free: int, keep: int, demand: float) -> Shelf:
    return Shelf(
        free_units=free,
        keep_units=keep,
        gap_mean=demand,
        gap_variance=1.5 * demand,
        own_mean=demand,
        own_variance=1.5 * demand,
    )


def test_an_empty_store_is_filled_from_the_one_with_too_much() -> None:
    (move,) = plan_transfers([shelf(0, 4, 3.0), shelf(30, 4, 3.0), shelf(5, 4, 3.0)], 400, Policy())
    assert (move.donor, move.receiver) == (1, 0)
    assert 2 <= move.units <= 12


def test_several_receivers_cannot_empty_one_donor() -> None:
    moves = plan_transfers([shelf(0, 4, 3.0), shelf(0, 4, 3.0), shelf(0, 4, 3.0), shelf(9, 4, 1.0)], 400, Policy())
    assert sum(move.units for move in moves) <= 5


def test_goods_of_no_known_value_are_not_moved() -> None:
    assert not plan_transfers([shelf(0, 4, 3.0), shelf(30, 4, 3.0)], 0, Policy())


@given(st.integers(-9, 30), st.integers(0, 20), st.integers(0, 20), st.integers(1, 12))
def test_orders_are_whole_packs_that_reach_the_target_and_pass_it_by_less_than_one(
    position: int, trigger: int, cover: int, pack: int
) -> None:
    packs = packs_needed(position, trigger, trigger + cover, pack)
    if position >= trigger:
        assert packs == 0
    else:
        assert trigger + cover <= position + packs * pack < trigger + cover + pack

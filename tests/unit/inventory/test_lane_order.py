"""The second stage against trying everything: feasible, deterministic, and no further from the best than it says."""

from collections.abc import Sequence
from itertools import product
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.catalog import LaneLimits
from services.inventory.domain.lanes.order import LaneOrder, LaneOutcome, PackStep, Proposal, decide_lane


def a_proposal(
    name: str,
    values: Sequence[float],
    *,
    asked: int | None = None,
    first: int = 1,
    units: int = 1,
    grams: int = 0,
    ml: int = 0,
    cents: int = 100,
) -> Proposal:
    """Steps worth less and less; the first has `first` packs."""
    steps = [PackStep(first if not place else 1, value) for place, value in enumerate(values)]
    return Proposal(
        command_id=name,
        steps=steps,
        asked=len(values) if asked is None else asked,
        pack_milli=units * 1000,
        pack_grams=grams,
        pack_ml=ml,
        pack_cents=cents,
    )


@st.composite
def proposals(draw: st.DrawFn, *, most: int = 4, one_size: bool = False) -> list[Proposal]:
    found = []
    for number in range(draw(st.integers(1, most))):
        each = sorted(draw(st.lists(st.integers(0, 60), min_size=1, max_size=4)), reverse=True)
        first = 1 if one_size else draw(st.integers(1, 3))
        found.append(
            a_proposal(
                f"c{number}",
                [float(each[0] * first), *map(float, each[1:])],
                first=first,
                asked=draw(st.integers(1, len(each))),
                units=1 if one_size else draw(st.integers(1, 5)),
                grams=draw(st.integers(0, 9)),
                ml=draw(st.integers(0, 9)),
                cents=draw(st.integers(0, 50)),
            )
        )
    return found


any_limits = st.builds(
    LaneLimits,
    truck_units=st.none() | st.integers(1, 25),
    truck_grams=st.none() | st.integers(1, 60),
    truck_ml=st.none() | st.integers(1, 60),
    budget_cents=st.none() | st.integers(0, 400),
)


def load(given_proposals: Sequence[Proposal], packs: dict[str, int]) -> tuple[int, int, int, int]:
    rows = [(packs[one.command_id], one) for one in given_proposals]
    return (
        sum(count * one.pack_milli for count, one in rows),
        sum(count * one.pack_grams for count, one in rows),
        sum(count * one.pack_ml for count, one in rows),
        sum(count * one.pack_cents for count, one in rows),
    )


def fits(given_proposals: Sequence[Proposal], packs: dict[str, int], limits: LaneLimits) -> bool:
    room = (
        None if limits.truck_units is None else limits.truck_units * 1000,
        limits.truck_grams,
        limits.truck_ml,
        limits.budget_cents,
    )
    pairs = zip(load(given_proposals, packs), room, strict=True)
    return all(limit is None or used <= limit for used, limit in pairs)


def best_value(given_proposals: Sequence[Proposal], limits: LaneLimits) -> float:
    """Tries every number of asked steps of every proposal."""
    best = 0.0
    for counts in product(*(range(one.asked + 1) for one in given_proposals)):
        chosen = list(zip(counts, given_proposals, strict=True))
        packs = {one.command_id: sum(step.packs for step in one.steps[:count]) for count, one in chosen}
        if fits(given_proposals, packs, limits):
            best = max(best, sum(sum(step.value_cents for step in one.steps[:count]) for count, one in chosen))
    return best


def value_of(given_proposals: Sequence[Proposal], order: LaneOrder) -> float:
    total = 0.0
    for one in given_proposals:
        left = order.packs[one.command_id]
        for step in one.steps:
            if left < step.packs:
                break
            left -= step.packs
            total += step.value_cents
        assert left == 0, "packs that are no whole steps"
    return total


@given(proposals(), any_limits)
def test_a_round_keeps_every_limit_and_is_no_further_from_the_best_than_it_says(
    found: list[Proposal], limits: LaneLimits
) -> None:
    order = decide_lane(found, limits)
    assert fits(found, dict(order.packs), limits)
    assert abs(value_of(found, order) - order.value_cents) < 1e-6
    best = best_value(found, limits)
    assert order.value_cents <= best + 1e-6
    assert best <= order.value_cents + order.gap_cents + 1e-6


@given(proposals(), st.integers(1, 25))
def test_under_one_limit_no_more_than_one_step_is_lost(found: list[Proposal], units: int) -> None:
    limits = LaneLimits(truck_units=units)
    order = decide_lane(found, limits)
    greatest = max(step.value_cents for one in found for step in one.steps)
    assert best_value(found, limits) - order.value_cents <= greatest + 1e-6
    assert order.gap_cents <= greatest + 1e-6


@given(proposals(one_size=True), st.integers(1, 14))
def test_packs_of_one_size_under_one_limit_are_chosen_exactly(found: list[Proposal], units: int) -> None:
    limits = LaneLimits(truck_units=units)
    assert abs(best_value(found, limits) - decide_lane(found, limits).value_cents) < 1e-6


@given(proposals(), any_limits, st.randoms(use_true_random=False))
def test_the_order_in_which_proposals_come_changes_nothing(
    found: list[Proposal], limits: LaneLimits, random: Random
) -> None:
    mixed = list(found)
    random.shuffle(mixed)
    assert decide_lane(mixed, limits) == decide_lane(found, limits)


@given(proposals())
def test_where_everything_fits_everything_asked_for_goes_out_and_nothing_else(found: list[Proposal]) -> None:
    order = decide_lane(found, LaneLimits(truck_units=10_000, budget_cents=10**9))
    assert set(order.outcomes.values()) == {LaneOutcome.WHOLE}
    assert order.gap_cents == 0
    assert not order.bound_by


def test_a_tight_truck_takes_what_is_worth_most_for_its_room() -> None:
    dense = a_proposal("b", [50.0, 40.0], units=1)
    bulky = a_proposal("a", [60.0, 55.0], units=4)
    order = decide_lane([dense, bulky], LaneLimits(truck_units=6))
    assert dict(order.packs) == {"a": 1, "b": 2}
    assert dict(order.outcomes) == {"a": LaneOutcome.CUT, "b": LaneOutcome.WHOLE}
    assert order.bound_by == ("units",)


def test_what_is_below_the_minimum_order_is_filled_up_by_worth_for_money_no_further_than_needed() -> None:
    one = a_proposal("a", [90.0, 9.0, 8.0], asked=1)
    two = a_proposal("b", [80.0, 7.0], asked=1)
    order = decide_lane([one, two], LaneLimits(minimum_cents=400))
    assert dict(order.packs) == {"a": 3, "b": 1}
    assert dict(order.outcomes) == {"a": LaneOutcome.FILLED, "b": LaneOutcome.WHOLE}


def test_a_round_that_cannot_reach_its_minimum_waits_whole() -> None:
    order = decide_lane([a_proposal("a", [90.0, 9.0], asked=1)], LaneLimits(minimum_cents=400))
    assert dict(order.packs) == {"a": 0}
    assert set(order.outcomes.values()) == {LaneOutcome.WAITS}
    assert order.bound_by == ("minimum",)


def test_a_truck_that_is_paid_whole_is_filled_and_never_overfilled() -> None:
    one = a_proposal("a", [90.0, *[5.0] * 8], asked=1, units=2)
    order = decide_lane([one], LaneLimits(truck_units=9, fills_truck=True))
    assert dict(order.packs) == {"a": 4}


def test_a_least_order_is_taken_whole_or_not_at_all() -> None:
    one = a_proposal("a", [90.0, 5.0], first=6)
    assert dict(decide_lane([one], LaneLimits(truck_units=5)).packs) == {"a": 0}
    assert dict(decide_lane([one], LaneLimits(truck_units=6)).packs) == {"a": 6}


def test_a_round_of_nothing_is_nothing() -> None:
    assert dict(decide_lane([], LaneLimits(truck_units=5, fills_truck=True)).packs) == {}


def test_of_two_alike_the_lower_id_goes_whoever_came_first() -> None:
    alike = [a_proposal(name, [50.0]) for name in ("b", "a", "c")]
    for found in (alike, alike[::-1]):
        assert dict(decide_lane(found, LaneLimits(truck_units=1)).packs) == {"a": 1, "b": 0, "c": 0}

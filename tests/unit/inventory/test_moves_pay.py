"""A move must pay for itself: nothing is moved between stores whose gain is below what moving costs, hurdle included."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from services.inventory.domain.catalog import Lane
from services.inventory.domain.closing.closing import rules_of
from services.inventory.domain.commands.basis import Exchange
from services.inventory.domain.commands.command import Command, Kind
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.reviewing.review import review
from tests.support.inventory_events import an_item_view, around, at

SELLS = [2, 1, 0, 3, 1, 2, 0, 1, 2, 1]
NOW = at(9.9)
_SLACK_CENTS = 1e-6
WEEKLY = Lane(lane_id="weekly", supplier_id="far", lead_time_hours=26, order_weekdays=((NOW.weekday() + 2) % 7,))


def moves_of(on_hand: Sequence[int], price_cents: int, policy: Policy, *, is_learned: bool) -> Sequence[Command]:
    """What a review moves, on a plan that the day's close made or on the review's own."""
    supplied = replace(around(), policy=policy, lanes=LaneBook.of([WEEKLY]))
    shelves = {f"s{place}": units for place, units in enumerate(on_hand)}
    item = an_item_view(shelves, dict.fromkeys(shelves, SELLS), price_cents=price_cents)
    if is_learned:
        spread = np.full(len(shelves), 0.4)
        (plan,) = review([item], NOW, supplied).plans
        item = replace(item, plan=replace(plan, excess=Spread(day=spread, week=spread)))
    return [command for command in review([item], NOW, supplied).commands if command.kind is Kind.REROUTE]


def hurdle_of(policy: Policy, *, is_learned: bool) -> float:
    return rules_of(policy).hurdle_ratio if is_learned else policy.hurdle_ratio


def drawn(random: Random) -> tuple[Sequence[int], int, Policy]:
    """Shelves of which some are nearly empty, a price, and what moving costs: from hardly anything to more than it can gain."""
    on_hand = [random.choice([random.randint(0, 3), random.randint(4, 60)]) for _ in range(random.randint(2, 7))]
    policy = Policy(transfer_line_cents=random.randint(1, 300), transfer_unit_cents=random.randint(0, 120))
    return on_hand, random.randint(200, 4_000), policy


@pytest.mark.parametrize("is_learned", [False, True])
def test_no_move_gains_less_than_its_cost_times_the_hurdle(*, is_learned: bool) -> None:
    random, moved = Random(1), 0
    for _ in range(150):
        on_hand, price_cents, policy = drawn(random)
        moves = moves_of(on_hand, price_cents, policy, is_learned=is_learned)
        moved += len(moves)
        check(moves, price_cents, policy, is_learned=is_learned)
    assert moved > 100


def check(moves: Sequence[Command], price_cents: int, policy: Policy, *, is_learned: bool) -> None:
    for move in moves:
        one = move.basis
        assert isinstance(one, Exchange)
        cost = policy.transfer_line_cents + policy.transfer_unit_cents * one.units
        gain = one.saved_cents - one.donor_loss_cents
        hurdle = hurdle_of(policy, is_learned=is_learned)
        assert move.quantity_milli == 1000 * one.units
        assert one.cost_cents == cost
        assert one.hurdle_ratio == hurdle
        assert gain > cost
        assert gain - one.hold_cents >= hurdle * cost - _SLACK_CENTS
        most = one.units * policy.margin_cents(price_cents, None)
        assert one.donor_loss_cents >= -_SLACK_CENTS, "giving spares nobody a loss"
        assert one.saved_cents <= most + _SLACK_CENTS, "no unit saves more than its own margin"
        assert most + abs(one.hold_cents) >= hurdle * cost


def test_what_is_moved_while_moving_is_cheap_stays_where_it_is_when_moving_costs_more_than_it_gains() -> None:
    for is_learned in (False, True):
        cheap = Policy(transfer_line_cents=10, transfer_unit_cents=1)
        moves = moves_of([0, 60, 55], 900, cheap, is_learned=is_learned)
        assert moves, "cheap moves pay"
        gains = []
        for move in moves:
            assert isinstance(move.basis, Exchange)
            gains.append(move.basis.saved_cents - move.basis.donor_loss_cents - move.basis.hold_cents)
        hurdle = hurdle_of(cheap, is_learned=is_learned)
        dear = Policy(transfer_line_cents=round(max(gains) / hurdle * 1.02) + 1, transfer_unit_cents=0)
        assert not moves_of([0, 60, 55], 900, dear, is_learned=is_learned)

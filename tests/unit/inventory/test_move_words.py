"""Why so many pieces move: the words tell the time that was weighed, what is asked for in it, what covers it, and each piece's worth."""

from dataclasses import replace
from decimal import Decimal
from random import Random

import msgspec
import numpy as np
import pytest

from services.inventory.domain.commands.basis import Exchange, Lasting
from services.inventory.domain.commands.command import Command, Kind, Status
from services.inventory.domain.commands.explanation import explain
from services.inventory.domain.distribution import chance_within
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.reviewing.review import review
from services.inventory.domain.stock.shelves import day_of
from tests.support.explained import calculated
from tests.support.inventory_events import an_item_view, around, at
from tests.unit.inventory.test_moves_pay import NOW, SELLS, WEEKLY, drawn, moves_of

_NEW = {"getter", "giver", "first_chance", "last_chance", "piece_cents", "unit_cents"}


def weighed(move: Command) -> tuple[Exchange, Lasting, Lasting]:
    one = move.basis
    assert isinstance(one, Exchange)
    assert one.getter is not None
    assert one.giver is not None
    return one, one.getter, one.giver


def shown(value: float, digits: int) -> Decimal:
    return Decimal(f"{value:.{digits}f}")


@pytest.mark.parametrize("is_learned", [False, True])
def test_the_words_tell_the_figures_that_the_quantity_was_decided_on(*, is_learned: bool) -> None:
    random, moved = Random(2), 0
    for _ in range(60):
        on_hand, price_cents, policy = drawn(random)
        for move in moves_of(on_hand, price_cents, policy, is_learned=is_learned):
            moved += 1
            one, getter, giver = weighed(move)
            said = calculated(move.explanation)
            assert said["wanted" if is_learned else "gap"] == shown(getter.asked_units, 1)
            assert (said["spread"], said["has"]) == (shown(getter.spread_units, 1), Decimal(getter.have_units))
            assert (said["kept_for"], said["giver_has"]) == (shown(giver.asked_units, 1), Decimal(giver.have_units))
            assert said["first"] == shown(100 * one.first_chance, 1)
            assert said["each"] == shown(policy.margin_cents(price_cents, None) / 100, 2)
            assert said.get("further", 0) == (shown(policy.transfer_unit_cents / 100, 2) if one.units > 1 else 0)
            assert one.first_chance >= one.last_chance > 0
            worth = one.piece_cents * one.units
            assert one.last_chance * worth - 1e-6 <= one.saved_cents <= one.first_chance * worth + 1e-6
    assert moved > 30


def test_one_or_two_pieces_are_worth_their_chances() -> None:
    random, moved = Random(3), 0
    for _ in range(150):
        on_hand, price_cents, policy = drawn(random)
        for is_learned in (False, True):
            for move in moves_of(on_hand, price_cents, policy, is_learned=is_learned):
                one, _, _ = weighed(move)
                if one.units <= 2:
                    chances = one.first_chance + one.last_chance * (one.units - 1)
                    assert one.saved_cents == pytest.approx(one.piece_cents * chances, rel=1e-6)
                    moved += 1
    assert moved > 5


@pytest.mark.parametrize("is_learned", [False, True])
def test_the_chance_told_is_that_of_the_demand_told_to_exceed_what_is_told_to_be_there(*, is_learned: bool) -> None:
    random, moved = Random(4), 0
    for _ in range(40):
        on_hand, price_cents, policy = drawn(random)
        for move in moves_of(on_hand, price_cents, policy, is_learned=is_learned):
            one, getter, _ = weighed(move)
            demand = np.array([getter.asked_units]), np.array([getter.spread_units**2])
            for more, chance in ((0, one.first_chance), (one.units - 1, one.last_chance)):
                within = chance_within(*demand, np.array([getter.have_units + more]))
                assert chance == pytest.approx(1 - float(within[0]), abs=0.002)
            moved += 1
    assert moved > 20


@pytest.mark.parametrize("is_learned", [False, True])
def test_of_the_giver_its_own_demand_is_told_and_what_other_moves_leave_it(*, is_learned: bool) -> None:
    moves = moves_of([0, 60, 1], 3_000, Policy(), is_learned=is_learned)
    left = 60
    for move in sorted(moves, key=lambda one: -weighed(one)[2].have_units):
        one, getter, giver = weighed(move)
        assert giver.have_units == left
        assert giver.asked_units / giver.days == pytest.approx(1.0, abs=0.1)
        assert is_learned == (giver.days == getter.days)
        left -= one.units
    assert left < 60 - weighed(moves[0])[0].units, "two were given by one"


def test_a_giver_that_sells_three_times_as_much_is_told_to_be_asked_for_that() -> None:
    for is_learned in (False, True):
        item = an_item_view({"s0": 0, "s1": 90}, {"s0": SELLS, "s1": [3 * units for units in SELLS]}, price_cents=3_000)
        supplied = replace(around(), lanes=LaneBook.of([WEEKLY]))
        (plan,) = review([item], NOW, supplied).plans
        if is_learned:
            item = replace(item, plan=replace(plan, excess=Spread(day=np.full(2, 0.4), week=np.full(2, 0.4))))
        (move,) = [one for one in review([item], NOW, supplied).commands if one.kind is Kind.REROUTE]
        _, getter, giver = weighed(move)
        assert giver.asked_units == pytest.approx(plan.rate[1] * giver.days)
        assert getter.asked_units == pytest.approx(plan.rate[0] * getter.days)


def test_what_is_on_its_way_is_told_with_the_day_on_which_it_comes() -> None:
    (move, *_) = moves_of([0, 60], 3_000, Policy(), is_learned=True)
    one, getter, _ = weighed(move)
    day = getter.until_day
    assert day is not None
    later = replace(getter, more_units=1, more_day=day - 1, sooner_units=1.25)
    words = explain(replace(one, coming_units=1, getter=later))
    assert "0 are there, and 1 more comes on Friday 14 March, until when 1.2 are asked for. The first" in words
    calculated(words)
    words = explain(replace(one, coming_units=2, getter=replace(getter, have_units=2)))
    assert "2 are there, 2 of it still to come. The first" in words
    assert "when what is on its way comes" in explain(replace(one, getter=replace(getter, more_day=day)))


def test_a_basis_of_a_former_release_is_read_and_told_as_it_was() -> None:
    (move, *_) = moves_of([0, 60], 3_000, Policy(), is_learned=True)
    stored = {name: value for name, value in msgspec.to_builtins(move.basis).items() if name not in _NEW}
    former = msgspec.convert(stored, Exchange, strict=False)
    assert former.getter is None
    assert "ahead of its next supply, and " in explain(former)
    calculated(explain(former))
    assert msgspec.convert(msgspec.to_builtins(move.basis), Exchange, strict=False) == move.basis


def test_an_order_on_its_way_is_weighed_as_it_is_told() -> None:
    item = an_item_view({"s0": 0, "s1": 60}, dict.fromkeys(("s0", "s1"), SELLS), price_cents=3_000)
    found = review([replace(item, on_hand_milli=np.zeros(2, dtype=np.int64))], NOW, around())
    order = next(one for one in found.commands if one.store_id == "s0")
    coming = replace(order, quantity_milli=2_000, status=Status.ACKNOWLEDGED, expected_at=at(11.3))
    supplied = replace(around(), lanes=LaneBook.of([WEEKLY]))
    (plan,) = review([item], NOW, supplied).plans
    spread = np.full(2, 0.4)
    item = replace(item, plan=replace(plan, excess=Spread(day=spread, week=spread)), commands=[coming])
    (move,) = [one for one in review([item], NOW, supplied).commands if one.kind is Kind.REROUTE]
    one, getter, _ = weighed(move)
    assert (one.coming_units, getter.have_units, getter.more_units) == (2, 0, 2)
    assert getter.more_day == day_of(at(11.3)) < (getter.until_day or 0)
    said = calculated(move.explanation)
    assert (said["more"], said["sooner"]) == (Decimal(2), shown(getter.sooner_units, 1))
    assert getter.sooner_units < getter.asked_units
    (alone,) = [one for one in review([replace(item, commands=[])], NOW, supplied).commands if one.kind is Kind.REROUTE]
    assert weighed(alone)[1].until_day == getter.until_day, "what comes before does not change when an order could"

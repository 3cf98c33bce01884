"""What ends is not counted on: expected waste against trying everything, orders and transfers that know it, and words that say it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain.catalog import ShelfFacts
from services.inventory.domain.commands.basis import Exchange, Need
from services.inventory.domain.commands.changes import What
from services.inventory.domain.commands.command import Command, Kind, Status
from services.inventory.domain.ordering.perishing import Balance
from services.inventory.domain.planning.availability import Availability
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.planning.spoilage import Laid, wasted
from services.inventory.domain.policies.classes import ItemClass, Manual, MinMax, PolicyBook
from services.inventory.domain.reviewing.review import Outcome, review
from services.inventory.domain.stock.lots import NEVER
from services.inventory.domain.stock.shelves import ItemView, day_of, start_of
from services.inventory.domain.transfers.surplus import less, more
from tests.support.inventory_events import START, an_item_view, around, at

NOW = at(9.9)
TODAY = day_of(NOW)
SELLS = [2, 1, 0, 3, 1, 2, 0, 1, 2, 1]
Ladders = Mapping[str, Sequence[tuple[int, int]]]


def aged(
    ladders: Ladders,
    *,
    life: int = 6,
    price_cents: int = 800,
    pack: int = 1,
    sells: Mapping[str, Sequence[int]] | None = None,
) -> ItemView:
    """An item whose shelves hold so many units until so many days from now."""
    on_hand = {store: sum(units for _, units in rungs) for store, rungs in ladders.items()}
    item = an_item_view(on_hand, sells or dict.fromkeys(on_hand, SELLS), price_cents=price_cents, pack=pack)
    rungs = [tuple((TODAY + ahead, units * 1000) for ahead, units in ladders[store]) for store in sorted(ladders)]
    return replace(item, facts=replace(item.facts, shelf_life_days=life), ladder=rungs)


def ordered(item: ItemView, book: PolicyBook | None = None) -> int:
    outcome = review([item], NOW, replace(around(), book=book or PolicyBook()))
    return sum(one.quantity_milli for one in outcome.commands if one.kind is Kind.REORDER) // 1000


def moves(outcome: Outcome) -> list[Command]:
    return [one for one in outcome.commands if one.kind is Kind.REROUTE]


# ---- expected waste


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=3, unique_by=lambda rung: rung[0]),
    st.lists(st.integers(0, 4), min_size=2, max_size=3),
)
def test_what_ends_unsold_is_the_greatest_of_what_each_day_leaves(
    found: list[tuple[int, int]], sizes: list[int]
) -> None:
    """W = max (S_j - D_j)+ against selling unit by unit, the oldest first, for every course of four days."""
    rungs = sorted(found)
    for course in product(sizes, repeat=4):
        lots, thrown = dict(rungs), 0
        for day, asked in enumerate(course):
            wanted = asked
            for last in sorted(lots):
                sold = min(lots[last], wanted) if last >= day else 0
                lots[last] -= sold
                wanted -= sold
            thrown += lots.pop(day, 0)
        stock, formula = 0, 0
        for last, units in rungs:
            stock += units
            formula = max(formula, stock - sum(course[: last + 1]))
        assert thrown == formula


def test_expected_waste_is_nothing_without_lots_rises_with_stock_and_falls_with_time() -> None:
    (plan,) = review([aged({"s1": [(2, 3)]})], NOW, around()).plans

    def waste(*rungs: tuple[int, int]) -> float:
        found, _ = wasted([Laid(0, tuple((TODAY + ahead, units * 1000) for ahead, units in rungs))], plan, NOW)
        return float(found[0])

    assert waste() == 0
    assert waste((0, 5)) > 4.5
    assert waste((2, 12)) > waste((2, 6)) > waste((5, 6)) > 0
    assert waste((2, 6), (9, 1)) == waste((2, 6))
    assert waste((2, 3), (3, 9)) > waste((3, 12)) - 1e-9


def test_ladders_are_worked_out_the_same_alone_and_side_by_side() -> None:
    (plan,) = review([aged({"s1": [(2, 3)], "s2": [(1, 4)]})], NOW, around()).plans
    laid = [Laid(0, ((TODAY + 2, 7_000),)), Laid(1, ()), Laid(1, ((TODAY, 2_000), (TODAY + 4, 9_000)))]
    together = wasted(laid, plan, NOW)
    for place, one in enumerate(laid):
        alone = wasted([one], plan, NOW)
        assert (alone[0][0], alone[1][0]) == (together[0][place], together[1][place])


# ---- what has ended, and orders


def test_what_has_ended_is_neither_promised_nor_counted_on() -> None:
    item = aged({"s1": [(-1, 30)], "s2": [(6, 30)]})
    outcome = review([item], NOW, around(Policy(reroute=False)))
    assert {one.store_id: one.status for one in outcome.availability}["s1"] in {Availability.NONE, Availability.LOW}
    assert {one.store_id for one in outcome.commands} == {"s1"}
    assert ordered(aged({"s1": [(-1, 30)]})) == ordered(aged({"s1": []}))


def test_what_ends_before_the_next_order_can_come_is_ordered_anew_and_the_words_say_so() -> None:
    long, short = aged({"s1": [(30, 9)]}, life=40), aged({"s1": [(0, 6), (30, 3)]}, life=40)
    assert ordered(short) > ordered(long)
    (command,) = review([short], NOW, around()).commands
    need = command.basis
    assert isinstance(need, Need)
    day = start_of(TODAY).strftime("%A")
    assert f"6 of 9 here end on {day}" in command.explanation
    assert need.spoiling_milli >= 5_000
    assert need.position_milli == 9_000 - need.spoiling_milli
    assert f": {need.position_milli // 1000} in all." in command.explanation


def test_the_words_tell_what_has_ended() -> None:
    (command,) = review([aged({"s1": [(-2, 4)]})], NOW, around()).commands
    assert "4 here, 4 of it past its last day" in command.explanation


def test_nothing_changes_for_an_item_that_does_not_spoil() -> None:
    plain = an_item_view({"s1": 3, "s2": 40}, dict.fromkeys(["s1", "s2"], SELLS))
    never = replace(plain, ladder=[((NEVER, 3_000),), ((NEVER, 40_000),)])
    assert review([never], NOW, around()).commands == review([plain], NOW, around()).commands


@given(st.integers(1, 8), st.integers(0, 12), st.sampled_from([1, 3, 8]))
@settings(max_examples=25, deadline=None)
def test_a_shorter_life_never_orders_more(life: int, here: int, pack: int) -> None:
    shelf = {"s1": [(life, here)] if here else []}
    assert ordered(aged(shelf, life=life, pack=pack)) <= ordered(aged(shelf, life=life + 1, pack=pack)) + pack


def test_a_pack_that_would_mostly_be_wasted_is_not_ordered_and_the_words_say_why() -> None:
    assert ordered(aged({"s1": []}, life=40, pack=24)) == 24
    assert ordered(aged({"s1": []}, life=1, pack=24)) == 0
    (command,) = review([aged({"s1": []}, life=3, pack=2)], NOW, around()).commands
    assert "a pack more would waste more than it saves" in command.explanation


def test_what_the_chain_stated_is_kept() -> None:
    stated = PolicyBook(classes=(ItemClass(name="c", policy=MinMax(min_units=20, max_units=30)),))
    assert ordered(aged({"s1": []}, life=1), stated) == 30


def balance(missed: float, wasted_cents: float) -> Balance:
    return Balance(
        until_next=(4.0, 6.0),
        until_last=(7.0, 12.0),
        until_later=(8.0, 14.0),
        missed_cents=missed,
        wasted_cents=wasted_cents,
        held_cents=2.0,
    )


@given(st.integers(1, 900), st.integers(0, 900), st.integers(0, 12))
def test_fewer_are_worth_having_the_more_there_are_and_the_dearer_waste_is(
    missed: int, wasted_cents: int, here: int
) -> None:
    chosen = balance(missed, wasted_cents).packs_worth(here, 40, 1)
    assert max(chosen - 1, 0) <= balance(missed, wasted_cents).packs_worth(here + 1, 40, 1) <= chosen
    assert balance(missed, wasted_cents + 50).packs_worth(here, 40, 1) <= chosen
    assert balance(missed + 50, wasted_cents).packs_worth(here, 40, 1) >= chosen


def long_run(level: int, rate: float, life: int, lead: int, *, missed: int, wasted_cents: int, held: float) -> float:
    """Cost of a day under one order-up-to level: a piece may be sold on the day it comes and `life` days more, the oldest first."""
    random = np.random.default_rng(11)
    lots, coming, cost = [0] * (life + 1), [0] * lead, 0.0
    for asked in random.poisson(rate, 6_000):
        lots[life] += coming.pop(0)
        wanted = int(asked)
        for age in range(life + 1):
            sold = min(lots[age], wanted)
            lots[age] -= sold
            wanted -= sold
        cost += missed * wanted + wasted_cents * lots[0] + held * sum(lots)
        lots = [*lots[1:], 0]
        coming.append(max(level - sum(lots) - sum(coming), 0))
    return cost / 6_000


@pytest.mark.parametrize(
    ("life", "lead", "wasted_cents"), [(0, 1, 200), (0, 1, 500), (1, 2, 300), (2, 2, 400), (4, 3, 400)]
)
def test_the_chosen_level_costs_little_more_than_the_best_in_the_long_run(
    life: int, lead: int, wasted_cents: int
) -> None:
    rate, costs = 4.0, {"missed": 400, "wasted_cents": wasted_cents, "held": 4.0}
    horizons = [(rate * days, rate * days * 1.06) for days in (lead, lead + life, lead + life + 1)]
    one = Balance(
        until_next=horizons[0], until_last=horizons[1], until_later=horizons[2], missed_cents=400,
        wasted_cents=wasted_cents, held_cents=4.0,
    )  # fmt: skip
    chosen = one.packs_worth(0, 60, 1)
    by_level = {level: long_run(level, rate, life, lead, **costs) for level in range(1, 25)}  # type: ignore[arg-type]  # mixed numbers
    assert by_level[chosen] <= 1.1 * min(by_level.values())


# ---- transfers and surplus

QUICK = {"s1": [8] * 10, "s2": [0, 1] * 5}


def test_surplus_moves_to_where_it_will_be_sold_and_the_words_say_so() -> None:
    item = aged({"s1": [(6, 14)], "s2": [(3, 12)]}, sells=QUICK, price_cents=900)
    (move,) = moves(review([item], NOW, around()))
    assert (move.from_store_id, move.store_id) == ("s2", "s1")
    exchange = move.basis
    assert isinstance(exchange, Exchange)
    assert exchange.last_day == TODAY + 3
    assert exchange.saved_cents > exchange.hurdle_ratio * exchange.cost_cents
    assert "fewer end unsold in both stores together" in move.explanation
    assert "the oldest that may be sold until" in move.explanation


def test_no_surplus_moves_to_where_it_would_spoil_too_nor_away_from_a_person_nor_without_reroutes() -> None:
    idle = aged({"s1": [(3, 30)], "s2": [(3, 9)]}, sells={"s1": [0, 1] * 5, "s2": [0, 1] * 5}, price_cents=900)
    assert moves(review([idle], NOW, around())) == []
    item = aged({"s1": [(6, 14)], "s2": [(3, 12)]}, sells=QUICK, price_cents=900)
    assert moves(review([item], NOW, around(Policy(reroute=False)))) == []
    by_hand = PolicyBook(classes=(ItemClass(name="c", policy=Manual()),))
    assert moves(review([item], NOW, replace(around(), book=by_hand))) == []


def test_no_surplus_moves_to_where_younger_goods_would_spoil_instead() -> None:
    item = aged({"s1": [(8, 40)], "s2": [(3, 12)]}, sells=QUICK, price_cents=900)
    outcome = review([item], NOW, around())
    assert [one.store_id for one in outcome.availability if one.surplus_milli] == ["s2"]
    assert moves(outcome) == []


def test_surplus_keeps_to_the_room_of_its_receiver() -> None:
    item = aged({"s1": [(6, 14)], "s2": [(3, 12)]}, sells=QUICK, price_cents=900)
    (tight,) = moves(review([replace(item, shelf_facts={"s1": ShelfFacts(capacity_milli=16_000)})], NOW, around()))
    assert tight.quantity_milli == 2_000
    full = replace(item, shelf_facts={"s1": ShelfFacts(capacity_milli=14_000)})
    assert moves(review([full], NOW, around())) == []


@given(st.integers(-1, 4), st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_nothing_moves_that_would_end_on_the_way(ahead: int, units: int) -> None:
    arrives = day_of(NOW + (start_of(1) - start_of(0))) - TODAY
    needy = aged({"s1": [], "s2": [(ahead, units)]}, price_cents=9_000)
    surplus = aged({"s1": [(6, 14)], "s2": [(ahead, units)]}, sells=QUICK, price_cents=900)
    for item in (needy, surplus):
        for move in (one for one in moves(review([item], NOW, around())) if one.from_store_id == "s2"):
            assert ahead > arrives
            assert move.quantity_milli <= units * 1000


def test_only_what_lasts_is_given_to_a_store_in_need() -> None:
    item = aged({"s1": [], "s2": [(1, 20), (9, 17)]}, price_cents=9_000, life=12)
    given_away = sum(move.quantity_milli for move in moves(review([item], NOW, around())))
    assert 0 < given_away <= 17_000


def test_a_ladder_less_what_leaves_and_more_what_comes() -> None:
    rungs = ((TODAY, 3_000), (TODAY + 2, 4_000), (TODAY + 5, 5_000))
    assert less(rungs, 6_000, TODAY + 1) == ((TODAY, 3_000), (TODAY + 2, 0), (TODAY + 5, 3_000))
    assert more(rungs, 0, TODAY) == rungs
    assert sum(milli for _, milli in more(rungs, 2_000, TODAY + 3)) == 14_000


# ---- what offers is told


def test_offers_is_told_of_surplus_when_it_begins_with_each_day_and_when_it_ends() -> None:
    item = aged({"s1": [(3, 12)]})
    first = review([item], NOW, around())
    (told,) = first.availability
    assert (told.status, told.surplus_day) == (Availability.PLENTY, TODAY + 3)
    assert 0 < told.surplus_milli < 12_000
    (plan,) = first.plans
    known = replace(item, plan=plan)
    assert review([known], NOW, around()).availability == []
    (again,) = review([known], at(10.9), around()).availability
    assert again.surplus_day == TODAY + 3
    gone = replace(known, on_hand_milli=item.on_hand_milli * 0 + 12_000, ladder=[((TODAY + 30, 12_000),)])
    (ended,) = review([gone], NOW, around()).availability
    assert (ended.surplus_milli, ended.surplus_day) == (0, 0)


# ---- no room


def cramped() -> ItemView:
    """Six are left of ten, eight should be there, and a pack is six."""
    item = an_item_view({"s1": 2}, {"s1": [9] * 10}, pack=12, price_cents=2_000)
    return replace(item, shelf_facts={"s1": ShelfFacts(capacity_milli=13_000)})


def test_a_shelf_without_room_for_an_order_is_told_to_a_person_once_and_orders_nothing() -> None:
    outcome = review([cramped()], NOW, around())
    assert outcome.commands == []
    (alarm,) = outcome.waiting
    assert (alarm.what, alarm.command.alarm, alarm.sends) == (What.ESCALATED, "no-room", False)
    assert alarm.command.status is Status.CANCELLED
    assert "the shelf holds 13, 2 are here or coming, the least order is 12" in str(alarm.reason)
    (plan,) = outcome.plans
    again = replace(cramped(), plan=plan, commands=[alarm.command])
    assert review([again], NOW, around()).waiting == []
    assert review([replace(again, commands=[replace(alarm.command, alarm=None)])], NOW, around()).waiting == []


def test_as_soon_as_a_pack_fits_it_is_ordered_whatever_was_told_before() -> None:
    first = review([cramped()], NOW, around())
    (alarm,) = first.waiting
    sold = replace(
        cramped(), plan=first.plans[0], commands=[alarm.command], on_hand_milli=np.array([1_000], dtype=np.int64)
    )
    (order,) = review([sold], NOW, around()).commands
    assert order.packs == 1
    assert order.needed_at > START


def test_an_order_of_very_many_packs_is_weighed_as_far_as_demand_reaches() -> None:
    shelf = balance(300.0, 200.0)
    chosen = shelf.packs_worth(0, 40, 1)
    assert 0 < chosen < 40
    assert shelf.packs_worth(0, 10**9, 1) == chosen
    assert shelf.packs_worth(0, 10**9, 6) == shelf.packs_worth(0, 40, 6)
    assert shelf.packs_worth(10**6, 10**9, 1) == 0
    assert shelf.packs_worth(0, 3, 10**9) == 3  # one pack is more than can be weighed

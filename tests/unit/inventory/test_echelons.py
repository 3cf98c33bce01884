"""Laws of depots: stores first, then depots for what stores will ask; nothing is promised that is not there, and nothing asked twice."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.commands.basis import DepotNeed
from services.inventory.domain.commands.command import Command, Kind, Status, moved
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.policies.classes import PolicyBook
from services.inventory.domain.reviewing.review import Outcome, review
from services.inventory.domain.stock.shelves import ItemView
from tests.support.depot_chains import NOW, an_item_in_depots, around_depots, decided, from_depot, from_supplier
from tests.support.inventory_events import an_item_view, at

CHAIN = around_depots(from_depot("d1"), from_supplier("d1"))


def after(item: ItemView, outcome: Outcome) -> ItemView:
    known = {command.command_id: command for command in (*item.commands, *outcome.expired, *outcome.commands)}
    plans = {plan.item_id: plan for plan in outcome.plans}
    commands = [known[command_id] for command_id in sorted(known)]
    return replace(item, commands=commands, plan=plans.get(item.facts.item_id, item.plan))


def of_stores(commands: Sequence[Command]) -> list[Command]:
    return [one for one in commands if one.store_id.startswith("s")]


def of_depot(commands: Sequence[Command], depot_id: str = "d1") -> Command | None:
    return next((one for one in commands if one.store_id == depot_id), None)


stocks = st.dictionaries(st.sampled_from(["s1", "s2", "s3", "s4"]), st.integers(-2, 30), min_size=1)


@given(stocks, st.integers(-2, 60), st.integers(1, 6))
def test_a_depot_promises_no_more_than_it_has(on_hand: dict[str, int], held: int, pack: int) -> None:
    orders = of_stores(decided(an_item_in_depots(on_hand, {"d1": held}, pack=pack), CHAIN).commands)
    assert all((one.kind, one.from_store_id, one.lane_id) == (Kind.REORDER, "d1", "d1-all") for one in orders)
    assert sum(one.outgoing_milli for one in orders) <= max(held, 0) * 1000
    assert all(one.quantity_milli % (pack * 1000) == 0 for one in orders)


@given(stocks, st.integers(-2, 60), st.integers(1, 6))
def test_a_review_that_runs_again_asks_for_nothing_more(on_hand: dict[str, int], held: int, pack: int) -> None:
    around = around_depots(from_depot("d1"), from_supplier("*", rank=1, lane_id="direct"), from_supplier("d1"))
    item = an_item_in_depots(on_hand, {"d1": held}, pack=pack)
    first = review([item], NOW, around)
    again = review([after(item, first)], NOW, around)
    assert (again.commands, again.expired, again.availability) == ([], [], [])


@given(stocks, st.integers(0, 60))
def test_the_order_in_which_stores_are_named_by_lanes_does_not_matter(on_hand: dict[str, int], held: int) -> None:
    lanes = [from_depot("d1", store_id) for store_id in sorted(on_hand)]
    item = an_item_in_depots(on_hand, {"d1": held})
    one = decided(item, around_depots(*lanes, from_supplier("d1")))
    other = decided(item, around_depots(from_supplier("d1"), *reversed(lanes)))
    assert one.commands == other.commands


def test_a_depot_orders_what_stores_ask_for_in_the_same_run() -> None:
    full = decided(an_item_in_depots({"s1": 60, "s2": 60}, {"d1": 0}), CHAIN)
    short = decided(an_item_in_depots({"s1": 0, "s2": 0}, {"d1": 0}), CHAIN)
    assert full.commands == []
    (order,) = short.commands
    assert (order.store_id, order.lane_id, order.from_store_id) == ("d1", "supplier", None)
    need = order.basis
    assert isinstance(need, DepotNeed)
    assert need.unserved == ("s1", "s2")
    assert order.quantity_milli >= need.unserved_milli > 0
    assert "s1, s2 wait for" in order.explanation
    assert "2 stores sell" in order.explanation


def depot_need(item: ItemView, around: Surroundings) -> DepotNeed:
    order = of_depot(decided(item, around).commands)
    assert order is not None
    assert isinstance(order.basis, DepotNeed)
    return order.basis


def test_a_depots_demand_is_the_sum_over_its_stores_and_so_is_its_variance() -> None:
    item = an_item_in_depots({"s1": 9, "s2": 9}, {"d1": 0})
    both = depot_need(item, CHAIN)
    of_one = around_depots(from_depot("d1", "s1"), from_supplier("*", lane_id="direct"), from_supplier("d1"))
    one = depot_need(item, of_one)
    assert (both.stores, one.stores) == (2, 1)
    assert np.isclose(both.rate, 2 * one.rate)
    assert np.isclose(both.expected_units, 2 * one.expected_units)
    assert np.isclose(both.spread_units**2, 2 * one.spread_units**2)


def test_too_little_is_shared_and_the_words_say_so() -> None:
    outcome = decided(an_item_in_depots({"s1": 0, "s2": 0, "s3": 6}, {"d1": 9}), CHAIN)
    orders = of_stores(outcome.commands)
    assert sum(one.quantity_milli for one in orders) == 9_000
    given_units = {one.store_id: one.quantity_milli for one in orders}
    assert abs(given_units["s1"] - given_units["s2"]) <= 1_000
    assert given_units.get("s3", 0) < given_units["s1"]
    assert all("depot d1 has 9 to give and 2 places ask for" in one.explanation for one in orders)


def test_a_pack_goes_where_it_will_be_missed_by_the_time_more_can_come() -> None:
    item = an_item_in_depots({"s1": 4, "s2": 3}, {"d1": 4})
    fast = an_item_view({"s1": 4, "s2": 3}, {"s1": [7, 8, 6, 7, 8, 7, 6, 7, 8, 7], "s2": [1] * 10})
    orders = of_stores(decided(replace(item, history=fast.history), CHAIN).commands)
    assert {one.store_id: one.quantity_milli for one in orders} == {"s1": 4_000}


def test_a_depot_is_looked_at_though_no_store_is_short() -> None:
    full = an_item_in_depots({"s1": 60}, {"d1": 60})
    first = decided(full, CHAIN)
    assert first.commands == []
    at_trigger = first.plans[0].trigger_milli
    emptied = replace(
        after(full, first), on_hand_milli=at_trigger, depots=an_item_in_depots({"s1": 60}, {"d1": 0}).depots
    )
    (order,) = decided(emptied, CHAIN).commands
    assert order.store_id == "d1"
    assert isinstance(order.basis, DepotNeed)
    assert order.basis.unserved == ()


def test_what_a_depot_cannot_give_is_asked_of_the_next_lane() -> None:
    around = around_depots(from_depot("d1"), from_supplier("*", rank=1, lane_id="direct"), from_supplier("d1"))
    orders = of_stores(decided(an_item_in_depots({"s1": 0}, {"d1": 3}), around).commands)
    assert [(one.lane_id, one.version) for one in orders] == [("d1-all", 1), ("direct", 1)]
    whole = of_stores(decided(an_item_in_depots({"s1": 0}, {"d1": 99}), around).commands)
    assert [one.lane_id for one in whole] == ["d1-all"]
    assert sum(one.quantity_milli for one in orders) >= whole[0].quantity_milli


def test_a_depot_behind_a_depot_sees_its_order_in_the_same_run() -> None:
    around = around_depots(from_depot("d1"), from_depot("main", "d1", hours=48), from_supplier("main", hours=120))
    commands = decided(an_item_in_depots({"s1": 0, "s2": 1}, {"d1": 0, "main": 0}), around).commands
    assert [one.store_id for one in commands] == ["main"]
    stocked = decided(an_item_in_depots({"s1": 0, "s2": 1}, {"d1": 0, "main": 90}), around).commands
    order = of_depot(stocked)
    assert order is not None
    assert (order.from_store_id, order.lane_id) == ("main", "main-d1")


def test_a_depot_that_nobody_tells_the_stock_of_is_a_supplier() -> None:
    (order,) = decided(an_item_in_depots({"s1": 0}, {}), CHAIN).commands
    assert (order.store_id, order.lane_id, order.from_store_id) == ("s1", "d1-all", "d1")


def test_goods_lower_the_depot_once_and_its_promise_with_them() -> None:
    (order,) = of_stores(decided(an_item_in_depots({"s1": 0}, {"d1": 99}), CHAIN).commands)
    asked = order.quantity_milli
    sent = replace(order, status=Status.SENT)
    assert (sent.incoming_milli, sent.outgoing_milli) == (asked, asked)
    shipped = moved(sent, "d1", -asked)
    assert (shipped.status, shipped.incoming_milli, shipped.outgoing_milli) == (Status.SHIPPED, asked, 0)
    there = moved(shipped, "s1", asked)
    assert (there.status, there.incoming_milli, there.outgoing_milli) == (Status.CLOSED, 0, 0)
    unseen = moved(sent, "s1", asked)
    assert (unseen.status, unseen.outgoing_milli) == (Status.CLOSED, 0)


def test_classes_say_whether_they_hold_for_depots() -> None:
    book = PolicyBook.model_validate(
        {
            "classes": [
                {"name": "shelves", "policy": {"kind": "min_max", "min_units": 2, "max_units": 4}},
                {
                    "name": "depots",
                    "matches": {"depots": True},
                    "policy": {"kind": "min_max", "min_units": 40, "max_units": 80},
                },
            ]
        }
    )
    commands = decided(an_item_in_depots({"s1": 1}, {"d1": 30}), replace(CHAIN, book=book)).commands
    assert {one.store_id: one.quantity_milli for one in commands} == {"s1": 3_000, "d1": 53_000}
    turned = PolicyBook(classes=book.classes[::-1])
    assert decided(an_item_in_depots({"s1": 1}, {"d1": 30}), replace(CHAIN, book=turned)).commands == commands
    words = book.model_dump(mode="json")["classes"]
    assert "depots" not in words[0]["matches"]
    assert words[1]["matches"]["depots"] is True


def test_a_depot_waits_for_its_order_day() -> None:
    lane = replace(from_supplier("d1"), order_weekdays=(at(12).weekday(),))
    outcome = decided(an_item_in_depots({"s1": 0}, {"d1": 0}), around_depots(from_depot("d1"), lane))
    assert outcome.commands == []
    assert outcome.look_again["milk"] == at(10.0)


@given(stocks)
def test_an_item_without_depots_is_decided_as_if_there_were_none(on_hand: dict[str, int]) -> None:
    lanes = (from_supplier("*"), from_depot("d9", "elsewhere"))
    with_lanes = decided(an_item_in_depots(on_hand, {}), around_depots(*lanes, policy=Policy()))
    without = decided(an_item_in_depots(on_hand, {}), around_depots(lanes[0], policy=Policy()))
    assert (with_lanes.commands, with_lanes.look_again) == (without.commands, without.look_again)

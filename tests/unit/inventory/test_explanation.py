"""What a command says of itself: every figure in its words is one of its fields, and they calculate to what it asks for."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from services.inventory.domain.catalog import Lane
from services.inventory.domain.commands.basis import Exchange, Need
from services.inventory.domain.commands.command import Command, Kind, Status, proposed
from services.inventory.domain.commands.explanation import explain
from services.inventory.domain.commands.revising import resized
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.reviewing.review import review
from services.inventory.domain.stock.shelves import day_of
from services.inventory.domain.vouchers.lines import VoucherLine
from tests.support.explained import calculated
from tests.support.inventory_events import START, an_item_view, around, at
from tests.unit.inventory.test_review import SELLS, after

STORES = ("s1", "s2", "s3", "s4")
stocks = st.dictionaries(st.sampled_from(STORES), st.integers(-3, 40), min_size=1)


def commands_of(on_hand: dict[str, int], pack: int, vouchers: float) -> list[Command]:
    day = day_of(START) + 9
    lines = [
        VoucherLine(store_id=store, item_id="milk", category=None, first_day=day, last_day=day + 6, units=vouchers)
        for store in on_hand
        if vouchers
    ]
    item = an_item_view(on_hand, dict.fromkeys(on_hand, SELLS), pack=pack, price_cents=2_000)
    return review([item], at(9.9), around(vouchers=lines)).commands


def figure(value: float, digits: int) -> Decimal:
    return Decimal(f"{value:.{digits}f}")


@given(stocks, st.integers(1, 6), st.sampled_from((0.0, 5.0)))
def test_the_figures_of_an_order_are_its_fields_and_come_to_what_it_asks_for(
    on_hand: dict[str, int], pack: int, vouchers: float
) -> None:
    for command in commands_of(on_hand, pack, vouchers):
        need = command.basis
        if not isinstance(need, Need):
            continue
        said = calculated(command.explanation)
        assert {name: said[name] * 1000 for name in ("asked", "here", "coming", "position", "trigger", "up_to")} == {
            "asked": command.quantity_milli,
            "here": need.on_hand_milli,
            "coming": need.coming_milli,
            "position": need.position_milli,
            "trigger": need.trigger_milli,
            "up_to": need.order_up_to_milli,
        }
        assert (said["rate"], said["spread"]) == (figure(need.rate, 2), figure(need.spread_units, 1))
        assert abs(float(said["expected"]) - need.expected_units) <= 0.0501
        assert said["packs"] == command.packs == need.packs
        assert ("on vouchers that customers hold" in command.explanation) == (vouchers > 0)
        assert abs(float(said.get("soon", 0)) - need.soon_missed_units) <= 0.0501
        if "missed" in said:
            assert abs(float(said["missed"]) - need.missed_units) <= 0.0501
            assert said["worth"] == figure(need.missed_cents / 100, 2)


def test_what_is_known_ahead_is_told_line_by_line() -> None:
    command = next(one for one in commands_of({"s1": 0}, 1, 5.0) if isinstance(one.basis, Need))
    need = command.basis
    assert isinstance(need, Need)
    told = explain(replace(need, voucher_units=1.5, promotion_units=2.5))
    assert "(1.5 of it on vouchers that customers hold, 2.5 of it more than usual by promotions)" in told
    assert "by promotions" not in explain(replace(need, promotion_units=0.01))


def test_goods_go_by_their_number_and_by_the_name_that_people_know() -> None:
    stocked = {"s1": 0, "s2": 30}
    item = an_item_view(stocked, dict.fromkeys(stocked, SELLS), pack=1, price_cents=2_000)
    for name, said in (("Whole milk", "of milk (Whole milk) "), ("milk", "of milk "), ("", "of milk ")):
        found = review([replace(item, facts=replace(item.facts, name=name))], at(9.9), around()).commands
        assert {command.kind for command in found} == {Kind.REORDER, Kind.REROUTE}
        assert all(said in command.explanation and said in explain(command.basis) for command in found if command.basis)


@given(stocks)
def test_the_figures_of_a_transfer_are_its_fields_and_pass_the_policy_that_it_states(on_hand: dict[str, int]) -> None:
    for command in commands_of(on_hand, 1, 0.0):
        one = command.basis
        if not isinstance(one, Exchange):
            continue
        said = calculated(command.explanation)
        assert said["asked"] * 1000 == command.quantity_milli
        assert [int(said[name]) for name in ("here", "coming", "there", "stays")] == [
            one.free_units,
            one.coming_units,
            one.donor_free_units,
            one.donor_keep_units,
        ]
        assert (said["rate"], said["gap"]) == (figure(one.rate, 2), figure(one.gap_units, 1))
        assert abs(float(said["gain"]) * 100 - (one.saved_cents - one.donor_loss_cents - one.hold_cents)) <= 1.5


@given(
    st.floats(0, 900),
    st.floats(0, 300),
    st.floats(-200, 200),
    st.floats(35, 400),
    st.sampled_from((1.0, 1.25, 1.35, 2.0)),
)
def test_the_sum_of_a_transfer_comes_out_as_it_is_shown_however_little_it_passes_by(
    more: float, lost: float, held: float, cost: float, hurdle: float
) -> None:
    (move,) = [one.basis for one in commands_of({"s1": 0, "s2": 60}, 1, 0.0) if one.kind is Kind.REROUTE]
    assert isinstance(move, Exchange)
    saved = lost + held + cost * hurdle + more**2 / 900
    assume(saved > 0)
    calculated(
        explain(
            replace(
                move, donor_keep_units=None, saved_cents=saved, donor_loss_cents=lost, hold_cents=held,
                cost_cents=cost, hurdle_ratio=hurdle, getter=None, giver=None,
            )
        )
    )  # fmt: skip


def test_an_order_that_grew_says_what_was_asked_before_and_what_comes_on_top() -> None:
    item = an_item_view({"s1": 0}, {"s1": SELLS}, pack=2)
    first = review([item], at(9.9), around())
    smaller = replace(first.commands[0], quantity_milli=2_000, packs=1, status=Status.SENT)
    (grown,) = review([replace(after(item, first), commands=[smaller])], at(9.9), around()).commands
    assert isinstance(grown.basis, Need)
    assert (grown.basis.asked_milli, grown.basis.asked_version) == (2_000, 1)
    assert grown.basis.quantity_milli == grown.quantity_milli
    assert grown.explanation.startswith(f"Order {grown.quantity_milli // 1000} of milk for store s1, from default: ")
    assert "the 2 of version 1, which this replaces, and" in grown.explanation


def test_a_proposal_that_grew_is_explained_as_a_whole() -> None:
    item = an_item_view({"s1": 0}, {"s1": SELLS}, pack=2)
    first = review([item], at(9.9), around())
    (whole,) = first.commands
    smaller = replace(whole, quantity_milli=2_000, packs=1)
    (grown,) = review([replace(after(item, first), commands=[smaller])], at(9.9), around()).commands
    assert isinstance(grown.basis, Need)
    assert isinstance(whole.basis, Need)
    assert grown.basis.asked_milli == 0
    assert (grown.basis.packs, grown.basis.position_milli) == (whole.basis.packs, whole.basis.position_milli)
    assert abs(grown.basis.missed_cents - whole.basis.missed_cents) < 1


def test_limits_are_said_in_the_order_in_which_they_were_applied() -> None:
    (draft,) = commands_of({"s1": 0}, 2, 0.0)
    cut = resized(proposed(draft, ()), 5, "the truck of Friday is full")
    cut = resized(cut, 6, "the supplier takes no less than 6")
    assert f"changed from {draft.packs} to 5: the truck of Friday is full; changed from 5 to 6: the" in cut.explanation
    assert cut.explanation.startswith("Order 12 of milk for store s1, from default: 6 packs of 2.")
    assert isinstance(cut.basis, Need)
    assert cut.basis.quantity_milli == cut.quantity_milli == 12_000


def test_who_was_asked_before_is_said() -> None:
    (draft,) = commands_of({"s1": 0}, 1, 0.0)
    assert draft.basis is not None
    assert "Asked before, without success: a, b." in explain(replace(draft.basis, refused=("a", "b")))


def test_every_command_says_what_of_which_item_where_and_from_whom() -> None:
    lane = Lane(lane_id="north-daily", supplier_id="dairies-north")
    item = an_item_view({"s1": 0, "s2": 60}, dict.fromkeys(["s1", "s2"], SELLS), price_cents=2_000)
    found = review([item], at(9.9), replace(around(), lanes=LaneBook.of([lane]))).commands
    assert {command.kind for command in found} == set(Kind)
    for command in found:
        words = ["milk", "store s1", "Policy:", "Inputs:", "Forecast:", "Result:", "Without it"]
        words += ["dairies-north", "north-daily"] if command.kind is Kind.REORDER else ["store s2"]
        assert [word for word in words if word not in command.explanation] == []

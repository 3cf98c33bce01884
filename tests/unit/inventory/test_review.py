"""Laws of the review: open commands are netted, a re-run replaces and never adds, batches may be cut anywhere."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.catalog import Lane
from services.inventory.domain.commands.command import Command, Kind, Status
from services.inventory.domain.planning.availability import Availability
from services.inventory.domain.reviewing.review import Outcome, review
from services.inventory.domain.stock.shelves import ItemView
from tests.support.inventory_events import an_item_view, around, at

NOW = at(9.9)
SELLS = [2, 1, 0, 3, 1, 2, 0, 1, 2, 1]


def after(item: ItemView, outcome: Outcome) -> ItemView:
    """The item as the next review loads it, when nothing else has happened."""
    known = {command.command_id: command for command in (*item.commands, *outcome.expired, *outcome.commands)}
    plans = {plan.item_id: plan for plan in outcome.plans}
    commands = [known[command_id] for command_id in sorted(known)]
    return replace(item, commands=commands, plan=plans.get(item.facts.item_id, item.plan))


def position(commands: Sequence[Command], store_id: str) -> int:
    return sum(command.incoming_milli for command in commands if command.store_id == store_id)


stocks = st.dictionaries(st.sampled_from(["s1", "s2", "s3", "s4"]), st.integers(-2, 30), min_size=1)


@given(stocks, st.integers(1, 6))
def test_a_review_that_runs_again_asks_for_nothing_more(on_hand: dict[str, int], pack: int) -> None:
    item = an_item_view(on_hand, dict.fromkeys(on_hand, SELLS), pack=pack)
    first = review([item], NOW, around())
    again = review([after(item, first)], NOW, around())
    assert (again.commands, again.expired, again.availability) == ([], [], [])


@given(stocks)
def test_stock_and_what_is_on_its_way_reach_the_trigger_everywhere(on_hand: dict[str, int]) -> None:
    item = an_item_view(on_hand, dict.fromkeys(on_hand, SELLS))
    outcome = review([item], NOW, around())
    (plan,) = outcome.plans
    for place, store_id in enumerate(plan.store_ids):
        given_away = sum(move.quantity_milli for move in outcome.commands if move.from_store_id == store_id)
        there = max(on_hand[store_id], 0) * 1000 - given_away + position(outcome.commands, store_id)
        assert there >= plan.trigger_milli[place]


@given(stocks)
def test_transfers_move_only_what_is_there(on_hand: dict[str, int]) -> None:
    item = an_item_view(on_hand, dict.fromkeys(on_hand, SELLS), price_cents=9_000)
    moves = [command for command in review([item], NOW, around()).commands if command.kind is Kind.REROUTE]
    for move in moves:
        out = sum(one.quantity_milli for one in moves if one.from_store_id == move.from_store_id)
        assert out <= on_hand[str(move.from_store_id)] * 1000


def test_what_was_promised_to_one_store_is_not_promised_to_another() -> None:
    item = an_item_view({"s1": 0, "s2": 14, "s3": 9}, dict.fromkeys(["s1", "s2", "s3"], SELLS), price_cents=9_000)
    first = review([item], NOW, around())
    (move,) = [command for command in first.commands if command.kind is Kind.REROUTE]
    assert (move.from_store_id, move.store_id) == ("s2", "s1")
    (plan,) = first.plans
    now_empty = replace(after(item, first), on_hand_milli=np.array([0, 14_000, 0], dtype=np.int64))
    second = [one for one in review([now_empty], NOW, around()).commands if one.from_store_id == "s2"]
    promised = move.quantity_milli + sum(one.quantity_milli for one in second)
    assert 14_000 - promised >= plan.trigger_milli[1]


def test_a_need_that_grows_before_it_is_answered_is_asked_for_in_a_higher_version_of_the_same_command() -> None:
    item = an_item_view({"s1": 3}, {"s1": SELLS})
    first = review([item], NOW, around())
    (command,) = first.commands
    smaller = replace(command, quantity_milli=1_000, packs=1)
    (grown,) = review([replace(after(item, first), commands=[smaller])], NOW, around()).commands
    assert (grown.command_id, grown.version) == (command.command_id, command.version + 1)
    assert (grown.quantity_milli, grown.packs) == (command.quantity_milli, command.packs)


def test_what_was_answered_is_not_changed_again_and_a_rejected_need_waits_for_the_next_day() -> None:
    item = an_item_view({"s1": 0}, {"s1": SELLS})
    first = review([item], NOW, around())
    (command,) = first.commands
    no = replace(after(item, first), commands=[replace(command, status=Status.REJECTED)])
    same_day = review([no], NOW, around())
    assert not same_day.commands
    assert same_day.look_again["milk"] == at(10.0)
    (next_day,) = review([no], at(10.1), around()).commands
    assert next_day.command_id != command.command_id


def test_a_command_that_nobody_answers_expires_and_its_need_is_asked_for_anew() -> None:
    item = an_item_view({"s1": 0}, {"s1": SELLS})
    first = review([item], NOW, around())
    (command,) = first.commands
    assert first.look_again["milk"] == command.valid_until
    late = review([after(item, first)], command.valid_until, around())
    assert [(one.command_id, one.status) for one in late.expired] == [(command.command_id, Status.EXPIRED)]
    assert [one.version for one in late.commands] == [1]


@given(st.lists(stocks, min_size=2, max_size=6), st.integers(1, 5))
def test_where_batches_are_cut_does_not_matter(found: list[dict[str, int]], cut: int) -> None:
    items = [
        an_item_view(on_hand, dict.fromkeys(on_hand, SELLS), item_id=f"i{place}") for place, on_hand in enumerate(found)
    ]
    whole = review(items, NOW, around())
    parts = [review(items[:cut], NOW, around()), review(items[cut:], NOW, around())]
    assert whole.commands == [command for part in parts for command in part.commands]
    assert whole.availability == [change for part in parts for change in part.availability]


def test_offers_is_told_when_something_changes_and_only_then() -> None:
    item = an_item_view({"s1": 0, "s2": 30}, {}, price_cents=1)
    first = review([item], NOW, around())
    assert {(one.store_id, one.status) for one in first.availability} == {
        ("s1", Availability.NONE),
        ("s2", Availability.PLENTY),
    }
    sold_out = replace(after(item, first), on_hand_milli=item.on_hand_milli * 0)
    assert [(one.store_id, one.status) for one in review([sold_out], NOW, around()).availability] == [
        ("s2", Availability.NONE)
    ]


def test_an_order_says_policy_inputs_forecast_result_and_what_would_happen_without_it() -> None:
    (command,) = review([an_item_view({"s1": 0}, {"s1": SELLS})], NOW, around()).commands
    for word in ("Policy:", "Inputs:", "Forecast:", "Result:", "Without it"):
        assert word in command.explanation


def test_an_order_that_waits_for_its_weekday_must_last_until_the_one_after_it() -> None:
    weekly = Lane(lane_id="w", supplier_id="s", lead_time_hours=24, order_weekdays=(2,))
    assert weekly.wait_days(0) == 2
    assert weekly.protection_days(0) == 2 + 7 + 1
    assert weekly.arrives_at(at(0.5)) == at(3.5)
    assert Lane(lane_id="d", supplier_id="s", lead_time_hours=48).protection_days(4) == 3

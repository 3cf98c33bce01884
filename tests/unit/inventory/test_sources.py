"""Who is asked next: a no goes to the next lane at once, then to another store, then it is said that nobody is left."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.catalog import Lane
from services.inventory.domain.closing.closing import rules_of
from services.inventory.domain.commands.changes import What
from services.inventory.domain.commands.command import Answer, Command, Kind, Status, answered, proposed, released
from services.inventory.domain.commands.patience import NO_SOURCE
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.reviewing.review import Outcome, review
from services.inventory.domain.stock.shelves import ItemView
from tests.support.inventory_events import an_item_view, around, at
from tests.unit.inventory.test_review import SELLS, after

NOW = at(9.9)
MINUTE = 1 / 1440


def lanes(*found: tuple[str, int], hours: int = 48) -> Surroundings:
    """Lanes by id and rank, of a supplier each, for all stores."""
    book = LaneBook.of(
        Lane(lane_id=name, supplier_id=f"of-{name}", rank=rank, lead_time_hours=hours + place)
        for place, (name, rank) in enumerate(found)
    )
    return replace(around(), lanes=book)


def sent(outcome: Outcome) -> list[Command]:
    return [released(proposed(draft, ()), None, draft.decided_at) for draft in outcome.commands]


def with_answers(item: ItemView, outcome: Outcome, answers: dict[str, str], now: datetime) -> ItemView:
    """The item when its commands were sent, and those whose source is named were answered."""
    known = {command.command_id: command for command in (*after(item, outcome).commands, *sent(outcome))}
    for command in list(known.values()):
        said = answers.get(str(command.source))
        if said is not None and command.status is Status.SENT:
            answer = Answer(command_id=command.command_id, version=command.version, status=said, answered_at=now)
            known[command.command_id] = answered(command, answer)
    return replace(after(item, outcome), commands=[known[name] for name in sorted(known)])


def asked(outcome: Outcome) -> Sequence[tuple[str | None, int]]:
    return [(command.source, command.version) for command in outcome.commands]


def test_lanes_are_asked_most_specific_first_then_by_rank_then_by_id() -> None:
    book = LaneBook.of(
        [
            Lane(lane_id="any", supplier_id="x"),
            Lane(lane_id="b", supplier_id="x", store_id="s1", category="dairy"),
            Lane(lane_id="z", supplier_id="x", store_id="s1", category="dairy", rank=0),
            Lane(lane_id="a", supplier_id="x", store_id="s1", category="dairy", rank=1),
            Lane(lane_id="store", supplier_id="x", store_id="s1"),
            Lane(lane_id="bread", supplier_id="x", category="bread"),
        ]
    )
    assert [lane.lane_id for lane in book.sources("s1", "dairy")] == ["b", "z", "a", "store", "any"]
    assert [lane.lane_id for lane in book.sources("s2", "bread")] == ["bread", "any"]
    for store_id, category in (("s1", "dairy"), ("s2", "bread"), ("s9", "wine")):
        assert book.find(store_id, category) is book.sources(store_id, category)[0]
    assert [lane.lane_id for lane in LaneBook().sources("s1", "dairy")] == ["default"]


def test_a_no_goes_to_the_next_lane_and_that_ones_no_to_the_one_after_it() -> None:
    supplied = lanes(("first", 0), ("second", 1), ("third", 2))
    item = an_item_view({"s1": 0}, {"s1": SELLS})
    outcome = review([item], NOW, supplied)
    assert asked(outcome) == [("first", 1)]
    for round_no, (refusing, expected) in enumerate((("first", "second"), ("second", "third")), 1):
        now = at(9.9 + round_no * MINUTE)
        item = with_answers(item, outcome, {refusing: "rejected"}, now)
        outcome = review([item], now, supplied)
        (command,) = outcome.commands
        assert command.source == expected
        assert refusing in command.refused
        assert f"Asked before, without success: {', '.join(command.refused)}." in command.explanation


def test_the_same_need_on_the_same_day_is_a_higher_version_and_never_a_second_command() -> None:
    supplied = lanes(("first", 0), ("second", 1), hours=24)
    supplied = replace(
        supplied, lanes=LaneBook.of(replace(lane, lead_time_hours=24) for lane in supplied.lanes.sources("s1", ""))
    )
    item = an_item_view({"s1": 0}, {"s1": SELLS})
    first = review([item], NOW, supplied)
    again = review([with_answers(item, first, {"first": "rejected"}, NOW)], at(9.91), supplied)
    assert [(one.command_id, one.version, one.source) for one in again.commands] == [
        (first.commands[0].command_id, 2, "second")
    ]
    late = Answer(command_id=again.commands[0].command_id, version=1, status="acknowledged")
    assert answered(sent(again)[0], late) == sent(again)[0], (
        "what the first supplier says now is about what was replaced"
    )


def test_when_every_lane_has_said_no_another_store_is_asked_for_the_longer_gap() -> None:
    weekly = Lane(lane_id="only", supplier_id="of-only", lead_time_hours=26, order_weekdays=(NOW.weekday(),))
    supplied = replace(around(), lanes=LaneBook.of([weekly]))
    shelves = {"s1": 0, "s2": 60}
    item = an_item_view(shelves, dict.fromkeys(shelves, SELLS), price_cents=300)
    first = review([item], NOW, supplied)
    assert [command.kind for command in first.commands] == [Kind.REORDER], (
        "two hours are not worth a transfer, a week is"
    )
    outcome = review([with_answers(item, first, {"only": "rejected"}, NOW)], at(9.91), supplied)
    assert [(one.kind, one.source, one.store_id) for one in outcome.commands] == [(Kind.REROUTE, "s2", "s1")]


def test_that_nobody_is_left_is_said_once_and_the_first_lane_is_asked_again_on_the_next_day() -> None:
    supplied = lanes(("first", 0), ("second", 1))
    item = an_item_view({"s1": 0}, {"s1": SELLS})
    outcome = review([item], NOW, supplied)
    for name in ("first", "second"):
        item = with_answers(item, outcome, {name: "rejected"}, NOW)
        outcome = review([item], at(9.91), supplied)
    assert outcome.commands == []
    (change,) = outcome.waiting
    assert (change.what, change.command.alarm) == (What.ESCALATED, NO_SOURCE)
    assert change.reason == "nobody is left to supply it today: first, second said no; help comes from no other store"
    item = replace(
        item, commands=[change.command if one.command_id == change.command.command_id else one for one in item.commands]
    )
    again = review([item], at(9.92), supplied)
    assert (again.commands, again.waiting) == ([], [])
    assert again.look_again["milk"] == at(10.0)
    assert asked(review([item], at(10.1), supplied)) == [("first", 1)]


def test_a_store_that_said_no_is_not_asked_for_that_item_again_today_and_another_one_is() -> None:
    shelves = {"s1": 0, "s2": 40, "s3": 30}
    item = an_item_view(shelves, dict.fromkeys(shelves, SELLS), price_cents=9_000)
    first = review([item], NOW, around())
    (move,) = [one for one in first.commands if one.kind is Kind.REROUTE]
    assert move.source == "s2"
    refused = with_answers(item, first, {"s2": "rejected"}, NOW)
    (again,) = [one for one in review([refused], at(9.91), around()).commands if one.kind is Kind.REROUTE]
    assert (again.command_id, again.version, again.source, again.refused) == (move.command_id, 2, "s3", ("s2",))


def learned(item: ItemView, outcome: Outcome) -> ItemView:
    """The item with a plan as a day's close makes it."""
    (plan,) = outcome.plans
    spread = np.full(len(plan.store_ids), 0.5)
    return replace(item, plan=replace(plan, excess=Spread(day=spread, week=spread)))


def test_a_learned_plan_asks_around_refusals_too_and_says_by_which_rule_it_moves() -> None:
    shelves = {"s1": 0, "s2": 60, "s3": 40}
    weekly = Lane(lane_id="only", supplier_id="of-only", lead_time_hours=26, order_weekdays=(NOW.weekday(),))
    supplied = replace(around(), lanes=LaneBook.of([weekly]))
    plain = an_item_view(shelves, dict.fromkeys(shelves, SELLS), price_cents=300)
    item = learned(plain, review([plain], NOW, supplied))
    first = review([item], NOW, supplied)
    assert [command.kind for command in first.commands] == [Kind.REORDER]
    assert "the safety stock that would have cost least on this shelf so far" in first.commands[0].explanation
    item = replace(with_answers(item, first, {"only": "rejected"}, NOW), plan=item.plan)
    (move,) = review([item], at(9.91), supplied).commands
    assert (move.kind, move.source, move.store_id) == (Kind.REROUTE, "s2", "s1")
    assert move.quantity_milli >= 7_000, "enough for the week that is to come without supply"
    hurdle = rules_of(supplied.policy).hurdle_ratio
    assert (
        f"gains at least {hurdle:.2f} times what moving costs; sales that store s2 may then miss are taken off"
        in move.explanation
    )
    said_no = Answer(command_id=move.command_id, version=1, status="rejected", answered_at=at(9.91))
    refused = answered(released(proposed(move, ()), None, at(9.91)), said_no)
    item = replace(item, commands=sorted([*item.commands, refused], key=lambda one: one.command_id))
    (again,) = review([item], at(9.92), supplied).commands
    assert (again.command_id, again.version, again.source) == (move.command_id, 2, "s3")


def test_a_lane_that_stayed_silent_until_it_was_too_late_is_asked_only_when_no_other_is_left() -> None:
    for names, expected in (((("first", 0), ("second", 1)), "second"), ((("first", 0),), "first")):
        supplied = lanes(*names)
        item = an_item_view({"s1": 0}, {"s1": SELLS})
        outcome = review([item], NOW, supplied)
        (command,) = sent(outcome)
        late = review([replace(after(item, outcome), commands=[command])], command.valid_until, supplied)
        assert [one.status for one in late.expired] == [Status.EXPIRED]
        assert [one.source for one in late.commands] == [expected]


@given(st.lists(st.sampled_from(["first", "second", "third"]), unique=True))
def test_whoever_said_no_today_is_not_asked_again_today(refusing: list[str]) -> None:
    supplied = lanes(("first", 0), ("second", 1), ("third", 2))
    item = an_item_view({"s1": 0}, {"s1": SELLS})
    outcome = review([item], NOW, supplied)
    for _ in range(5):
        item = with_answers(item, outcome, dict.fromkeys(refusing, "rejected"), NOW)
        outcome = review([item], at(9.91), supplied)
        said_no = {str(one.source) for one in item.commands if one.status is Status.REJECTED}
        assert not {command.source for command in outcome.commands} & said_no
    open_commands = [one for one in item.commands if one.status.is_open]
    assert len(open_commands) == (0 if len(refusing) == 3 else 1), "one need is never asked of two"

"""The saga's laws: facts in any order, as often as they come, give the same command."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.commands.command import (
    Answer,
    Command,
    Kind,
    Status,
    answered,
    command_id_of,
    expired,
    moved,
)
from services.inventory.domain.commands.revising import enlarged
from tests.support.inventory_events import at

REROUTE = Command(
    command_id="c1",
    version=2,
    kind=Kind.REROUTE,
    item_id="milk",
    store_id="s1",
    from_store_id="s2",
    quantity_milli=4_000,
    decided_at=at(0),
    needed_at=at(1),
    valid_until=at(0.5),
    explanation="because",
)
Step = Callable[[Command], Command]


def says(status: str, *, version: int = 2, quantity_milli: int | None = None) -> Step:
    answer = Answer(command_id="c1", version=version, status=status, quantity_milli=quantity_milli)
    return lambda command: answered(command, answer)


def moves(store_id: str, change_milli: int) -> Step:
    return lambda command: moved(command, store_id, change_milli)


STORY: tuple[Step, ...] = (
    says("amended", quantity_milli=3_000),
    moves("s2", -3_000),
    says("shipped"),
    moves("s1", 3_000),
    says("received", quantity_milli=3_000),
)


def after(steps: tuple[Step, ...]) -> Command:
    command = REROUTE
    for step in steps:
        command = step(command)
    return command


@pytest.mark.parametrize("order", list(permutations(range(len(STORY)))))
def test_any_order_of_answers_and_goods_ends_the_same(order: tuple[int, ...]) -> None:
    found = after(tuple(STORY[place] for place in order))
    assert (found.status, found.shipped_milli, found.received_milli) == (Status.CLOSED, 3_000, 3_000)
    assert (found.incoming_milli, found.outgoing_milli) == (0, 0)


@given(st.lists(st.sampled_from(["acknowledged", "amended", "rejected", "shipped", "received"]), max_size=8))
def test_a_repeated_answer_changes_nothing_and_no_answer_moves_a_command_back(statuses: list[str]) -> None:
    command = REROUTE
    for status in statuses:
        once = says(status)(command)
        assert says(status)(once) == once
        assert once.status >= command.status
        command = once


def test_an_answer_to_a_replaced_version_counts_only_when_goods_have_moved() -> None:
    assert says("rejected", version=1)(REROUTE) == REROUTE
    assert says("acknowledged", version=1)(REROUTE) == REROUTE
    assert says("shipped", version=1)(REROUTE).status is Status.SHIPPED


def test_nothing_comes_of_what_was_rejected_or_has_expired() -> None:
    for ended in (says("rejected")(REROUTE), expired(REROUTE)):
        assert (ended.incoming_milli, ended.outgoing_milli, ended.status.is_open) == (0, 0, False)


def test_goods_that_came_short_are_not_waited_for_once_their_receipt_is_confirmed() -> None:
    short = after((moves("s1", 1_000), says("received", quantity_milli=1_000)))
    assert (short.status, short.incoming_milli) == (Status.CLOSED, 0)
    assert moves("s1", 1_000)(REROUTE).incoming_milli == 3_000


def test_an_unanswered_command_ends_with_its_validity_and_an_answered_one_some_days_after_it_was_due() -> None:
    assert REROUTE.is_overdue(at(0.5))
    confirmed = says("acknowledged")(REROUTE)
    assert not confirmed.is_overdue(at(3.9))
    assert confirmed.is_overdue(at(4.0))


def test_what_is_added_to_an_unanswered_command_replaces_it_by_a_higher_version() -> None:
    more = replace(REROUTE, version=1, quantity_milli=1_000)
    grown = enlarged(REROUTE, more)
    assert (grown.command_id, grown.version, grown.quantity_milli) == ("c1", 3, 5_000)


def test_the_same_need_has_the_same_id_and_another_need_another() -> None:
    day = at(1).date()
    assert command_id_of(Kind.REORDER, "milk", "s1", day) == command_id_of(Kind.REORDER, "milk", "s1", day)
    others = {
        command_id_of(Kind.REROUTE, "milk", "s1", day),
        command_id_of(Kind.REORDER, "milk", "s2", day),
        command_id_of(Kind.REORDER, "milk", "s1", at(2).date()),
        command_id_of(Kind.REORDER, "milk", "s1", day),
    }
    assert len(others) == 4

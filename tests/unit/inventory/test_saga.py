"""The closed table of a command's life: whatever comes, in whatever order, no forbidden state, no quantity lost or made up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.commands.command import (
    APPROVAL,
    Answer,
    Command,
    Hold,
    Kind,
    answered,
    expired,
    moved,
    proposed,
    released,
    sent_again,
    withdrawn,
)
from services.inventory.domain.commands.transitions import STATUSES, TABLE, Status, Step, stepped
from tests.support.inventory_events import at

ASKED_MILLI = 4_000
FOREVER = at(10_000)
DRAFT = Command(
    command_id="c1",
    version=2,
    kind=Kind.REROUTE,
    item_id="milk",
    store_id="s1",
    from_store_id="s2",
    quantity_milli=ASKED_MILLI,
    decided_at=at(0),
    needed_at=at(1),
    valid_until=at(0.5),
    explanation="because",
    status=Status.PROPOSED,
)
HELD = proposed(DRAFT, (Hold(APPROVAL, "much money"), Hold("lane:l1", "waits for the truck")))
SENT = released(proposed(DRAFT, ()), None, at(0))

ALLOWED = {
    "approve": "proposed>approved",
    "send": "approved>sent sent>sent",
    "replace": "proposed>proposed approved>proposed sent>proposed rejected>proposed expired>proposed",
    "withdraw": "proposed>cancelled approved>cancelled sent>cancelled",
    "acknowledged": (
        "sent>acknowledged acknowledged>acknowledged amended>amended rejected>rejected shipped>shipped received>received"
    ),
    "amended": "sent>amended acknowledged>amended amended>amended rejected>rejected shipped>shipped received>received",
    "rejected": (
        "sent>rejected acknowledged>rejected amended>rejected rejected>rejected shipped>shipped received>received"
    ),
    "shipped": (
        "sent>shipped acknowledged>shipped amended>shipped rejected>shipped shipped>shipped received>received "
        "expired>shipped cancelled>shipped"
    ),
    "received": (
        "sent>received acknowledged>received amended>received rejected>received shipped>received received>received "
        "expired>received cancelled>received"
    ),
    "move": (
        "proposed>shipped approved>shipped sent>shipped acknowledged>shipped amended>shipped rejected>shipped "
        "shipped>shipped received>received expired>shipped cancelled>shipped"
    ),
    "settle": (
        "proposed>closed approved>closed sent>closed acknowledged>closed amended>closed rejected>closed shipped>closed "
        "received>closed expired>closed cancelled>closed"
    ),
    "expire": (
        "proposed>expired approved>expired sent>expired acknowledged>expired amended>expired shipped>expired "
        "received>expired"
    ),
}
"""Every transition that there is, written out: what is changed in the table is changed here too, by somebody who thought about it."""


@dataclass(frozen=True)
class Told:
    """Something that happens to a command: its name, and a quantity where it has one."""

    what: str
    milli: int = 0
    version: int = 2

    def to(self, command: Command) -> Command:
        if self.what in ANSWERS:
            answer = Answer(command_id="c1", version=self.version, status=self.what, quantity_milli=self.milli or None)
            return answered(command, answer)
        return _STEPS[self.what](command, self.milli)


def _released(command: Command, _milli: int) -> Command:
    return released(released(command, APPROVAL, at(0.1), approved_by="anna"), "lane:l1", at(0.1))


_STEPS: Mapping[str, Callable[[Command, int], Command]] = {
    "in": lambda command, milli: moved(command, "s1", milli),
    "out": lambda command, milli: moved(command, "s2", -milli),
    "expire": lambda command, _: expired(command) if command.is_overdue(FOREVER) else command,
    "release": _released,
    "withdraw": lambda command, _: withdrawn(command, at(0.1)) or command,
    "again": lambda command, _: sent_again(command, at(0.1)),
}
ANSWERS = ("acknowledged", "amended", "rejected", "shipped", "received")
events = st.lists(
    st.builds(
        Told,
        st.sampled_from((*ANSWERS, "in", "out", "expire", "release", "withdraw", "again")),
        st.integers(1, 6).map(lambda units: units * 1_000),
        st.sampled_from((1, 2, 2, 2)),
    ),
    max_size=12,
)


def test_the_table_of_transitions_is_the_one_that_is_written_out() -> None:
    found = {
        step.value: " ".join(f"{before.word}>{TABLE[step][before].word}" for before in Status if before in TABLE[step])
        for step in Step
    }
    assert found == ALLOWED


@pytest.mark.parametrize("step", list(Step))
def test_nothing_follows_a_closed_command(step: Step) -> None:
    assert stepped(Status.CLOSED, step) is None


def test_the_release_before_knows_every_word_that_it_is_told() -> None:
    known = {"sent", "acknowledged", "amended", "rejected", "shipped", "received", "closed", "expired"}
    assert {status.known_before for status in Status} == known
    assert all(STATUSES[status.known_before].is_open == status.is_open for status in Status)


@given(st.sampled_from((HELD, SENT)), events)
def test_no_sequence_reaches_a_forbidden_state(born: Command, told: Sequence[Told]) -> None:
    command = born
    reachable = {(before, after) for moves in TABLE.values() for before, after in moves.items()}
    chains = reachable | {(a, c) for a, b in reachable for b2, c in reachable if b == b2}
    for one in told:
        after = one.to(command)
        assert after.status is command.status or (command.status, after.status) in chains | {
            (Status.PROPOSED, Status.SENT)
        }
        assert not (after.holds and not after.status.is_waiting), "what was sent is held by nothing"
        assert not (after.status is Status.SENT and after.sent_at is None)
        assert after.outgoing_milli >= 0
        assert after.incoming_milli >= 0
        if not after.status.is_open:
            assert (after.incoming_milli, after.outgoing_milli) == (0, 0)
        if command.status is Status.CLOSED:
            assert after.status is Status.CLOSED
        command = after


@given(st.sampled_from((HELD, SENT)), events)
def test_what_moved_is_counted_once_and_nothing_else_is(born: Command, told: Sequence[Told]) -> None:
    command = born
    for one in told:
        command = one.to(command)
    assert command.received_milli == sum(one.milli for one in told if one.what == "in")
    assert command.shipped_milli == sum(one.milli for one in told if one.what == "out")
    assert command.quantity_milli == ASKED_MILLI
    if command.status.is_open:
        assert command.incoming_milli == max(command.due_milli - command.received_milli, 0)


@given(st.sampled_from((HELD, SENT)), events)
def test_a_repeated_answer_changes_nothing(born: Command, told: Sequence[Told]) -> None:
    command = born
    for one in told:
        command = one.to(command)
        if one.what in ANSWERS:
            assert one.to(command) == command


@given(events)
def test_nobody_outside_can_move_a_proposal_but_by_moving_goods(told: Sequence[Told]) -> None:
    command = HELD
    for one in told:
        if one.what in ANSWERS:
            command = one.to(command)
    assert command == HELD


@given(events)
def test_an_answer_to_a_version_that_was_replaced_says_nothing_of_this_one(told: Sequence[Told]) -> None:
    for one in told:
        if one.what in {"acknowledged", "amended", "rejected"}:
            assert replace(one, version=1).to(SENT) == SENT


def facts_of(received_milli: int, amended_milli: int | None, *, says_received: bool) -> list[Told]:
    """What one delivery says of itself, in the order in which it happens."""
    first = Told("acknowledged") if amended_milli is None else Told("amended", amended_milli)
    story = [first, Told("out", received_milli), Told("shipped"), Told("in", received_milli)]
    return [*story, Told("received", received_milli)] if says_received else story


@given(st.data(), st.sampled_from((1_000, 3_000, 4_000, 6_000)), st.sampled_from((None, 3_000)))
def test_the_facts_of_a_delivery_end_the_same_in_any_order_and_however_often_they_are_told(
    data: st.DataObject, received_milli: int, amended_milli: int | None
) -> None:
    story = facts_of(received_milli, amended_milli, says_received=data.draw(st.booleans()))
    straight = SENT
    for one in story:
        straight = one.to(straight)
    shuffled = SENT
    for one in data.draw(st.permutations(story)):
        shuffled = one.to(shuffled)
        if one.what in ANSWERS:
            shuffled = one.to(shuffled)
    ends = [(one.status.is_open, one.received_milli, one.incoming_milli) for one in (straight, shuffled)]
    assert ends[0] == ends[1]


@given(st.permutations([Told("rejected"), Told("in", 4_000), Told("out", 4_000)]))
def test_goods_that_came_close_a_command_whoever_said_no(told: Sequence[Told]) -> None:
    command = SENT
    for one in told:
        command = one.to(command)
    assert (command.status, command.incoming_milli) == (Status.CLOSED, 0)


@pytest.mark.parametrize("end", ["expire", "withdraw"])
def test_goods_that_left_after_all_are_on_their_way_again(end: str) -> None:
    ended = Told(end).to(SENT)
    assert not ended.status.is_open
    back = Told("shipped").to(ended)
    assert (back.status, back.incoming_milli) == (Status.SHIPPED, ASKED_MILLI)
    assert Told("acknowledged").to(ended) == ended, "a late yes is no yes"


def test_a_proposal_is_sent_when_its_last_hold_is_gone_and_not_before() -> None:
    approved = released(HELD, APPROVAL, at(0.2), approved_by="anna")
    assert (approved.status, approved.holds, approved.approved_by) == (Status.APPROVED, HELD.holds[1:], "anna")
    sent = released(approved, "lane:l1", at(0.3))
    assert (sent.status, sent.sent_at, sent.attempts, sent.approved_by) == (Status.SENT, at(0.3), 1, "anna")
    assert sent.valid_until - at(0.3) == DRAFT.valid_until - DRAFT.decided_at, "its validity begins when it leaves"
    lane_first = released(HELD, "lane:l1", at(0.2))
    assert lane_first.status is Status.PROPOSED
    assert released(lane_first, APPROVAL, at(0.3)).status is Status.SENT


def test_what_was_answered_cannot_be_taken_back() -> None:
    assert withdrawn(SENT, at(0.1)) is not None
    assert withdrawn(Told("acknowledged").to(SENT), at(0.1)) is None

"""Laws of waiting: sent again, then somebody is called, then it ends; the same time always comes to the same."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.commands.changes import Change, What
from services.inventory.domain.commands.command import (
    APPROVAL,
    Answer,
    Command,
    Hold,
    Status,
    answered,
    moved,
    proposed,
)
from services.inventory.domain.commands.patience import Patience, look_again_at, waited_for
from tests.support.inventory_events import at
from tests.unit.inventory.test_saga import DRAFT, HELD, SENT

PATIENCE = Patience(reroute_answer_hours=3, greatest_attempts=2, approval_hours=4, overdue_hours=12)


def lived(command: Command, until: datetime, step: timedelta) -> tuple[Command, list[Change]]:
    """The command as reviews see it every `step`."""
    changes: list[Change] = []
    now = command.decided_at
    while now <= until:
        command, found = waited_for(command, now, PATIENCE)
        changes.extend(found)
        now += step
    return command, changes


def hours(number: float) -> datetime:
    return at(number / 24)


def test_an_unanswered_command_is_sent_again_then_escalated_then_expires() -> None:
    command, changes = lived(SENT, hours(20), timedelta(minutes=30))
    assert [(change.what, change.at) for change in changes] == [
        (What.SENT, hours(3)),
        (What.ESCALATED, hours(6)),
        (What.EXPIRED, hours(12)),
    ]
    assert [change.command.version for change in changes] == [2, 2, 2], "what is sent again asks for nothing more"
    assert [change.command.attempts for change in changes] == [2, 2, 2]
    assert (command.status, command.alarm) == (Status.EXPIRED, None)


def test_an_answer_ends_the_waiting_for_one() -> None:
    yes = answered(SENT, Answer(command_id="c1", version=2, status="acknowledged"))
    _, changes = lived(yes, hours(24), timedelta(hours=1))
    assert changes == []


def test_a_delivery_that_does_not_come_is_escalated_once_and_given_up_days_later() -> None:
    yes = answered(SENT, Answer(command_id="c1", version=2, status="shipped", expected_at=at(2)))
    _, changes = lived(yes, at(6), timedelta(hours=1))
    assert [(change.what, change.at) for change in changes] == [(What.ESCALATED, at(2.5)), (What.EXPIRED, at(5))]
    assert changes[0].command.alarm == "overdue"
    part = moved(yes, "s1", 1_000)
    ended, changes = lived(part, at(6), timedelta(hours=1))
    assert (ended.status, ended.received_milli, changes[-1].reason) == (
        Status.CLOSED,
        1_000,
        "the rest is long overdue",
    )


def test_a_proposal_that_nobody_decides_on_is_escalated_and_lapses() -> None:
    _, changes = lived(HELD, hours(20), timedelta(minutes=30))
    assert [(change.what, change.at) for change in changes] == [(What.ESCALATED, hours(4)), (What.EXPIRED, hours(12))]
    assert changes[1].reason == "nobody released it in time"


def test_nobody_is_called_for_what_only_waits_for_its_lane() -> None:
    held = proposed(DRAFT, (Hold("lane:l1", "waits for the truck"),))
    _, changes = lived(held, hours(11), timedelta(minutes=30))
    assert changes == []
    assert not held.held_by(APPROVAL)


@given(st.integers(5, 600), st.integers(1, 5))
def test_a_review_that_comes_late_or_again_comes_to_the_same_in_the_end(step_minutes: int, repeats: int) -> None:
    command = SENT
    for _ in range(repeats):
        command, changes = waited_for(command, hours(3), PATIENCE)
    assert command.attempts == 2
    assert repeats == 1 or not changes
    ended, _ = lived(SENT, hours(40), timedelta(minutes=step_minutes))
    assert ended.status is Status.EXPIRED
    assert ended.attempts <= PATIENCE.greatest_attempts


@given(st.integers(0, 40))
def test_a_review_is_due_when_something_comes_of_waiting_and_never_before(hour: int) -> None:
    command, _ = waited_for(SENT, hours(hour), PATIENCE)
    due_at = look_again_at(command, PATIENCE)
    if due_at is None:
        assert not command.status.is_open
        return
    assert due_at > hours(hour)
    assert waited_for(command, due_at - timedelta(seconds=1), PATIENCE)[1] == ()
    assert waited_for(command, due_at, PATIENCE)[1] != ()


def test_an_alarm_goes_when_what_it_was_for_has_happened() -> None:
    alarmed = replace(SENT, alarm="unanswered")
    assert answered(alarmed, Answer(command_id="c1", version=2, status="acknowledged")).alarm is None
    assert moved(alarmed, "s1", 4_000).alarm is None

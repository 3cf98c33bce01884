"""How long we wait for whom, and what follows: sent again, escalated, expired; called by the review for every open command.

All of it is a function of the command and the time, so a review that runs again, or late, comes to the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.inventory.domain.commands.changes import Change, What
from services.inventory.domain.commands.command import APPROVAL, Command, Kind, Status, expired, sent_again

CLOCK = "clock"
UNANSWERED = "unanswered"
UNAPPROVED = "unapproved"
OVERDUE = "overdue"
NO_SOURCE = "no-source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """What a chain waits for, in hours. A command that nobody has answered in time is sent again, then somebody is called."""

    reorder_answer_hours: float = 12.0
    reroute_answer_hours: float = 3.0
    greatest_attempts: int = 2
    """How often a version is sent in all before it is escalated."""

    approval_hours: float = 8.0
    """After this a proposal that waits for a person is escalated; it lapses at the end of its validity."""

    overdue_hours: float = 12.0
    """After its due time, until a delivery that has not come is escalated."""

    def answer_time(self, kind: Kind) -> timedelta:
        """How long one attempt waits for an answer."""
        return timedelta(hours=self.reorder_answer_hours if kind is Kind.REORDER else self.reroute_answer_hours)


def waited_for(command: Command, now: datetime, patience: Patience) -> tuple[Command, Sequence[Change]]:
    """The command at `now`, and what waiting has come to since it was looked at last."""
    if command.is_overdue(now):
        ended = replace(expired(command), changed_at=now)
        return ended, (Change(command=ended, what=What.EXPIRED, actor=CLOCK, at=now, reason=_why_ended(command)),)
    changes = tuple(_changes(command, now, patience))
    return (changes[-1].command if changes else command), changes


def look_again_at(command: Command, patience: Patience) -> datetime | None:
    """When waiting for it comes to something; None for what is not open."""
    if not command.status.is_open:
        return None
    next_at = _calls_at(command, patience)
    return command.deadline if next_at is None else min(next_at, command.deadline)


def _changes(command: Command, now: datetime, patience: Patience) -> Iterator[Change]:
    calls_at = _calls_at(command, patience)
    if calls_at is None or calls_at > now:
        return
    if command.status is Status.SENT and command.attempts < patience.greatest_attempts:
        again = sent_again(command, now)
        yield Change(
            command=again,
            what=What.SENT,
            actor=CLOCK,
            at=now,
            reason=f"nobody has answered; sent for the {_ordinal(again.attempts)} time",
            sends=True,
        )
        return
    alarm, reason = _alarm(command)
    yield Change(
        command=replace(command, alarm=alarm), what=What.ESCALATED, actor=CLOCK, at=now, reason=reason, sends=True
    )


def _calls_at(command: Command, patience: Patience) -> datetime | None:
    """When the next attempt or alarm is due; None where there is none."""
    if command.alarm is not None or not command.status.is_open:
        return None
    if command.status.is_waiting:
        is_for_a_person = command.held_by(APPROVAL)
        return command.decided_at + timedelta(hours=patience.approval_hours) if is_for_a_person else None
    if command.status is Status.SENT:
        return (command.sent_at or command.decided_at) + patience.answer_time(command.kind)
    return command.arrives_at + timedelta(hours=patience.overdue_hours)


def _alarm(command: Command) -> tuple[str, str]:
    if command.status.is_waiting:
        return UNAPPROVED, f"nobody has decided on it; it lapses at {_moment(command.valid_until)}"
    if command.status is Status.SENT:
        times = "once" if command.attempts <= 1 else f"{command.attempts} times"
        return UNANSWERED, f"sent {times}, and nobody has answered; it lapses at {_moment(command.valid_until)}"
    return OVERDUE, f"due {_moment(command.arrives_at)}, and not all of it has come"


def _why_ended(command: Command) -> str:
    if command.status.is_waiting:
        return "nobody released it in time"
    if command.status is Status.SENT:
        return "nobody answered in time"
    return "long overdue: not waited for any more" if command.received_milli <= 0 else "the rest is long overdue"


def _moment(at: datetime) -> str:
    return f"{at:%a %d %b %H:%M} UTC"


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")

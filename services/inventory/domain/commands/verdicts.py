"""What a person decides on a command: agree, change, decline, take back, or put an alarm away; used by the approvals' handler."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.inventory.domain.commands.changes import Change, What
from services.inventory.domain.commands.command import APPROVAL, Command, Kind, Status, released, withdrawn
from services.inventory.domain.commands.revising import resized


class Ruling(StrEnum):
    """What may be decided."""

    APPROVE = "approve"
    AMEND = "amend"
    """Another number of packs, and then agreed."""
    REJECT = "reject"
    """A proposal that is not to be sent."""
    WITHDRAW = "withdraw"
    """A command that was sent, and that nobody has answered, is taken back."""
    DISMISS = "dismiss"
    """An alarm was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One person's decision on one version. `packs` (a reroute: units) is for an amendment alone."""

    ruling: Ruling
    by: str
    packs: int | None = None
    reason: str | None = None

    def says_the_same(self, other: "Verdict") -> bool:
        """Whether both decide the same, whoever decides."""
        return (self.ruling, self.packs) == (other.ruling, other.packs)


def judged(command: Command, verdict: Verdict, now: datetime) -> Change | None:
    """What the verdict makes of the command; None where it cannot be decided so any more."""
    match verdict.ruling:
        case Ruling.APPROVE:
            return _approved(command, verdict, now)
        case Ruling.AMEND:
            return _amended(command, verdict, now)
        case Ruling.REJECT | Ruling.WITHDRAW:
            return _taken_back(command, verdict, now)
        case Ruling.DISMISS:
            return _dismissed(command, verdict, now)


def _waits_for_a_person(command: Command) -> bool:
    return command.status.is_waiting and command.held_by(APPROVAL)


def _approved(command: Command, verdict: Verdict, now: datetime) -> Change | None:
    if not _waits_for_a_person(command):
        return None
    after = replace(released(command, APPROVAL, now, approved_by=verdict.by), alarm=None)
    is_sent = after.status is Status.SENT
    what = What.SENT if is_sent else What.APPROVED
    reason = "approved" if verdict.reason is None else f"approved: {verdict.reason}"
    return Change(command=after, what=what, actor=verdict.by, at=now, reason=reason, sends=is_sent)


def _amended(command: Command, verdict: Verdict, now: datetime) -> Change | None:
    packs = verdict.packs or 0
    if not _waits_for_a_person(command) or packs < 1 or command.basis is None:
        return None
    if command.kind is Kind.REROUTE and packs > command.basis.asked_packs:
        return None  # what the giving store needs itself is not taken from it
    why = "" if verdict.reason is None else f", {verdict.reason}"
    changed = resized(command, packs, f"by {verdict.by}{why}")
    found = _approved(changed, verdict, now)
    return None if found is None else replace(found, reason=f"changed to {packs} and approved{why}")


def _taken_back(command: Command, verdict: Verdict, now: datetime) -> Change | None:
    was_sent = command.status is Status.SENT
    if was_sent != (verdict.ruling is Ruling.WITHDRAW):
        return None
    after = withdrawn(command, now)
    if after is None:
        return None
    reason = verdict.reason or ("withdrawn" if was_sent else "rejected")
    return Change(command=after, what=What.WITHDRAWN, actor=verdict.by, at=now, reason=reason, sends=was_sent)


def _dismissed(command: Command, verdict: Verdict, now: datetime) -> Change | None:
    if command.alarm is None or command.status.is_waiting:
        return None
    reason = f"alarm {command.alarm} dismissed" + ("" if verdict.reason is None else f": {verdict.reason}")
    return Change(command=replace(command, alarm=None), what=What.DISMISSED, actor=verdict.by, at=now, reason=reason)

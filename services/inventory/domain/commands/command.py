"""A reorder or reroute and what becomes of it; transitions.py says which status may follow which.

Answers and goods may arrive in any order and more than once: quantities only come from the fact that states them, so the same
facts give the same command. A command stands for one need (kind, item, destination, day): what is asked for that need later is a
higher version of it, never a second command.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from libs.common.ids import derived_id
from services.inventory.domain.commands.basis import Basis
from services.inventory.domain.commands.transitions import STATUSES, Status, Step, stepped

__all__ = ["STATUSES", "Command", "Hold", "Kind", "Status"]

OVERDUE_GRACE = timedelta(days=3)
"""How long after its due time a confirmed command still counts as on its way."""

FARTHEST_PROMISE = timedelta(days=400)
"""What is promised for a moment farther from the decision than this is promised for no moment at all."""


class Kind(StrEnum):
    """What a command asks for."""

    REORDER = "reorder"
    REROUTE = "reroute"


@dataclass(frozen=True, slots=True, order=True)
class Hold:
    """Something that keeps a proposal from being sent: `by` names it (APPROVAL, `lane:<id>`), `reason` is one line for a person."""

    by: str
    reason: str


APPROVAL = "approval"
"""Held until a person agrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One reorder or reroute with what has become of it. Quantities in thousandths."""

    command_id: str
    version: int
    kind: Kind
    item_id: str
    store_id: str
    quantity_milli: int
    decided_at: datetime
    needed_at: datetime
    valid_until: datetime
    explanation: str
    from_store_id: str | None = None
    supplier_id: str | None = None
    lane_id: str | None = None
    packs: int = 1
    cost_cents: int | None = None
    status: Status = Status.SENT
    promised_milli: int | None = None
    """What will come, where an answer said so."""
    shipped_milli: int = 0
    """What left the giving store, by its stock movements."""
    received_milli: int = 0
    """What arrived, by stock movements and deliveries."""
    expected_at: datetime | None = None
    holds: tuple[Hold, ...] = ()
    """What keeps a proposal back, in order; nothing for what was sent."""
    approved_by: str | None = None
    sent_at: datetime | None = None
    attempts: int = 1
    """How often this version was sent, the first included."""
    changed_at: datetime | None = None
    """When its status changed last."""
    alarm: str | None = None
    """What somebody should look at (domain/commands/patience.py)."""
    refused: tuple[str, ...] = ()
    """Lanes and stores that said no to this need before, on the day of `decided_at`."""
    stake_cents: int | None = None
    """What the goods are worth."""
    basis: Basis | None = None
    """The figures behind `explanation`."""

    @property
    def source(self) -> str | None:
        """Who is to give: a lane, or a store."""
        return self.lane_id if self.kind is Kind.REORDER else self.from_store_id

    @property
    def due_milli(self) -> int:
        """What is to come in all."""
        return self.quantity_milli if self.promised_milli is None else self.promised_milli

    @property
    def incoming_milli(self) -> int:
        """What is still on its way to where it is wanted."""
        return max(self.due_milli - self.received_milli, 0) if self.status.is_open else 0

    @property
    def outgoing_milli(self) -> int:
        """What the giving store has promised and still holds."""
        is_held = self.from_store_id is not None and self.status.is_open and self.status < Status.RECEIVED
        return max(self.due_milli - self.shipped_milli, 0) if is_held else 0

    @property
    def arrives_at(self) -> datetime:
        """When it should be there."""
        return self.expected_at or self.needed_at

    @property
    def deadline(self) -> datetime:
        """When it stops counting: unanswered ones at the end of their validity, others some days after they were due."""
        if self.status <= Status.SENT:
            return self.valid_until
        return self.arrives_at + OVERDUE_GRACE

    def is_overdue(self, now: datetime) -> bool:
        """Whether nothing may be expected of it any more."""
        return self.status.is_open and self.deadline <= now

    def held_by(self, by: str) -> bool:
        """Whether `by` keeps it back."""
        return any(hold.by == by for hold in self.holds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an inventory system says of one version of a command."""

    command_id: str
    version: int
    status: str
    quantity_milli: int | None = None
    expected_at: datetime | None = None
    answered_at: datetime | None = None


def command_id_of(kind: Kind, item_id: str, store_id: str, needed_on: date) -> str:
    """The same need has the same id, always: a re-run finds it again."""
    return derived_id("command", kind.value, item_id, store_id, needed_on.isoformat())


def proposed(command: Command, holds: tuple[Hold, ...]) -> Command:
    """The command as it is born: held back by `holds`; where there are none it is still to be sent by `released`."""
    return replace(command, status=Status.PROPOSED, holds=tuple(sorted(holds)), attempts=0, sent_at=None)


def released(command: Command, by: str | None, now: datetime, *, approved_by: str | None = None) -> Command:
    """The command without the hold `by`. When none is left it is approved and sent, and its validity begins; else it goes on waiting."""
    if not command.status.is_waiting:
        return command
    holds = tuple(hold for hold in command.holds if hold.by != by)
    waiting = replace(command, holds=holds, approved_by=approved_by or command.approved_by)
    if (by == APPROVAL and command.held_by(APPROVAL)) or not holds:
        waiting = replace(waiting, status=stepped(waiting.status, Step.APPROVE) or waiting.status, changed_at=now)
    if holds:
        return waiting
    validity = command.valid_until - command.decided_at
    return replace(
        waiting,
        status=stepped(waiting.status, Step.SEND) or waiting.status,
        sent_at=now,
        attempts=1,
        valid_until=now + validity,
        alarm=None,
    )


def sent_again(command: Command, now: datetime) -> Command:
    """The same version once more, because nobody answered; only what was sent and not answered."""
    if command.status is not Status.SENT:
        return command
    return replace(command, attempts=command.attempts + 1, sent_at=now)


def withdrawn(command: Command, now: datetime) -> Command | None:
    """The command when it is taken back; None where it was answered already, so that it cannot be."""
    status = stepped(command.status, Step.WITHDRAW)
    return None if status is None else replace(command, status=status, holds=(), changed_at=now, alarm=None)


def credible(expected_at: datetime | None, decided_at: datetime) -> datetime | None:
    """The moment that an answer names, unless it can only mean "not known": the first or last day of some system's calendar.

    >>> credible(datetime.fromisoformat("9999-12-31T00:00Z"), datetime.fromisoformat("2031-03-03T12:00Z")) is None
    True
    """
    if expected_at is None or abs(expected_at - decided_at) > FARTHEST_PROMISE:
        return None
    return expected_at


def answered(command: Command, answer: Answer) -> Command:
    """The command after an answer. An answer to a version that was replaced only counts when goods have moved by it."""
    step = Step(answer.status)
    is_physical = step in {Step.SHIP, Step.RECEIVE}
    status = stepped(command.status, step)
    if status is None or (answer.version != command.version and not is_physical) or answer.version > command.version:
        return command
    is_newer = status is not command.status
    says_how_much = step is not Step.REJECT and (is_newer or command.promised_milli is None)
    learned_milli = answer.quantity_milli if says_how_much else None
    learned_at = answer.expected_at if is_newer or command.expected_at is None else None
    return _settled(
        replace(
            command,
            status=status,
            promised_milli=command.promised_milli if learned_milli is None else learned_milli,
            expected_at=learned_at or command.expected_at,
            changed_at=answer.answered_at if is_newer and answer.answered_at else command.changed_at,
            alarm=None if is_newer else command.alarm,
        )
    )


def moved(command: Command, store_id: str, change_milli: int) -> Command:
    """The command after goods moved because of it: out of the giving store, or into the one that wanted them."""
    if store_id == command.store_id:
        command = replace(command, received_milli=command.received_milli + change_milli)
    elif store_id == command.from_store_id:
        command = replace(command, shipped_milli=command.shipped_milli - change_milli)
    else:
        return command
    has_moved = command.received_milli > 0 or command.shipped_milli > 0
    status = stepped(command.status, Step.MOVE) if has_moved else None
    if status is None:
        return command
    alarm = command.alarm if status is command.status else None
    return _settled(replace(command, status=status, holds=(), alarm=alarm))


def expired(command: Command) -> Command:
    """The command when its time is over: closed where goods came of it, else expired."""
    status = stepped(command.status, Step.SETTLE if command.received_milli > 0 else Step.EXPIRE)
    return command if status is None else replace(command, status=status, holds=(), alarm=None)


def _settled(command: Command) -> Command:
    """Close what has arrived in full, or in part when its receipt was confirmed."""
    came = command.received_milli > 0
    if came and (command.received_milli >= command.due_milli or command.status is Status.RECEIVED):
        return replace(command, status=stepped(command.status, Step.SETTLE) or command.status, alarm=None)
    return command

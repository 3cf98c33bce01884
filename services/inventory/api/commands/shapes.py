"""What the API answers about commands: the command, its history, and what waits for a person."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from services.inventory.api.shapes import Answer
from services.inventory.domain.commands.command import Command
from services.inventory.domain.measure import from_milli
from services.inventory.handlers.commands.acknowledgements import Effect
from services.inventory.ports import ExceptionRow, LoggedChange


class HoldAnswer(Answer):
    """What keeps a proposal from being sent: `approval`, or `lane:` and an id."""

    by: str
    reason: str


class CommandAnswer(Answer):
    """A command with what has become of it."""

    command_id: str
    version: int
    kind: str
    status: str
    item_id: str
    store_id: str
    from_store_id: str | None
    supplier_id: str | None
    lane_id: str | None
    quantity: Decimal
    packs: int
    cost_cents: int | None
    promised: Decimal | None
    shipped: Decimal
    received: Decimal
    decided_at: datetime
    needed_at: datetime
    valid_until: datetime
    expected_at: datetime | None
    explanation: str
    """Why, in plain words: policy, inputs, forecast, result, and what would happen without it."""
    basis: dict[str, Any] | None
    """The figures in these words, as fields; none for commands from before they were kept."""
    holds: tuple[HoldAnswer, ...]
    approved_by: str | None
    sent_at: datetime | None
    attempts: int
    alarm: str | None
    refused: tuple[str, ...]
    """Lanes or stores that said no to this need before."""
    stake_cents: int | None
    """What the goods are worth: at cost, or at price where no cost is known."""


class CommandPage(Answer):
    """Commands in the order of ids; `next` asks for what follows, as `after`."""

    commands: tuple[CommandAnswer, ...]
    next: str | None


class AcknowledgementAnswer(Answer):
    """What the answer came to, and where the command stands."""

    effect: Effect
    command: CommandAnswer


class AcknowledgementResult(Answer):
    """What one answer of a batch came to. `refused`: it had no effect, and has none when it comes again; `slug` says why.

    `version` and `status` say where the command stands after the whole batch.
    """

    effect: Literal["applied", "repeated", "outdated", "refused"]
    command_id: str | None
    version: int | None = None
    status: str | None = None
    slug: str | None = None
    detail: str | None = None


class AcknowledgementResults(Answer):
    """One result for each answer, in the order of the request."""

    results: tuple[AcknowledgementResult, ...]


class ChangeAnswer(Answer):
    """One thing that happened to a command. `position` is its place in the live stream, 0 for a moment after it happened."""

    position: int
    at: datetime
    change: str
    actor: str
    reason: str | None
    version: int
    status: str
    """After it."""
    quantity: Decimal
    promised: Decimal | None
    shipped: Decimal
    received: Decimal


class StreamedChange(ChangeAnswer):
    """A change as the live stream tells it: with all that an inventory system needs to act."""

    command_id: str
    kind: str
    item_id: str
    store_id: str
    from_store_id: str | None
    supplier_id: str | None
    lane_id: str | None
    packs: int
    cost_cents: int | None
    decided_at: datetime
    needed_at: datetime
    valid_until: datetime
    expected_at: datetime | None
    attempts: int
    explanation: str


class HistoryAnswer(Answer):
    """All that happened to one command, in order."""

    changes: tuple[ChangeAnswer, ...]


class ExceptionAnswer(Answer):
    """A command that waits for a person since `since`: `reason` says why in one line."""

    command: CommandAnswer
    reason: str
    since: datetime


class ExceptionPage(Answer):
    """The most money at stake first; `next` asks for what follows, as `after`."""

    exceptions: tuple[ExceptionAnswer, ...]
    next: str | None


class DecisionAnswer(Answer):
    """What the decision came to, and where the command stands."""

    effect: Literal["applied", "repeated"]
    command: CommandAnswer


def change_answer(logged: LoggedChange) -> ChangeAnswer:
    """An entry of the log as it is answered."""
    change = logged.change
    command = change.command
    return ChangeAnswer(
        position=logged.position,
        at=change.at,
        change=change.what.value,
        actor=change.actor,
        reason=change.reason,
        version=command.version,
        status=command.status.word,
        quantity=from_milli(command.quantity_milli),
        promised=None if command.promised_milli is None else from_milli(command.promised_milli),
        shipped=from_milli(command.shipped_milli),
        received=from_milli(command.received_milli),
    )


def streamed_change(logged: LoggedChange) -> StreamedChange:
    """An entry of the log as the stream tells it."""
    command = logged.change.command
    copied = {name: getattr(command, name) for name in _COPIED}
    return StreamedChange(**change_answer(logged).model_dump(), **copied, kind=command.kind.value)


_COPIED = tuple(name for name in StreamedChange.model_fields if name not in {*ChangeAnswer.model_fields, "kind"})


def exception_answer(row: ExceptionRow) -> ExceptionAnswer:
    """A row of the queue as it is answered."""
    return ExceptionAnswer(command=command_answer(row.command), reason=row.reason, since=row.since)


def command_answer(command: Command) -> CommandAnswer:
    """A command as it is answered."""
    return CommandAnswer(
        command_id=command.command_id,
        version=command.version,
        kind=command.kind.value,
        status=command.status.word,
        item_id=command.item_id,
        store_id=command.store_id,
        from_store_id=command.from_store_id,
        supplier_id=command.supplier_id,
        lane_id=command.lane_id,
        quantity=from_milli(command.quantity_milli),
        packs=command.packs,
        cost_cents=command.cost_cents,
        promised=None if command.promised_milli is None else from_milli(command.promised_milli),
        shipped=from_milli(command.shipped_milli),
        received=from_milli(command.received_milli),
        decided_at=command.decided_at,
        needed_at=command.needed_at,
        valid_until=command.valid_until,
        expected_at=command.expected_at,
        explanation=command.explanation,
        basis=None if command.basis is None else asdict(command.basis),
        holds=tuple(HoldAnswer(by=hold.by, reason=hold.reason) for hold in command.holds),
        approved_by=command.approved_by,
        sent_at=command.sent_at,
        attempts=command.attempts,
        alarm=command.alarm,
        refused=command.refused,
        stake_cents=command.stake_cents,
    )

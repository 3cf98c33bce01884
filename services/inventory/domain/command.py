"""The life of a command: sent -> acknowledged / amended / rejected -> shipped -> received -> closed, or expired.

Answers and goods may arrive in any order and more than once: a status only moves up in the order below, quantities only come
from the fact that states them, so the same facts give the same command.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum

from libs.common.ids import derived_id

OVERDUE_GRACE = timedelta(days=3)
"""How long after its due time a confirmed command still counts as on its way."""


class Kind(StrEnum):
    """What a command asks for."""

    REORDER = "reorder"
    REROUTE = "reroute"


class Status(IntEnum):
    """How far it is. A command is born sent: this release approves all of them itself."""

    SENT = 1
    ACKNOWLEDGED = 2
    AMENDED = 3
    REJECTED = 4
    SHIPPED = 5
    RECEIVED = 6
    CLOSED = 7
    EXPIRED = 8

    @property
    def word(self) -> str:
        """As it is written in answers, metrics and tables."""
        return self.name.lower()

    @property
    def is_open(self) -> bool:
        """Whether goods may still come of it."""
        return self not in {Status.REJECTED, Status.CLOSED, Status.EXPIRED}


STATUSES = {status.word: status for status in Status}
ANSWERS = frozenset({"acknowledged", "amended", "rejected", "shipped", "received"})


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
        is_held = self.kind is Kind.REROUTE and self.status.is_open and self.status < Status.RECEIVED
        return max(self.due_milli - self.shipped_milli, 0) if is_held else 0

    @property
    def arrives_at(self) -> datetime:
        """When it should be there."""
        return self.expected_at or self.needed_at

    @property
    def deadline(self) -> datetime:
        """When it stops counting: unanswered ones at the end of their validity, others some days after they were due."""
        if self.status is Status.SENT:
            return self.valid_until
        return self.arrives_at + OVERDUE_GRACE

    def is_overdue(self, now: datetime) -> bool:
        """Whether nothing may be expected of it any more."""
        return self.status.is_open and self.deadline <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an inventory system says of one version of a command."""

    command_id: str
    version: int
    status: str
    quantity_milli: int | None = None
    expected_at: datetime | None = None


def command_id_of(kind: Kind, item_id: str, store_id: str, needed_on: date) -> str:
    """The same need has the same id, always: a re-run finds it again."""
    return derived_id("command", kind.value, item_id, store_id, needed_on.isoformat())


def answered(command: Command, answer: Answer) -> Command:
    """The command after an answer. An answer to a version that was replaced only counts when goods have moved by it."""
    status = STATUSES[answer.status]
    is_physical = status in {Status.SHIPPED, Status.RECEIVED}
    if command.status in {Status.CLOSED, Status.EXPIRED} or (answer.version != command.version and not is_physical):
        return command
    is_newer = status > command.status
    learned_milli = answer.quantity_milli if is_newer or command.promised_milli is None else None
    learned_at = answer.expected_at if is_newer or command.expected_at is None else None
    return _settled(
        replace(
            command,
            status=max(status, command.status),
            promised_milli=command.promised_milli if learned_milli is None else learned_milli,
            expected_at=learned_at or command.expected_at,
        )
    )


def moved(command: Command, store_id: str, change_milli: int) -> Command:
    """The command after goods moved because of it: out of the giving store, or into the one that wanted them."""
    if store_id == command.store_id:
        return _settled(replace(command, received_milli=command.received_milli + change_milli))
    if store_id == command.from_store_id:
        status = max(command.status, Status.SHIPPED) if command.status.is_open else command.status
        return replace(command, shipped_milli=command.shipped_milli - change_milli, status=status)
    return command


def expired(command: Command) -> Command:
    """The command when its time is over: closed where goods came of it, else expired."""
    return replace(command, status=Status.CLOSED if command.received_milli > 0 else Status.EXPIRED)


def enlarged(command: Command, by: Command) -> Command:
    """The next version of an unanswered command that asks for what `by` asks in addition."""
    return replace(
        by,
        version=command.version + 1,
        quantity_milli=command.quantity_milli + by.quantity_milli,
        packs=command.packs + by.packs,
        cost_cents=None if by.cost_cents is None or command.cost_cents is None else command.cost_cents + by.cost_cents,
    )


def _settled(command: Command) -> Command:
    """Close what has arrived in full, or in part when its receipt was confirmed."""
    came = command.received_milli > 0 and command.status.is_open
    if came and (command.received_milli >= command.due_milli or command.status is Status.RECEIVED):
        return replace(command, status=Status.CLOSED)
    return command

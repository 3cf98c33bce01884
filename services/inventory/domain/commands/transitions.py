"""Which status a command may go to by which step: the one table of it, closed; used by the command's own functions alone.

    proposed -> approved -> sent -> acknowledged / amended / rejected -> shipped -> received -> closed
    proposed, approved, sent -> cancelled (withdrawn)          whatever is open -> expired (its time is over)

Answers only move a command forward. What moved on the ground is stronger than what was said: goods that left or came make any
command `shipped` that has not gone further, also one that was rejected, withdrawn or had expired. Only `closed` is final.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Status(IntEnum):
    """How far a command is."""

    PROPOSED = 0
    """Decided; something holds it back: a person's approval, its lane's limits. Nobody outside has heard of it."""

    APPROVED = 1
    """Nothing speaks against it; it leaves at once, or when its lane's limits have let it through."""

    SENT = 2
    ACKNOWLEDGED = 3
    AMENDED = 4
    REJECTED = 5
    SHIPPED = 6
    RECEIVED = 7
    CLOSED = 8
    EXPIRED = 9
    CANCELLED = 10
    """Withdrawn before anybody had answered."""

    @property
    def word(self) -> str:
        """As it is written in answers, metrics and tables."""
        return self.name.lower()

    @property
    def is_open(self) -> bool:
        """Whether goods may still come of it."""
        return self not in {Status.REJECTED, Status.CLOSED, Status.EXPIRED, Status.CANCELLED}

    @property
    def is_waiting(self) -> bool:
        """Whether nobody outside has heard of it."""
        return self <= Status.APPROVED

    @property
    def known_before(self) -> str:
        """The nearest word that the release before knows: what it may still come of, or not."""
        if self.is_waiting:
            return Status.SENT.word
        return Status.EXPIRED.word if self is Status.CANCELLED else self.word


STATUSES: Mapping[str, Status] = MappingProxyType({status.word: status for status in Status})


class Step(StrEnum):
    """What may happen to a command."""

    APPROVE = "approve"
    SEND = "send"
    REPLACE = "replace"
    """A higher version takes its place: more is needed, or another source is asked."""

    WITHDRAW = "withdraw"
    ACKNOWLEDGE = "acknowledged"
    AMEND = "amended"
    REJECT = "rejected"
    SHIP = "shipped"
    RECEIVE = "received"
    MOVE = "move"
    """Goods left the giving store, or some came."""

    SETTLE = "settle"
    """All came that was to come, or some came and nothing more will."""

    EXPIRE = "expire"


_S = Status
_FORWARD = (_S.SENT, _S.ACKNOWLEDGED, _S.AMENDED, _S.REJECTED, _S.SHIPPED, _S.RECEIVED)


def _answer(status: Status) -> Mapping[Status, Status]:
    return {known: max(known, status) for known in _FORWARD}


_HEARD_OF = (*_FORWARD, _S.EXPIRED, _S.CANCELLED)
_LIVING = (_S.PROPOSED, _S.APPROVED, *_HEARD_OF)
_OPEN = tuple(status for status in Status if status.is_open)

TABLE: Mapping[Step, Mapping[Status, Status]] = MappingProxyType(
    {
        Step.APPROVE: {_S.PROPOSED: _S.APPROVED},
        Step.SEND: {_S.APPROVED: _S.SENT, _S.SENT: _S.SENT},
        Step.REPLACE: dict.fromkeys((_S.PROPOSED, _S.APPROVED, _S.SENT, _S.REJECTED, _S.EXPIRED), _S.PROPOSED),
        Step.WITHDRAW: dict.fromkeys((_S.PROPOSED, _S.APPROVED, _S.SENT), _S.CANCELLED),
        Step.ACKNOWLEDGE: _answer(_S.ACKNOWLEDGED),
        Step.AMEND: _answer(_S.AMENDED),
        Step.REJECT: _answer(_S.REJECTED),
        Step.SHIP: {known: _S.RECEIVED if known is _S.RECEIVED else _S.SHIPPED for known in _HEARD_OF},
        Step.RECEIVE: dict.fromkeys(_HEARD_OF, _S.RECEIVED),
        Step.MOVE: {known: _S.RECEIVED if known is _S.RECEIVED else _S.SHIPPED for known in _LIVING},
        Step.SETTLE: dict.fromkeys(_LIVING, _S.CLOSED),
        Step.EXPIRE: dict.fromkeys(_OPEN, _S.EXPIRED),
    }
)
"""Step -> (status before -> status after). What is not in it does not happen."""


def stepped(status: Status, step: Step) -> Status | None:
    """The status after `step`; None where that step is not allowed.

    >>> stepped(Status.SENT, Step.REJECT).word, stepped(Status.CLOSED, Step.SHIP)
    ('rejected', None)
    """
    return TABLE[step].get(status)

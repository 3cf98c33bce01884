"""What happened to a command, for its history, the live stream and webhooks: one entry a change, with who made it and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.inventory.domain.commands.command import Command


class What(StrEnum):
    """Kinds of entries."""

    PROPOSED = "proposed"
    """Decided, and held back; nobody outside acts on it. A higher version of it replaces it."""
    RELEASED = "released"
    """One hold less; others are left."""
    APPROVED = "approved"
    CHANGED = "changed"
    """A person or a limit changed what is asked for, before it was sent."""
    SENT = "sent"
    """To be acted on. Also when it is sent again: the same version asks for the same, once."""
    ANSWERED = "answered"
    """An inventory system said something; `state` says where that leaves the command."""
    MOVED = "moved"
    """Goods left or came because of it."""
    WITHDRAWN = "withdrawn"
    """Not to be acted on."""
    EXPIRED = "expired"
    """Its time is over: not to be acted on any more."""
    DISMISSED = "dismissed"
    """Somebody has looked at it."""
    ESCALATED = "escalated"
    """Somebody should look at it; `reason` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry: the command as it stands after it."""

    command: Command
    what: What
    actor: str
    """Who: `review`, `clock`, `stock`, `rule:<name>`, `limit:<lane>`, or a key and its holder."""
    at: datetime
    reason: str | None = None
    sends: bool = False
    """Whether the command is to leave with this change: as a reorder or reroute, or as its withdrawal."""

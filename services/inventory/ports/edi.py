"""What the exchange with trading partners needs from outside: partners, interchanges, and which order stands for which command."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from services.inventory.domain.edi.documents import Partner


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPartner:
    """A partner and how far it is: all of the log up to `cursor` is written for it."""

    partner: Partner
    cursor: int
    last_control: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interchange:
    """What came in or goes out, as it was or will be on the wire."""

    partner_id: str
    direction: str
    kind: str
    state: str
    raw: bytes
    at: datetime
    control_reference: str | None = None
    detail: str = ""
    outcome: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    interchange_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenOrder:
    """A version of a command as it was written for a partner."""

    order_number: str
    version: int
    command_id: str
    item_id: str
    interchange_id: int = 0
    is_fetched: bool = False


class EdiStore(Protocol):
    """All of it within one transaction."""

    async def put_partner(self, partner: Partner, cursor: int, now: datetime) -> None:
        """Make a partner that begins at `cursor`, or change one, which goes on where it is. Raises Conflict for a supplier that has another."""
        ...

    async def partners(self) -> Sequence[KnownPartner]:
        """All of them, in the order of ids."""
        ...

    async def partner(self, partner_id: str, *, lock: bool = False) -> KnownPartner | None:
        """One of them; locked until the commit where something is written for it."""
        ...

    async def advance(self, partner_id: str, cursor: int, last_control: int) -> None:
        """Note how far a locked partner is."""
        ...

    async def add(self, interchange: Interchange) -> int:
        """Keep an interchange; its id."""
        ...

    async def seen(self, partner_id: str, raw: bytes) -> Interchange | None:
        """An interchange with these bytes that came in before."""
        ...

    async def by_reference(self, partner_id: str, direction: str, control_reference: str) -> Interchange | None:
        """The one of this control reference that is in force."""
        ...

    async def interchange(self, interchange_id: int, *, lock: bool = False) -> Interchange | None:
        """One of them; locked until the commit where its state hangs on what it was."""
        ...

    async def judge(self, interchange: Interchange, now: datetime) -> None:
        """Replace what one that came in was found to be."""
        ...

    async def interchanges(
        self, partner_id: str, direction: str | None, state: str | None, after: int, limit: int
    ) -> Sequence[Interchange]:
        """Those above `after` in the order of ids, without their bytes."""
        ...

    async def move(self, interchange_id: int, state: str, detail: str, now: datetime) -> None:
        """Give one another state."""
        ...

    async def note_orders(self, partner_id: str, orders: Collection[WrittenOrder]) -> None:
        """Remember which orders stand for which commands."""
        ...

    async def orders(self, partner_id: str, order_numbers: Collection[str]) -> Sequence[WrittenOrder]:
        """All versions of these orders, in the order of (number, version)."""
        ...

    async def units(self, item_ids: Collection[str]) -> Mapping[str, str]:
        """The unit in which each item is counted."""
        ...

    async def waiting(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """What metrics show, by gauge and label values."""
        ...

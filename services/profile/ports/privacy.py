"""What erasing and exporting need from storage, as protocols and rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.persistence import OutboxMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One customer as the graph has it: the present id, and the own id of each identifier."""

    customer_id: str
    identifiers: Mapping[str, str]

    @property
    def customer_ids(self) -> Sequence[str]:
        """Every id by which the person may be known, in order."""
        return sorted({self.customer_id, *self.identifiers.values()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks for an erasure: the key, and the roles that it carries (names with commas between)."""

    key_id: str
    roles: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One erasure as it is noted; `erased_at` is up to when events have no effect any more.

    `asker` is None where it came from the topic: that does not say.
    """

    erasure_id: str
    customer_id: str
    erased_at: datetime
    requested_at: datetime
    asker: Asker | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReceipt:
    """What one service says that it removed."""

    erasure_id: str
    service: str
    removed: Mapping[str, int]
    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unswept:
    """An erasure whose sweep is still to be done, what was removed at once, and which deltas are from before it."""

    erasure_id: str
    erased_at: datetime
    removed: Mapping[str, int]
    deltas_below: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What profile removed in all, and whose it was."""

    receipt: ServiceReceipt
    identifiers: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWord:
    """One word on consent, as it was given."""

    identifier: str
    purpose: str
    channel: str
    granted: bool
    basis: str
    evidence: str | None
    occurred_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenErasures:
    """Erasures that not every service has answered."""

    count: int
    oldest_age_seconds: float


class PrivacyStore(Protocol):
    """Who was forgotten, and the deleting itself."""

    async def share(self) -> None:
        """Let no erasure happen until the commit; many share this."""
        ...

    async def suppressed(self, names: Collection[str]) -> Mapping[str, datetime]:
        """Up to when events of these identifiers and customer ids have no effect, for those that were erased."""
        ...

    async def exclude(self) -> None:
        """Wait for everybody who shares, then let nobody else until the commit."""
        ...

    async def person(self, customer_id: str) -> Person | None:
        """Who an id stands for now."""
        ...

    async def erase(self, person: Person, erasure: Erasure) -> Mapping[str, int]:
        """Note the erasure, suppress the identifiers, delete what hangs on them, and replace views by tombstones: their versions."""
        ...

    async def also_removed(self, erasure_id: str, removed: Mapping[str, int]) -> None:
        """Add to what the erasure's receipt will say that profile removed."""
        ...

    async def tell(self, message: OutboxMessage) -> None:
        """Send with the commit."""
        ...

    async def known(self, erasure_ids: Collection[str]) -> Collection[str]:
        """Those that are noted here."""
        ...

    async def newest_of(self, customer_id: str) -> Erasure | None:
        """The newest erasure of a customer id, also an old one."""
        ...

    async def find(self, erasure_id: str) -> Erasure | None:
        """One of them."""
        ...

    async def next_unswept(self) -> Unswept | None:
        """The oldest erasure that waits to be swept, claimed until the commit; None if none waits."""
        ...

    async def sweep(self, unswept: Unswept) -> Swept:
        """Delete what only a scan finds. Baskets in line are among it: the caller has the learner's lock."""
        ...

    async def answered(self, receipts: Collection[ServiceReceipt]) -> None:
        """Keep what services answered, each once."""
        ...

    async def receipts(self, erasure_id: str) -> Sequence[ServiceReceipt]:
        """What was answered so far, by service."""
        ...

    async def keep_words(self, words: Collection[ConsentWord]) -> None:
        """Keep every word on consent, each once."""
        ...

    async def words(self, identifiers: Collection[str]) -> Sequence[ConsentWord]:
        """What was said on consent, oldest first."""
        ...

    async def open_erasures(self, services: int) -> OpenErasures:
        """Erasures with fewer answers than there are services; the others are not looked at again."""
        ...

    async def forget_before(self, before: datetime) -> None:
        """Drop suppressions and erasures older than any event can come late."""
        ...

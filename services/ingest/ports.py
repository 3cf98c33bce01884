"""What the handlers need from outside: somewhere to publish, somewhere to keep what is invalid, and persons' keys."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from libs.common.errors import UsualError
from libs.common.persistence import Message, OutboxMessage


class EventPublisher(Protocol):
    """The way to the topics."""

    async def publish(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        """Per message None when the broker acknowledged it, else why not, or why that is unknown; never raises for that."""
        ...


State = Literal["waiting", "resubmitted", "discarded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedEvent:
    """An invalid event, byte for byte, with the reason. Its id follows from source, id and bytes: a repeat is the same one."""

    quarantine_id: str
    source: str | None
    event_id: str | None
    type: str | None
    slug: str
    rule: str
    detail: str
    pointer: str
    schema_id: str | None
    """The `dataschema` of its type, None when the type is unknown."""
    raw: bytes
    door: str
    sent_by: str
    """The id of the key that it came with."""
    store_id: str
    """The store that this key is bound to, `*` for none."""
    rights: tuple[str, ...]
    """The scopes of this key that matter to admission."""
    country: str | None
    at: datetime
    """When it first came."""
    last_at: datetime | None = None
    times: int = 1
    state: State = "waiting"
    mended: bytes | None = None
    """What is to be sent in its place."""
    decided_by: str | None = None
    decided_at: datetime | None = None
    outcome: str | None = None
    """Of the last resubmission, or why it was discarded."""
    sealed_under: str | None = None
    """The name of the key that opens `raw`; None: it is open."""
    mended_sealed_under: str | None = None
    sent_at: datetime | None = None
    """What the sender's clock said as it sent, where its door asks for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which of them; None: any. `store_id` is that of the asker's key, which sees only what came with keys of this store."""

    store_id: str = "*"
    slug: str | None = None
    type: str | None = None
    source: str | None = None
    state: State | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineClass:
    """What went wrong in the same way: how many events, how often they came, and since when."""

    slug: str
    type: str | None
    state: State
    events: int
    times: int
    oldest_at: datetime
    newest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody did with one that waits."""

    quarantine_id: str
    state: State
    by: str
    at: datetime
    outcome: str


class QuarantineStore(Protocol):
    """Where invalid events are kept; every method raises RetryableError when the database does not answer in time."""

    async def keep(self, events: Sequence[QuarantinedEvent]) -> None:
        """Keep those that are not there yet, and count the others as seen again."""
        ...

    async def find(self, quarantine_id: str) -> QuarantinedEvent | None:
        """One of them."""
        ...

    async def list_newest(
        self, wanted: Wanted, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[QuarantinedEvent]:
        """Newest first, from below the place `before` (time, id) on, their bytes left out."""
        ...

    async def waiting_ids(self, wanted: Wanted, *, limit: int) -> Sequence[str]:
        """Those that wait: what nobody has tried to send again, in the order in which it came, then what was tried longest ago."""
        ...

    async def classes(self, wanted: Wanted) -> Sequence[QuarantineClass]:
        """How many of each class, the greatest first."""
        ...

    async def mend(self, quarantine_id: str, mended: bytes, *, sealed_under: str) -> bool:
        """Keep what is to be sent in its place, sealed; False when it does not wait any more."""
        ...

    async def decide(self, decision: Decision) -> bool:
        """Note what was done; False when it did not wait any more, and then nothing is noted."""
        ...

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Remove up to `limit` that first came before; returns how many."""
        ...


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A person's key as the database has it; `wrapped_under` is the fingerprint of the key that opens it."""

    wrapped: bytes
    wrapped_under: str


class PersonKeyStore(Protocol):
    """Where persons' keys are kept, by name; every method raises RetryableError when the database does not answer in time."""

    async def find(self, persons: Collection[str]) -> Mapping[str, WrappedKey]:
        """Those that exist."""
        ...

    async def add(self, keys: Mapping[str, WrappedKey], at: datetime) -> None:
        """Keep those whose person has none yet: of two that are added at once, one stays."""
        ...

    async def forget(self, persons: Collection[str]) -> int:
        """Delete their keys for good; returns how many there were."""
        ...


class ErasureStore(Protocol):
    """Forgetting persons, within one transaction."""

    async def erase(self, persons: Collection[str]) -> Mapping[str, int]:
        """Delete their keys and what lies in quarantine under them; how many of each kind."""
        ...

    async def tell(self, message: OutboxMessage) -> None:
        """Send with the commit."""
        ...


class PersonSealer(Protocol):
    """Seals under the keys of persons. A person is an identifier behind the doors (`kind:pseudonym`), None is nobody we know."""

    async def seal_bytes(self, person: str | None, raw: bytes, now: datetime) -> tuple[str, bytes]:
        """The name of the key, to be kept beside what was sealed, and what was sealed.

        Nobody's bytes are sealed under a key of the day. Raises PersonKeyUnavailable.
        """
        ...

    async def open_bytes(self, key_name: str, sealed: bytes) -> bytes:
        """What was sealed; raises PersonKeyGone, PersonKeyUnavailable, SealBroken."""
        ...

    async def open_text(self, key_name: str, sealed: str) -> str:
        """The text that was sealed into an event; raises the same."""
        ...

"""What a door tells its caller of one event; the handlers make it, the API passes it on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from libs.common.errors import Kind
from services.ingest.domain.admission import Caller


class KeyHolder(Caller, Protocol):
    """A caller whose key has a name, and may have a country."""

    @property
    def key_id(self) -> str:
        """The name of the key."""
        ...

    @property
    def events_per_second(self) -> float | None:
        """Its own rate limit; None: the deployment's, 0: none."""
        ...

    @property
    def country(self) -> str | None:
        """Whose field policy holds, ISO 3166-1 alpha-2; None: the deployment's."""
        ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """How events came: with whose key, when, in which shape, and what the sender's clock said then, where that is asked."""

    caller: KeyHolder
    at: datetime
    door: str
    sent_at: datetime | None = None


class EventResult(BaseModel):
    """What became of one event. `accepted`: every in-sync replica of the broker has it.

    `duplicate`: it had it before, and it was not sent again.
    `quarantined`: invalid, kept with the reason. `unknown`: not acknowledged in time, it may be there or not.
    `refused`: it is not there, and it was not kept.
    """

    model_config = ConfigDict(frozen=True)

    id: str | None = None
    source: str | None = None
    status: Literal["accepted", "quarantined", "unknown", "refused"]
    duplicate: Literal[True] | None = None
    quarantine_id: str | None = None
    slug: str | None = None
    detail: str | None = None
    pointer: str | None = None
    removed: tuple[str, ...] | None = None
    """Accepted without these: identifiers that stand for nobody, as JSON pointers."""
    kind: Kind | None = Field(default=None, exclude=True)
    """What went wrong, None when nothing did; UNAVAILABLE: the same event may be sent again."""

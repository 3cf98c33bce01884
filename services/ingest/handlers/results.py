"""What a door tells its caller of one event; the handlers make it, the API passes it on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, TypeAdapter

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


@dataclass(slots=True, kw_only=True)  # not frozen: that would cost as much again as all else that is done with one
class EventResult:
    """What became of one event. `accepted`: every in-sync replica of the broker has it.

    `duplicate`: it had it before, and it was not sent again.
    `quarantined`: invalid, kept with the reason. `unknown`: not acknowledged in time, it may be there or not.
    `refused`: it is not there, and it was not kept.
    """

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
    kind: Annotated[Kind | None, Field(exclude=True)] = None
    """What went wrong, None when nothing did; UNAVAILABLE: the same event may be sent again."""


def as_json(result: EventResult, *only: str) -> dict[str, Any]:
    """What its caller is told of it, as JSON's own types; `only` these members, where any are named."""
    said: dict[str, Any] = _RESULT.dump_python(result, mode="json", exclude_none=True, include=set(only) or None)
    return said


_RESULT = TypeAdapter(EventResult)

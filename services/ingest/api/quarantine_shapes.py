"""What `/v1/quarantine` takes and answers."""

from base64 import b64encode
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import Body, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from libs.common.http.credentials import Credential
from services.ingest.handlers import EventResult
from services.ingest.ports import QuarantinedEvent, State, Wanted

PATCH_TYPE = "application/json-patch+json"


class QuarantineEntry(BaseModel):
    """One invalid event without its bytes. `rule` is the stable name of what was broken at `pointer`.

    `schema_id` is the `dataschema` of its type; `times` counts how often it came, last at `last_at`; `outcome` is that
    of the last resubmission, or why it was discarded.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    quarantine_id: str
    state: State
    slug: str
    rule: str
    pointer: str
    detail: str
    type: str | None
    schema_id: str | None
    source: str | None
    event_id: str | None
    door: str
    sent_by: str
    store_id: str
    country: str | None
    at: datetime
    last_at: datetime | None
    times: int
    decided_by: str | None
    decided_at: datetime | None
    outcome: str | None


class QuarantineRecord(QuarantineEntry):
    """One invalid event with what came in: the exact bytes, and as text as far as they are UTF-8.

    `mended_text` is what will be sent in its place, where it was patched.
    """

    raw_base64: str
    raw_text: str
    mended_text: str | None

    @classmethod
    def of(cls, event: QuarantinedEvent) -> Self:
        """The record of one event."""
        return cls(
            **QuarantineEntry.model_validate(event).model_dump(),
            raw_base64=b64encode(event.raw).decode(),
            raw_text=event.raw.decode("utf-8", "replace"),
            mended_text=event.mended.decode("utf-8", "replace") if event.mended else None,
        )


class QuarantinePage(BaseModel):
    """Newest first; `next_at` and `next_id`, where there are more, are the next page's `before_at` and `before_id`."""

    model_config = ConfigDict(frozen=True)

    items: list[QuarantineEntry]
    next_at: datetime | None = None
    next_id: str | None = None


class ClassEntry(BaseModel):
    """What went wrong in the same way: how many events, and how often they came."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    slug: str
    type: str | None
    state: State
    events: int
    times: int
    oldest_at: datetime
    newest_at: datetime


class Selection(BaseModel):
    """Which events; what is left out is any. `since` goes by the last time that an event came."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str | None = None
    type: str | None = None
    source: str | None = None
    since: AwareDatetime | None = None

    def of(self, caller: Credential, state: State | None = None) -> Wanted:
        """The selection as far as this key may see it."""
        named = {name: getattr(self, name) for name in Selection.model_fields}
        return Wanted(**named, state=state, store_id=caller.store_id)


class ListQuery(Selection):
    """Which part of the list."""

    state: State | None = None
    limit: Annotated[int, Query(ge=1, le=200)] = 50
    before_at: AwareDatetime | None = None
    before_id: UUID | None = None


class Operation(BaseModel):
    """One operation of RFC 6902. A record's `pointer` is the path of what is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: Annotated[str, Field(max_length=1_000)]
    from_: Annotated[str | None, Field(alias="from", max_length=1_000)] = None
    value: Any = None

    @model_validator(mode="after")
    def _is_complete(self) -> "Operation":
        wants_from, wants_value = self.op in {"move", "copy"}, self.op in {"add", "replace", "test"}
        if wants_from != (self.from_ is not None) or wants_value != ("value" in self.model_fields_set):
            raise ValueError(
                f"{self.op} has {'a from' if wants_from else 'no from'}, {'a' if wants_value else 'no'} value"
            )
        return self


Operations = Annotated[list[Operation], Field(min_length=1, max_length=100), Body(media_type=PATCH_TYPE)]


class ClassOrder(Selection):
    """What of a class is to be sent again. Without `dry_run: false` it is only judged."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    dry_run: bool = True


class ResubmittedEntry(BaseModel):
    """What became of one event, or in a dry run would."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    quarantine_id: str
    result: EventResult


class ClassAnswer(BaseModel):
    """In the order in which they were sent. Fewer than there are: send the same again; it stops at the first that could not be taken."""

    model_config = ConfigDict(frozen=True)

    dry_run: bool
    results: list[ResubmittedEntry]


class Discard(BaseModel):
    """Why an event is not to be sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=500)]

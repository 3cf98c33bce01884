"""The CloudEvents 1.0 envelope: structured JSON on HTTP, binary mode (`ce_` headers) on Kafka."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from libs.common.contracts.values import Contract
from libs.common.contracts.written import body_of

Headers = Sequence[tuple[str, bytes]]
SCHEMA_BASE = "urn:the-usual:schema:"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One fact with its envelope. `(source, id)` names it for ever: a repeat with the same pair has no further effect."""

    id: str
    source: str
    type: str
    occurred_at: datetime
    partition_key: str
    data: Contract
    received_at: datetime | None = None
    """When the front door accepted it; carried through so that freshness can be measured."""
    claimed_at: datetime | None = None
    """What the sender's clock said, where it was too far ahead to be believed; `occurred_at` is then when it was received."""
    subject: str | None = None
    traceparent: str | None = None

    @property
    def event_id(self) -> str:
        """The pair that makes it unique, as one string: what inboxes remember."""
        return f"{self.source}#{self.id}"

    def accepted(self, at: datetime) -> Self:
        """The same event, stamped with the time at which the door accepted it."""
        return msgspec.structs.replace(self, received_at=at)

    def renamed(self, partition_key: str, subject: str | None) -> "Event":
        """The same event under another key and subject; written out, as each event of a door goes through here."""
        return Event(
            id=self.id,
            source=self.source,
            type=self.type,
            occurred_at=self.occurred_at,
            partition_key=partition_key,
            data=self.data,
            received_at=self.received_at,
            claimed_at=self.claimed_at,
            subject=subject,
            traceparent=self.traceparent,
        )

    def headers(self) -> list[tuple[str, bytes]]:
        """Its attributes as Kafka headers in CloudEvents' binary mode."""
        found = [
            *_headers_of_type(self.type),
            ("ce_id", self.id.encode()),
            ("ce_source", self.source.encode()),
            ("ce_time", format_moment(self.occurred_at).encode()),
            ("ce_partitionkey", self.partition_key.encode()),
        ]
        if self.received_at is not None:
            found.append(("ce_receivedat", format_moment(self.received_at).encode()))
        if self.claimed_at is not None:
            found.append(("ce_claimedtime", format_moment(self.claimed_at).encode()))
        if self.subject is not None:
            found.append(("ce_subject", self.subject.encode()))
        if self.traceparent is not None:
            found.append(("traceparent", self.traceparent.encode()))
        return found

    def body(self) -> bytes:
        """Its data as JSON: the Kafka value."""
        return body_of(self.data)


@lru_cache(maxsize=256)
def _headers_of_type(event_type: str) -> Headers:
    """The headers that all events of a type share."""
    return (
        ("ce_specversion", b"1.0"),
        ("content-type", b"application/json"),
        ("ce_type", event_type.encode()),
        ("ce_dataschema", (SCHEMA_BASE + event_type).encode()),
    )


Attribute = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]


class StructuredEvent(BaseModel):
    """A CloudEvent in structured mode, as it comes over HTTP; `data` is checked against its type's contract later.

    `time` is when it happened; without one it happened when it was received.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    specversion: Literal["1.0"]
    id: Attribute
    source: Attribute
    type: Attribute
    time: AwareDatetime | None = None
    subject: Attribute | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Attribute | None = None
    traceparent: Attribute | None = None
    data: Mapping[str, Any]


@lru_cache(maxsize=4_096)
def format_moment(at: datetime) -> str:
    """`at` in UTC as RFC 3339 with microseconds; raises ValueError when it has no zone.

    Remembered, as the events of a batch share a moment, and each of theirs is asked for twice.
    """
    if at.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    in_utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return in_utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_moment(text: str) -> datetime:
    """The aware UTC time that an RFC 3339 text names; raises ValueError when it names none."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return at if at.tzinfo is UTC else at.astimezone(UTC)

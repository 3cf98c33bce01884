"""accept_events: check, publish with awaited acknowledgement, keep what is invalid; called by the API."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal, Protocol

import msgspec
import structlog
from pydantic import BaseModel, ConfigDict, Field

from libs.common.clock import Clock
from libs.common.errors import Kind, RetryableError, UsualError
from libs.common.ids import derived_id
from libs.common.persistence import OutboxMessage
from libs.common.streaming.errors import SendUnknown
from services.ingest.domain.admission import Accepted, Caller, Refused, Rules, admit
from services.ingest.metrics import IngestMetrics, type_label
from services.ingest.ports import EventPublisher, QuarantinedEvent, QuarantineStore

_log = structlog.get_logger(__name__)


class KeyHolder(Caller, Protocol):
    """A caller whose key has a name."""

    @property
    def key_id(self) -> str:
        """The name of the key."""
        ...


class EventResult(BaseModel):
    """What became of one event. `accepted`: every in-sync replica of the broker has it.

    `quarantined`: invalid, kept with the reason. `unknown`: not acknowledged in time, it may be there or not.
    `refused`: it is not there, and it was not kept.
    """

    model_config = ConfigDict(frozen=True)

    id: str | None = None
    source: str | None = None
    status: Literal["accepted", "quarantined", "unknown", "refused"]
    quarantine_id: str | None = None
    slug: str | None = None
    detail: str | None = None
    pointer: str | None = None
    kind: Kind | None = Field(default=None, exclude=True)
    """What went wrong, None when nothing did; UNAVAILABLE: the same event may be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDoor:
    """Takes events in."""

    publisher: EventPublisher
    quarantine: QuarantineStore
    clock: Clock
    rules: Rules
    metrics: IngestMetrics
    publish_deadline_seconds: float
    quarantine_deadline_seconds: float

    async def accept_events(self, raws: Sequence[bytes | msgspec.Raw], caller: KeyHolder) -> Sequence[EventResult]:
        """What became of each event, in the order given. A bad one never holds up or fails its neighbours.

        Returns within the greater of the two deadlines, whatever the broker and the database do.
        """
        now = self.clock.now()
        verdicts = [admit(raw, caller, self.rules, now) for raw in raws]
        accepted = [verdict for verdict in verdicts if isinstance(verdict, Accepted)]
        refused = [verdict for verdict in verdicts if isinstance(verdict, Refused)]
        published, kept = await asyncio.gather(self._publish(accepted), self._keep(refused, caller, now))
        in_order = {
            id(verdict): result for verdict, result in zip([*accepted, *refused], [*published, *kept], strict=True)
        }
        self.metrics.batch_events.observe(len(raws))
        return [in_order[id(verdict)] for verdict in verdicts]

    async def _publish(self, accepted: Sequence[Accepted]) -> Sequence[EventResult]:
        if not accepted:
            return []
        messages = [_message(one) for one in accepted]
        started = self.clock.monotonic_seconds()
        failures: Sequence[UsualError | None]
        try:
            async with asyncio.timeout(self.publish_deadline_seconds):
                failures = await self.publisher.publish(messages)
        except TimeoutError:
            failures = [SendUnknown("no acknowledgement in time")] * len(messages)
        self.metrics.publish_seconds.observe(self.clock.monotonic_seconds() - started)
        return [self._published(one, failure) for one, failure in zip(accepted, failures, strict=True)]

    def _published(self, one: Accepted, failure: UsualError | None) -> EventResult:
        event = one.event
        if failure is None:
            self.metrics.accepted.labels(event.type).inc()
            return EventResult.model_construct(id=event.id, source=event.source, status="accepted")
        unknown = isinstance(failure, SendUnknown)
        if unknown:
            self.metrics.unknown.labels(event.type).inc()
        else:
            self.metrics.refused.labels(event.type, failure.slug).inc()
        return EventResult(
            id=event.id,
            source=event.source,
            status="unknown" if unknown else "refused",
            slug=failure.slug,
            detail=failure.detail,
            kind=failure.kind,
        )

    async def _keep(self, refused: Sequence[Refused], caller: KeyHolder, now: datetime) -> Sequence[EventResult]:
        """Keep what is invalid; what its sender had no right to say, or said too long, is not kept."""
        rows = {id(one): _row(one, caller, now) for one in refused if one.kind is Kind.INVALID}
        failure: RetryableError | None = None
        if rows:
            try:
                async with asyncio.timeout(self.quarantine_deadline_seconds):
                    await self.quarantine.keep(list({row.quarantine_id: row for row in rows.values()}.values()))
            except Exception as error:  # noqa: BLE001 - whatever ails the database, valid neighbours must not pay for it
                _log.warning("nothing was kept in quarantine", events=len(rows), error=type(error).__name__)
                failure = RetryableError("invalid, and the quarantine is away", slug="quarantine-unavailable")
        return [self._refused(one, rows.get(id(one)), failure) for one in refused]

    def _refused(self, one: Refused, row: QuarantinedEvent | None, failure: RetryableError | None) -> EventResult:
        label = type_label(one.name.type)
        if row is not None and failure is not None:
            self.metrics.refused.labels(label, failure.slug).inc()
            slug, detail, kind = failure.slug, failure.detail, failure.kind
        else:
            (self.metrics.quarantined if row else self.metrics.refused).labels(label, one.slug).inc()
            slug, detail, kind = one.slug, one.detail, one.kind
        kept = row if failure is None else None
        return EventResult(
            id=one.name.id,
            source=one.name.source,
            status="quarantined" if kept else "refused",
            quarantine_id=kept.quarantine_id if kept else None,
            slug=slug,
            detail=detail,
            pointer=one.pointer,
            kind=kind,
        )


def _message(one: Accepted) -> OutboxMessage:
    event = one.event
    return OutboxMessage(
        topic=one.topic.name, key=event.partition_key.encode(), headers=event.headers(), value=one.body
    )


def _row(one: Refused, caller: KeyHolder, now: datetime) -> QuarantinedEvent:
    name = one.name
    return QuarantinedEvent(
        quarantine_id=derived_id("quarantine", name.source or "", name.id or "", sha256(one.raw).hexdigest()),
        source=name.source,
        event_id=name.id,
        type=name.type,
        slug=one.slug,
        detail=one.detail,
        pointer=one.pointer,
        raw=one.raw,
        sent_by=caller.key_id,
        at=now,
    )

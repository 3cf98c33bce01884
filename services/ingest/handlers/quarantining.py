"""What is invalid is kept with its reason, byte for byte, until somebody mends it; called by accepting and by the API."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

import structlog

from libs.common.contracts import CONTRACTS
from libs.common.contracts.envelope import SCHEMA_BASE
from libs.common.errors import Kind, RetryableError
from libs.common.ids import derived_id
from services.ingest.domain.admission import SCOPES, Refused
from services.ingest.handlers.results import Arrival, EventResult
from services.ingest.handlers.sealed_events import SealedEvents
from services.ingest.metrics import IngestMetrics, type_label
from services.ingest.ports import QuarantinedEvent, QuarantineStore

_log = structlog.get_logger(__name__)


class Keeper(Protocol):
    """What is done with events that may not enter."""

    async def keep(self, refused: Sequence[Refused], arrival: Arrival, /) -> Sequence[EventResult]:
        """What each sender is told, in the order given; never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Where invalid events wait."""

    store: QuarantineStore
    events: SealedEvents
    metrics: IngestMetrics
    deadline_seconds: float

    async def keep(self, refused: Sequence[Refused], arrival: Arrival, /) -> Sequence[EventResult]:
        """Keep what is invalid; what its sender had no right to say, or said too long, is not kept."""
        rows = {id(one): _row(one, arrival) for one in refused if one.kind is Kind.INVALID}
        failure: RetryableError | None = None
        if rows:
            try:
                async with asyncio.timeout(self.deadline_seconds):
                    await self.store.keep(await self.events.sealed(_counted(rows.values())))
            except Exception as error:  # noqa: BLE001 - whatever ails the database, valid neighbours must not pay for it
                _log.warning("nothing was kept in quarantine", events=len(rows), error=type(error).__name__)
                failure = RetryableError("invalid, and the quarantine is away", slug="quarantine-unavailable")
        return [self._refused(one, rows.get(id(one)), failure) for one in refused]

    def _refused(self, one: Refused, row: QuarantinedEvent | None, failure: RetryableError | None) -> EventResult:
        if row is None:
            return told(one, self.metrics)
        label = type_label(one.name.type)
        result = result_of(one)
        if failure is not None:
            self.metrics.refused.labels(label, failure.slug).inc()
            return replace(result, slug=failure.slug, detail=failure.detail, kind=failure.kind)
        self.metrics.quarantined.labels(label, one.slug).inc()
        return replace(result, status="quarantined", quarantine_id=row.quarantine_id)


@dataclass(frozen=True, slots=True)
class NotKept:
    """For events that are in quarantine already: what is invalid is told to the mender and kept no second time."""

    metrics: IngestMetrics

    async def keep(self, refused: Sequence[Refused], _arrival: Arrival, /) -> Sequence[EventResult]:
        """Only what each sender is told."""
        return [told(one, self.metrics) for one in refused]


def told(one: Refused, metrics: IngestMetrics) -> EventResult:
    """What the sender of a refused event hears, counted."""
    metrics.refused.labels(type_label(one.name.type), one.slug).inc()
    return result_of(one)


def result_of(one: Refused) -> EventResult:
    """A refusal as a result."""
    return EventResult(
        id=one.name.id,
        source=one.name.source,
        status="refused",
        slug=one.slug,
        detail=one.detail,
        pointer=one.pointer,
        kind=one.kind,
    )


def _counted(rows: Collection[QuarantinedEvent]) -> Sequence[QuarantinedEvent]:
    """Each event once, with how often it came."""
    times = Counter(row.quarantine_id for row in rows)
    return [replace(row, times=times[row.quarantine_id]) for row in {row.quarantine_id: row for row in rows}.values()]


def _row(one: Refused, arrival: Arrival) -> QuarantinedEvent:
    name, caller = one.name, arrival.caller
    return QuarantinedEvent(
        quarantine_id=derived_id("quarantine", name.source or "", name.id or "", sha256(one.raw).hexdigest()),
        source=name.source,
        event_id=name.id,
        type=name.type,
        slug=one.slug,
        rule=one.rule,
        detail=one.detail,
        pointer=one.pointer,
        schema_id=SCHEMA_BASE + name.type if name.type is not None and name.type in CONTRACTS else None,
        raw=one.raw,
        door=arrival.door,
        sent_by=caller.key_id,
        store_id=caller.store_id,
        rights=tuple(scope for scope in SCOPES if caller.allows(scope)),
        country=caller.country,
        at=arrival.at,
        sent_at=arrival.sent_at,
    )

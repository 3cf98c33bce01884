"""What is invalid is kept with its reason, byte for byte, until somebody mends it; called by accepting and by the API."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import structlog

from libs.common.errors import Kind, RetryableError
from libs.common.ids import derived_id
from services.ingest.domain.admission import Refused
from services.ingest.handlers.results import EventResult, KeyHolder
from services.ingest.metrics import IngestMetrics, type_label
from services.ingest.ports import QuarantinedEvent, QuarantineStore

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Where invalid events wait."""

    store: QuarantineStore
    metrics: IngestMetrics
    deadline_seconds: float

    async def keep(self, refused: Sequence[Refused], caller: KeyHolder, now: datetime) -> Sequence[EventResult]:
        """Keep what is invalid; what its sender had no right to say, or said too long, is not kept."""
        rows = {id(one): _row(one, caller, now) for one in refused if one.kind is Kind.INVALID}
        failure: RetryableError | None = None
        if rows:
            try:
                async with asyncio.timeout(self.deadline_seconds):
                    await self.store.keep(list({row.quarantine_id: row for row in rows.values()}.values()))
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

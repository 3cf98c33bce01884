"""accept_events: judge, publish with awaited acknowledgement, keep what is invalid; every door ends here."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from libs.common.clock import Clock
from libs.common.contracts import Event
from libs.common.errors import Kind, UsualError
from libs.common.http.rate_limits import RateLimits
from libs.common.streaming.errors import SendUnknown
from services.ingest.domain.admission import Refused, Rules
from services.ingest.domain.documents import Document
from services.ingest.domain.duplicates import Window
from services.ingest.handlers.judging import Fate, Judge
from services.ingest.handlers.protecting import Protection, Ready, Waiting
from services.ingest.handlers.quarantining import Keeper
from services.ingest.handlers.repeats import Repeat, Repeats
from services.ingest.handlers.results import Arrival, EventResult, KeyHolder
from services.ingest.handlers.timekeeping import Timekeeping
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import EventPublisher


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDoor:
    """Takes events in. `window` and `timekeeping` hold what this process has seen; nothing else does."""

    publisher: EventPublisher
    protection: Protection
    quarantine: Keeper
    rates: RateLimits
    window: Window
    timekeeping: Timekeeping
    clock: Clock
    rules: Rules
    metrics: IngestMetrics
    publish_deadline_seconds: float

    async def accept_events(
        self,
        documents: Sequence[Document],
        caller: KeyHolder,
        *,
        door: str = "events",
        sent_at: datetime | None = None,
        besides: int = 0,
    ) -> Sequence[EventResult]:
        """What became of each event, in the order given. A bad one never holds up or fails its neighbours.

        `door` says which shape they came in, `sent_at` what the sender's clock said as it sent them, `besides` how much more came with
        them that is no event and counts all the same. Returns within the
        deadlines of broker and database, whatever both do; only an event with a text to seal waits for one after the other.

        Raises RateLimited for a key or a store that brings too many: then nothing of them was looked at.
        """
        self.rates.take(caller, len(documents) + besides)
        now = self.clock.now()
        judge = Judge(
            caller=caller,
            rules=self.rules if sent_at is None else replace(self.rules, sent_at=sent_at),
            now=now,
            repeats=Repeats(self.window, self.clock.monotonic_seconds()),
            protection=self.protection,
            timekeeping=self.timekeeping,
        )
        fates = [judge.fate_of(document, place) for place, document in enumerate(documents)]
        self.metrics.batch_events.observe(len(documents))
        ready = [fate for fate in fates if isinstance(fate, Ready)]
        if len(ready) == len(fates):  # as ever: tasks side by side would cost more than all the checks
            return await self._publish(ready)
        waiting = [fate for fate in fates if isinstance(fate, Waiting)]
        refused = [fate for fate in fates if isinstance(fate, Refused)]
        self._count_cards(refused, door)
        arrival = Arrival(caller, now, door, sent_at)
        done = await asyncio.gather(
            self._publish(ready), self._seal_and_publish(waiting), self.quarantine.keep(refused, arrival)
        )
        own = dict(zip(map(id, (*ready, *waiting, *refused)), chain.from_iterable(done), strict=True))
        return [self._repeated(fate, fates, own) if isinstance(fate, Repeat) else own[id(fate)] for fate in fates]

    def _count_cards(self, refused: Sequence[Refused], door: str) -> None:
        for one in refused:
            if one.kind is Kind.UNACCEPTABLE:
                self.metrics.card_numbers.labels(door).inc()

    def _repeated(self, repeat: Repeat, fates: Sequence[Fate], own: Mapping[int, EventResult]) -> EventResult:
        """A repeat has the fate of the first: one that the broker had acknowledged, or one of the same request."""
        first = own[id(fates[repeat.first])] if repeat.first is not None else None
        if first is not None and first.status != "accepted":
            self._count_failure(repeat.type, first)
            return first
        self.metrics.duplicates.labels(repeat.type).inc()
        return EventResult(id=repeat.id, source=repeat.source, status="accepted", duplicate=True)

    async def _seal_and_publish(self, waiting: Sequence[Waiting]) -> Sequence[EventResult]:
        """What needs a key keeps nobody else waiting for it."""
        if not waiting:
            return []
        sealed = await self.protection.seal(waiting)
        published = iter(await self._publish([one for one in sealed if isinstance(one, Ready)]))
        return [
            next(published) if isinstance(after, Ready) else self._failed(one.accepted.event, after)
            for one, after in zip(waiting, sealed, strict=True)
        ]

    async def _publish(self, ready: Sequence[Ready]) -> Sequence[EventResult]:
        if not ready:
            return []
        started = self.clock.monotonic_seconds()
        failures: Sequence[UsualError | None]
        try:
            async with asyncio.timeout(self.publish_deadline_seconds):
                failures = await self.publisher.publish([one.message for one in ready])
        except TimeoutError:
            failures = [SendUnknown("no acknowledgement in time")] * len(ready)
        at_seconds = self.clock.monotonic_seconds()
        self.metrics.publish_seconds.observe(at_seconds - started)
        acknowledged = Counter(one.type for one, failed in zip(ready, failures, strict=True) if failed is None)
        for event_type, count in acknowledged.items():
            self.metrics.accepted.labels(event_type).inc(count)
        return [
            self._acknowledged(one, at_seconds) if failed is None else self._failed(one, failed)
            for one, failed in zip(ready, failures, strict=True)
        ]

    def _acknowledged(self, one: Ready, at_seconds: float) -> EventResult:
        self.window.remember(one.fingerprint, at_seconds)
        if one.removed:
            self.metrics.junk_removed.labels(one.type).inc(len(one.removed))
        return EventResult(id=one.id, source=one.source, status="accepted", removed=one.removed or None)

    def _failed(self, one: Ready | Event, failure: UsualError) -> EventResult:
        result = EventResult(
            id=one.id,
            source=one.source,
            status="unknown" if isinstance(failure, SendUnknown) else "refused",
            slug=failure.slug,
            detail=failure.detail,
            kind=failure.kind,
        )
        self._count_failure(one.type, result)
        return result

    def _count_failure(self, event_type: str, result: EventResult) -> None:
        if result.status == "unknown":
            self.metrics.unknown.labels(event_type).inc()
        else:
            self.metrics.refused.labels(event_type, result.slug).inc()

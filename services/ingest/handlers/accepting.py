"""accept_events: judge, publish with awaited acknowledgement, keep what is invalid; every door ends here."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from libs.common.clock import Clock
from libs.common.errors import Kind, UsualError
from libs.common.http.rate_limits import RateLimits
from libs.common.persistence import OutboxMessage
from libs.common.streaming.errors import SendUnknown
from services.ingest.domain.admission import Accepted, Refused, Rules, admit
from services.ingest.domain.duplicates import Window
from services.ingest.domain.personal import Draft
from services.ingest.handlers.protecting import Protection, apart, plain
from services.ingest.handlers.quarantining import Keeper
from services.ingest.handlers.repeats import Repeat, sort_out
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
        raws: Sequence[bytes | msgspec.Raw],
        caller: KeyHolder,
        *,
        door: str = "events",
        sent_at: datetime | None = None,
    ) -> Sequence[EventResult]:
        """What became of each event, in the order given. A bad one never holds up or fails its neighbours.

        `door` says which shape they came in, `sent_at` what the sender's clock said as it sent them. Returns within the
        deadlines of broker and database, whatever both do; only an event with a text to seal waits for one after the other.

        Raises RateLimited for a key or a store that brings too many: then nothing of them was looked at.
        """
        self.rates.take(caller, len(raws))
        now = self.clock.now()
        rules = self.rules if sent_at is None else replace(self.rules, sent_at=sent_at)
        verdicts = [admit(raw, caller, rules, now) for raw in raws]
        self.timekeeping.note(verdicts, caller, now)
        fates = sort_out(verdicts, raws, self.window, self.clock.monotonic_seconds())
        accepted = [fate for fate in fates if isinstance(fate, Accepted)]
        refused = [fate for fate in fates if isinstance(fate, Refused)]
        publishing = self._protect_and_publish(accepted, caller)
        kept: Sequence[EventResult] = []
        if refused:
            keeping = self.quarantine.keep(refused, Arrival(caller, now, door, sent_at))
            published, kept = await asyncio.gather(publishing, keeping)
        else:  # as ever: two tasks would cost more than all the checks
            published = await publishing
        own = {id(fate): result for fate, result in zip([*accepted, *refused], [*published, *kept], strict=True)}
        self._count(refused, len(raws), door)
        return [self._repeated(fate, own) if isinstance(fate, Repeat) else own[id(fate)] for fate in fates]

    def _count(self, refused: Sequence[Refused], events: int, door: str) -> None:
        self.metrics.batch_events.observe(events)
        for one in refused:
            if one.kind is Kind.UNACCEPTABLE:
                self.metrics.card_numbers.labels(door).inc()

    def _repeated(self, repeat: Repeat, own: Mapping[int, EventResult]) -> EventResult:
        """A repeat has the fate of the first: one that the broker had acknowledged, or one of the same request."""
        first = own[id(repeat.first)] if repeat.first is not None else None
        event = repeat.event
        if first is not None and first.status != "accepted":
            self._count_failure(event.type, first)
            return first
        self.metrics.duplicates.labels(event.type).inc()
        return EventResult(id=event.id, source=event.source, status="accepted", duplicate=True)

    async def _protect_and_publish(self, accepted: Sequence[Accepted], caller: KeyHolder) -> Sequence[EventResult]:
        """What needs no key is on its way at once, and waits for nobody's."""
        ready, waiting = apart(self.protection.draft(accepted, caller.country))
        now = self._publish([plain(one, draft) for one, draft in ready])
        if not waiting:
            return await now
        published, sealed = await asyncio.gather(now, self._seal_and_publish(waiting))
        ones = [one for one, _ in (*ready, *waiting)]
        own = {id(one): result for one, result in zip(ones, (*published, *sealed), strict=True)}
        return [own[id(one)] for one in accepted]

    async def _seal_and_publish(self, waiting: Sequence[tuple[Accepted, Draft]]) -> Sequence[EventResult]:
        sealed = await self.protection.seal(waiting)
        published = iter(await self._publish([one for one in sealed if isinstance(one, Accepted)]))
        return [
            next(published) if isinstance(after, Accepted) else self._failed(one, after)
            for (one, _), after in zip(waiting, sealed, strict=True)
        ]

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
        at_seconds = self.clock.monotonic_seconds()
        self.metrics.publish_seconds.observe(at_seconds - started)
        acknowledged = Counter(one.event.type for one, failed in zip(accepted, failures, strict=True) if failed is None)
        for event_type, count in acknowledged.items():
            self.metrics.accepted.labels(event_type).inc(count)
        return [
            self._acknowledged(one, at_seconds) if failed is None else self._failed(one, failed)
            for one, failed in zip(accepted, failures, strict=True)
        ]

    def _acknowledged(self, one: Accepted, at_seconds: float) -> EventResult:
        self.window.remember(one.fingerprint, at_seconds)
        if one.removed:
            self.metrics.junk_removed.labels(one.event.type).inc(len(one.removed))
        return EventResult(id=one.event.id, source=one.event.source, status="accepted", removed=one.removed or None)

    def _failed(self, one: Accepted, failure: UsualError) -> EventResult:
        event = one.event
        result = EventResult(
            id=event.id,
            source=event.source,
            status="unknown" if isinstance(failure, SendUnknown) else "refused",
            slug=failure.slug,
            detail=failure.detail,
            kind=failure.kind,
        )
        self._count_failure(event.type, result)
        return result

    def _count_failure(self, event_type: str, result: EventResult) -> None:
        if result.status == "unknown":
            self.metrics.unknown.labels(event_type).inc()
        else:
            self.metrics.refused.labels(event_type, result.slug).inc()


def _message(one: Accepted) -> OutboxMessage:
    event = one.event
    return OutboxMessage(
        topic=one.topic.name, key=event.partition_key.encode(), headers=event.headers(), value=one.body
    )

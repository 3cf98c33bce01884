"""accept_events: judge, publish with awaited acknowledgement, keep what is invalid; every door ends here."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from libs.common.clock import Clock
from libs.common.errors import UsualError
from libs.common.persistence import OutboxMessage
from libs.common.streaming.errors import SendUnknown
from services.ingest.domain.admission import Accepted, Refused, Rules, admit
from services.ingest.domain.duplicates import Window
from services.ingest.handlers.quarantining import Keeper
from services.ingest.handlers.repeats import Repeat, sort_out
from services.ingest.handlers.results import EventResult, KeyHolder
from services.ingest.handlers.timekeeping import Timekeeping
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import EventPublisher


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDoor:
    """Takes events in. `window` and `timekeeping` hold what this process has seen; nothing else does."""

    publisher: EventPublisher
    quarantine: Keeper
    window: Window
    timekeeping: Timekeeping
    clock: Clock
    rules: Rules
    metrics: IngestMetrics
    publish_deadline_seconds: float

    async def accept_events(
        self, raws: Sequence[bytes | msgspec.Raw], caller: KeyHolder, *, door: str = "events"
    ) -> Sequence[EventResult]:
        """What became of each event, in the order given. A bad one never holds up or fails its neighbours.

        `door` says which shape they came in. Returns within the greater of the two deadlines, whatever the broker and
        the database do.
        """
        now = self.clock.now()
        verdicts = [admit(raw, caller, self.rules, now) for raw in raws]
        self.timekeeping.note(verdicts, caller, now)
        fates = sort_out(verdicts, raws, self.window, self.clock.monotonic_seconds())
        accepted = [fate for fate in fates if isinstance(fate, Accepted)]
        refused = [fate for fate in fates if isinstance(fate, Refused)]
        published, kept = await asyncio.gather(
            self._publish(accepted), self.quarantine.keep(refused, caller, now, door)
        )
        own = {id(fate): result for fate, result in zip([*accepted, *refused], [*published, *kept], strict=True)}
        self.metrics.batch_events.observe(len(raws))
        return [self._repeated(fate, own) if isinstance(fate, Repeat) else own[id(fate)] for fate in fates]

    def _repeated(self, repeat: Repeat, own: Mapping[int, EventResult]) -> EventResult:
        """A repeat has the fate of the first: one that the broker had acknowledged, or one of the same request."""
        first = own[id(repeat.first)] if repeat.first is not None else None
        event = repeat.event
        if first is not None and first.status != "accepted":
            self._count_failure(event.type, first)
            return first
        self.metrics.duplicates.labels(event.type).inc()
        return EventResult.model_construct(id=event.id, source=event.source, status="accepted", duplicate=True)

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
            self.window.remember(one.fingerprint, self.clock.monotonic_seconds())
            self.metrics.accepted.labels(event.type).inc()
            return EventResult.model_construct(id=event.id, source=event.source, status="accepted")
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

"""accept_events: judge, publish with awaited acknowledgement, keep what is invalid; every door ends here."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from libs.common.clock import Clock
from libs.common.errors import UsualError
from libs.common.persistence import OutboxMessage
from libs.common.streaming.errors import SendUnknown
from services.ingest.domain.admission import Accepted, Refused, Rules, admit
from services.ingest.handlers.quarantining import Quarantine
from services.ingest.handlers.results import EventResult, KeyHolder
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import EventPublisher


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDoor:
    """Takes events in."""

    publisher: EventPublisher
    quarantine: Quarantine
    clock: Clock
    rules: Rules
    metrics: IngestMetrics
    publish_deadline_seconds: float

    async def accept_events(self, raws: Sequence[bytes | msgspec.Raw], caller: KeyHolder) -> Sequence[EventResult]:
        """What became of each event, in the order given. A bad one never holds up or fails its neighbours.

        Returns within the greater of the two deadlines, whatever the broker and the database do.
        """
        now = self.clock.now()
        verdicts = [admit(raw, caller, self.rules, now) for raw in raws]
        accepted = [verdict for verdict in verdicts if isinstance(verdict, Accepted)]
        refused = [verdict for verdict in verdicts if isinstance(verdict, Refused)]
        published, kept = await asyncio.gather(self._publish(accepted), self.quarantine.keep(refused, caller, now))
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


def _message(one: Accepted) -> OutboxMessage:
    event = one.event
    return OutboxMessage(
        topic=one.topic.name, key=event.partition_key.encode(), headers=event.headers(), value=one.body
    )

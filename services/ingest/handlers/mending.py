"""What somebody does with events in quarantine: look, patch, send again, discard; called by the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from libs.common.clock import Clock
from libs.common.errors import Conflict, Kind, NotFound, UsualError
from services.ingest.domain.admission import Refused, admit
from services.ingest.domain.mending import mended
from services.ingest.handlers.accepting import FrontDoor
from services.ingest.handlers.quarantining import NotKept, result_of
from services.ingest.handlers.results import EventResult, KeyHolder
from services.ingest.handlers.sealed_events import SealedEvents
from services.ingest.ports import Decision, QuarantinedEvent, QuarantineStore, State, Wanted

_NOT_NOW = frozenset({Kind.UNAVAILABLE, Kind.TOO_MANY})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who first sent an event: it is judged again by what that key was allowed, wherever the mender sits."""

    key_id: str
    store_id: str
    rights: tuple[str, ...]
    country: str | None
    events_per_second: float | None = 0.0
    """Whoever mends is not slowed down by the rate of the key that first sent it."""

    def allows(self, scope: str) -> bool:
        """Whether the key carried `scope` then."""
        return scope in self.rights

    def may_act_for(self, store_id: str) -> bool:
        """Whether it was bound to this store, or to none."""
        return self.store_id in {"*", store_id}


@dataclass(frozen=True, slots=True)
class Resubmitted:
    """One event that was sent again, or would have been."""

    quarantine_id: str
    result: EventResult


@dataclass(frozen=True, slots=True)
class Mender:
    """Works on the quarantine, and sends through the same door as everybody. A key sees what came with keys of its store."""

    store: QuarantineStore
    events: SealedEvents
    door: FrontDoor
    clock: Clock

    async def inspect(self, quarantine_id: str, caller: KeyHolder) -> QuarantinedEvent:
        """One event with its bytes; who looked is logged. Raises NotFound, also when the key of whom it names is gone."""
        found = await self.events.opened(await self._found(quarantine_id, caller))
        _log.info("quarantined event inspected", quarantine_id=quarantine_id, key=caller.key_id)
        return found

    async def patch(
        self, quarantine_id: str, operations: Sequence[Mapping[str, Any]], caller: KeyHolder, *, dry_run: bool
    ) -> EventResult:
        """Judge the patched event like one that comes in, and keep it to be sent when it would be accepted.

        Raises NotFound, Conflict when it does not wait any more, InvalidInput for a patch that does not fit.
        """
        kept = await self.events.opened(_waiting(await self._found(quarantine_id, caller)))
        limit = self.door.rules.greatest_event_bytes
        after = mended(kept.mended or kept.raw, operations, greatest_bytes=limit)
        judged = self._judged(kept, after)
        if judged.kind is None and not dry_run:
            name, sealed = await self.events.sealed_bytes(after, self.clock.now())
            if not await self.store.mend(quarantine_id, sealed, sealed_under=name):
                raise _settled()
        return judged

    async def resubmit(self, quarantine_id: str, caller: KeyHolder) -> EventResult:
        """Send it, mended where it was, under its own id and source through the same window: twice is once.

        It waits on when it was not accepted; the outcome is noted. Raises NotFound, Conflict for one that was discarded.
        """
        kept = await self._found(quarantine_id, caller)
        if kept.state == "resubmitted":
            return EventResult(id=kept.event_id, source=kept.source, status="accepted", duplicate=True)
        kept = await self._opened_to_send(_waiting(kept), caller)
        rules = replace(self.door.rules, heard_at=kept.at)
        door = replace(self.door, quarantine=NotKept(self.door.metrics), rules=rules)
        (result,) = await door.accept_events(
            [kept.mended or kept.raw], _sender(kept), door=kept.door, sent_at=kept.sent_at
        )
        accepted = result.status == "accepted"
        outcome = ("duplicate" if result.duplicate else "accepted") if accepted else result.slug or result.status
        await self._decide(kept, caller, "resubmitted" if accepted else "waiting", outcome)
        return result

    async def resubmit_class(
        self, wanted: Wanted, caller: KeyHolder, *, limit: int, dry_run: bool
    ) -> Sequence[Resubmitted]:
        """Send those that wait and fit, or only judge them: the oldest that nobody tried to send first, then what was tried longest ago.

        So an order that is given again gets to all of them, whatever is refused. One that cannot be opened costs itself.

        Stops at the first that broker or database could not take: the others would wait in vain, one after the other.
        """
        done: list[Resubmitted] = []
        for quarantine_id in await self.store.waiting_ids(wanted, limit=limit):
            result = await self._one_of_many(quarantine_id, caller, dry_run=dry_run)
            done.append(Resubmitted(quarantine_id, result))
            if result.kind in _NOT_NOW:
                break
        return done

    async def _one_of_many(self, quarantine_id: str, caller: KeyHolder, *, dry_run: bool) -> EventResult:
        try:
            if not dry_run:
                return await self.resubmit(quarantine_id, caller)
            kept = await self.events.opened(await self._found(quarantine_id, caller))
            return self._judged(kept, kept.mended or kept.raw)
        except UsualError as error:
            return EventResult(status="refused", slug=error.slug, detail=error.detail, kind=error.kind)

    async def _opened_to_send(self, kept: QuarantinedEvent, caller: KeyHolder) -> QuarantinedEvent:
        """As `opened` of the events; that it can't be is noted as the outcome, but where it can be later."""
        try:
            return await self.events.opened(kept)
        except UsualError as error:
            if error.kind is not Kind.UNAVAILABLE:
                await self._decide(kept, caller, "waiting", error.slug)
            raise

    async def discard(self, quarantine_id: str, reason: str, caller: KeyHolder) -> None:
        """It is not to be sent, for this reason. Raises NotFound, Conflict when it does not wait any more."""
        kept = _waiting(await self._found(quarantine_id, caller))
        if not await self._decide(kept, caller, "discarded", reason):
            raise _settled()

    async def _found(self, quarantine_id: str, caller: KeyHolder) -> QuarantinedEvent:
        found = await self.store.find(quarantine_id)
        if found is None or not caller.may_act_for(found.store_id):
            raise NotFound("nothing in quarantine has this id")
        return found

    def _judged(self, kept: QuarantinedEvent, raw: bytes) -> EventResult:
        rules = replace(self.door.rules, heard_at=kept.at, sent_at=kept.sent_at)
        verdict = admit(raw, _sender(kept), rules, self.clock.now())
        if isinstance(verdict, Refused):
            return result_of(verdict)
        removed = verdict.removed or None
        return EventResult(id=verdict.event.id, source=verdict.event.source, status="accepted", removed=removed)

    async def _decide(self, kept: QuarantinedEvent, caller: KeyHolder, state: State, outcome: str) -> bool:
        return await self.store.decide(
            Decision(
                quarantine_id=kept.quarantine_id, state=state, by=caller.key_id, at=self.clock.now(), outcome=outcome
            )
        )


def _sender(kept: QuarantinedEvent) -> Sender:
    return Sender(kept.sent_by, kept.store_id, kept.rights, kept.country)


def _waiting(kept: QuarantinedEvent) -> QuarantinedEvent:
    if kept.state != "waiting":
        raise _settled()
    return kept


def _settled() -> Conflict:
    return Conflict("this event was sent again or discarded", slug="already-settled")

"""accept_poslog: a body of tills' transactions through the one door that all events take; called by the API."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from pydantic import BaseModel, ConfigDict

from libs.common.card_numbers import CardNumberFound, CardNumberGuard
from services.ingest.domain.admission import Refused
from services.ingest.domain.envelope import EventName
from services.ingest.domain.poslog import Assumed, Mapped, Poslog, XmlLimits, read_poslog
from services.ingest.handlers.accepting import FrontDoor
from services.ingest.handlers.results import Arrival, EventResult, KeyHolder

DOOR = "poslog"
_READ_AT_ONCE = 2


class TransactionResult(BaseModel):
    """What became of one transaction: one result for each event made of it, or for the transaction if it is broken.

    `skipped` says why no event was made: `unmapped-transaction`, `suspended` or `empty-transaction`. `voided_lines` are in
    no event. `time_zone_assumed`: its time had no zone.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    store_id: str | None = None
    workstation_id: str | None = None
    business_day: date | None = None
    sequence_number: str | None = None
    receipt_id: str | None = None
    time_zone_assumed: bool = False
    voided_lines: int = 0
    skipped: str | None = None
    events: tuple[EventResult, ...] = ()


class PoslogAnswer(BaseModel):
    """One result for each transaction, in the order of the document, and what nobody read of it.

    `unmapped` counts elements and attributes by path; what stands below an unmapped element is not listed again. At most
    200 paths are told apart, `unmapped_left_out` counts the rest.
    """

    model_config = ConfigDict(frozen=True)

    transactions: tuple[TransactionResult, ...]
    unmapped: dict[str, int]
    unmapped_left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoslogDoor:
    """Takes POSLog in. Bodies are read in a thread, few at once: tills that send events must not wait for a long day's log."""

    door: FrontDoor
    limits: XmlLimits
    guard: CardNumberGuard
    _reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READ_AT_ONCE))

    async def read(self, body: bytes, assumed: Assumed) -> Poslog:
        """The body's transactions as events. Raises XmlForbidden, InvalidXml, InvalidInput, TooLarge and CardNumberFound."""
        async with self._reading:
            try:
                return await asyncio.to_thread(read_poslog, body, self.limits, assumed, self.guard)
            except CardNumberFound:
                self.door.metrics.card_numbers.labels(DOOR).inc()
                raise

    async def accept(self, poslog: Poslog, caller: KeyHolder) -> PoslogAnswer:
        """What became of each transaction. A broken one is kept as it came, and costs its neighbours nothing.

        Raises RateLimited.
        """
        broken = [one for one in poslog.transactions if one.fault is not None]
        kept = [one for one in broken if one.raw]
        cards = sum(isinstance(one.fault, CardNumberFound) for one in broken)
        self.door.metrics.card_numbers.labels(DOOR).inc(cards)
        # First: who is over its rate is told that nothing was taken.
        told = await self._events(poslog, caller, besides=len(broken))
        arrival = Arrival(caller, self.door.clock.now(), DOOR)
        outcomes = await self.door.quarantine.keep([_refused(one) for one in kept], arrival)
        fates = {id(one): (_not_kept(one),) for one in broken}
        fates |= {id(one): (outcome,) for one, outcome in zip(kept, outcomes, strict=True)}
        results = iter(told)
        return PoslogAnswer(
            transactions=tuple(
                _result(one, fates.get(id(one)) or tuple(next(results) for _ in one.events))
                for one in poslog.transactions
            ),
            unmapped=dict(sorted(poslog.unmapped.items())),
            unmapped_left_out=poslog.unmapped_left_out,
        )

    async def _events(self, poslog: Poslog, caller: KeyHolder, besides: int) -> Sequence[EventResult]:
        events = [event for one in poslog.transactions for event in one.events]
        if events:
            return await self.door.accept_events(events, caller, door=DOOR, besides=besides)
        self.door.rates.take(caller, besides)
        return []


def _refused(one: Mapped) -> Refused:
    assert one.fault is not None  # noqa: S101 - only broken ones come here
    source = one.reference.source if one.reference else None
    return Refused(
        name=EventName(None, source, None),
        kind=one.fault.kind,
        slug=one.fault.slug,
        detail=one.fault.detail,
        pointer=str(one.fault.context.get("pointer", "")),
        raw=one.raw,
        rule=one.fault.slug,
    )


def _not_kept(one: Mapped) -> EventResult:
    """A transaction that is too long to keep, or that holds a card number."""
    assert one.fault is not None  # noqa: S101 - only broken ones come here
    return EventResult(status="refused", slug=one.fault.slug, detail=one.fault.detail, kind=one.fault.kind)


def _result(one: Mapped, events: tuple[EventResult, ...]) -> TransactionResult:
    reference = one.reference
    return TransactionResult(
        kind=one.kind,
        store_id=reference and reference.store_id,
        workstation_id=reference and reference.workstation_id,
        business_day=reference and reference.business_day,
        sequence_number=reference and reference.sequence_number,
        receipt_id=reference and reference.receipt_id,
        time_zone_assumed=one.zone_was_assumed,
        voided_lines=one.voided_lines,
        skipped=one.skipped,
        events=events,
    )

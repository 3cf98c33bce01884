"""Watching redemptions for fraud: one bounded look, one rule, one row; whoever cannot be watched in time is let through."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.contracts import new_event
from libs.common.contracts.offers import FraudSuspected
from libs.common.contracts.topics import OFFERS_FRAUD
from libs.common.errors import RetryableError
from libs.common.persistence import OutboxMessage
from services.offers.domain.fraud.signs import UNWATCHED, Action, Assessment, FraudPolicy, assess
from services.offers.domain.redemption.discounting import Refusal
from services.offers.domain.vouchers.voucher import Basket, Given, NotRedeemed, Voucher
from services.offers.handlers.vouchers.facts import SOURCE
from services.offers.metrics import OffersMetrics
from services.offers.ports.fraud.watching import Bearer, Sighting, SightingReads, Watched, WatchStore

_REFUSALS = {Action.STEP_UP: NotRedeemed.STEP_UP_REQUIRED, Action.BLOCK: NotRedeemed.SUSPECTED}
_ALARMING = {Action.STEP_UP, Action.BLOCK, Action.CONFIRMED}
NOBODY = Bearer(lane="")


Outcome = Given | Refusal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a presentation, and what was seen; None: nobody looks."""

    outcome: Outcome
    sighting: Sighting | None = None
    assessment: Assessment = UNWATCHED


class Watching(Protocol):
    """Who looks for fraud."""

    async def judge(
        self, voucher: Voucher | None, outcome: Outcome, basket: Basket, bearer: Bearer, now: datetime
    ) -> Verdict:
        """What becomes of `outcome` for this basket."""
        ...

    async def keep(self, store: WatchStore, redemption_id: str, verdict: Verdict) -> None:
        """Keep what was seen with what came of it, and tell where somebody should look."""
        ...


class Unwatching:
    """Fits Watching where nobody looks: a program that redeems and is no door."""

    async def judge(
        self, _voucher: Voucher | None, outcome: Outcome, _basket: Basket, _bearer: Bearer, _now: datetime
    ) -> Verdict:
        """The outcome as it is."""
        return Verdict(outcome)

    async def keep(self, _store: WatchStore, _redemption_id: str, _verdict: Verdict) -> None:
        """Nothing."""


UNWATCHING = Unwatching()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Looks at presentations, `look_seconds` at most."""

    reads: SightingReads
    policy: FraudPolicy
    look_seconds: float
    metrics: OffersMetrics

    async def judge(
        self, voucher: Voucher | None, outcome: Outcome, basket: Basket, bearer: Bearer, now: datetime
    ) -> Verdict:
        """As promised. Asks the same of every presentation, whatever the outcome is."""
        sighting = Sighting(
            voucher_id=voucher.voucher_id if voucher else None,
            customer_id=voucher.customer_id if voucher else None,
            receipt_id=basket.receipt_id,
            store_id=basket.store_id,
            bearer=bearer,
            at=now,
        )
        assessment = await self._assessed(sighting, gives=isinstance(outcome, Given))
        return Verdict(_REFUSALS.get(assessment.action, outcome), sighting, assessment)

    async def keep(self, store: WatchStore, redemption_id: str, verdict: Verdict) -> None:
        """As promised."""
        if verdict.sighting is None:
            return
        outcome, assessment = verdict.outcome, verdict.assessment
        redeemed = isinstance(outcome, Given)
        watched = Watched(
            redemption_id=redemption_id,
            sighting=verdict.sighting,
            redeemed=redeemed,
            reason="redeemed" if redeemed else str(outcome),
            assessment=assessment,
        )
        await store.keep(watched)
        self.metrics.fraud.actions.labels(assessment.action).inc()
        for signal in assessment.signals:
            self.metrics.fraud.signals.labels(signal).inc()
        if assessment.action in _ALARMING:
            await store.tell([_suspected(watched)])

    async def _assessed(self, sighting: Sighting, *, gives: bool) -> Assessment:
        try:
            async with asyncio.timeout(self.look_seconds):
                presented = await self.reads.look(sighting)
        except TimeoutError:
            self.metrics.fraud.unwatched.labels("slow").inc()
            return UNWATCHED
        except RetryableError as error:
            self.metrics.fraud.unwatched.labels(error.slug).inc()
            return UNWATCHED
        confirmed = sighting.bearer.supervisor_id is not None
        return assess(presented, self.policy, gives=gives, confirmed=confirmed)


def _suspected(watched: Watched) -> OutboxMessage:
    sighting, assessment = watched.sighting, watched.assessment
    fact = FraudSuspected(
        redemption_id=watched.redemption_id,
        voucher_id=sighting.voucher_id,
        store_id=sighting.store_id,
        receipt_id=sighting.receipt_id,
        action=assessment.action.value,
        points=assessment.points,
        signals=tuple(signal.value for signal in assessment.signals),
        supervisor_id=sighting.bearer.supervisor_id,
    )
    event_id = f"{watched.redemption_id}:suspected"
    return OutboxMessage.of(new_event(fact, event_id=event_id, source=SOURCE, occurred_at=sighting.at), OFFERS_FRAUD)

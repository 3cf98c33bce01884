"""Locking out who guesses codes: the look that comes first, and the count of misses."""

from dataclasses import dataclass
from datetime import datetime
from math import ceil

from libs.common.errors import TooManyTries
from services.offers.domain.fraud.guessing import MissLimits, Presenter
from services.offers.handlers.money.clock import MoneyClock
from services.offers.metrics import OffersMetrics
from services.offers.ports.fraud.guessing import MissStore, Opening


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockout:
    """What every desk that codes are presented at has in common."""

    clock: MoneyClock
    limits: MissLimits
    metrics: OffersMetrics

    async def opening(self, misses: MissStore, presenter: Presenter) -> Opening:
        """The look that comes first. Raises TooManyTries while the presenter is locked out."""
        opening = await misses.opening(self.limits.of(presenter))
        if opening.locked_until is not None and self.clock.clock.now() < opening.locked_until:
            raise self.locked_out(opening.locked_until)
        return opening

    async def missed(self, misses: MissStore, presenter: Presenter, count: int = 1) -> None:
        """Count misses for all of their subjects, until they lock. Raises TooManyTries when somebody else's has locked one meanwhile."""
        now = self.clock.clock.now()
        limits = self.limits.of(presenter)
        before = await misses.lock(limits, now)
        ends = [until for each in before.values() if (until := each.lock_at(now)) is not None]
        if ends:
            raise self.locked_out(max(ends))
        after = before
        for _ in range(count):
            after = {subject: after[subject].and_one_more(limit, self.limits, now) for subject, limit in limits.items()}
            if any(each.locked_until is not None for each in after.values()):
                break
        await misses.put(after)
        self.metrics.code_misses.labels(presenter.kind).inc(count)
        for subject, each in after.items():
            if each.locked_until is not None:
                self.metrics.code_locks.labels(*subject.split(":", 2)[:2]).inc()

    def locked_out(self, until: datetime) -> TooManyTries:
        """The error that says so, counted."""
        self.metrics.locked_out.inc()
        seconds = (until - self.clock.clock.now()).total_seconds()
        return TooManyTries(
            "too many codes that were not valid; no code is looked at for a while", wait_seconds=max(1, ceil(seconds))
        )

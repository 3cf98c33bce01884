"""What happens again and again, not event by event: folding, measuring, and learning by the clock of a live deployment."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from services.profile.bootstrap.parts import Parts
from services.profile.handlers.folding import fold_dirty
from services.profile.handlers.memory import Judge, NeedsLearning
from services.profile.handlers.reevaluating import reevaluate
from services.profile.store import PostgresProfileStore
from services.profile.store.backlog import backlog

Round = Callable[[], Awaitable[int]]
_MARKS_AHEAD = 4


def fold_round(parts: Parts) -> Round:
    """Folds one batch of dirty customers; says 0 (rest a little) unless there may be more than a batch."""
    limit, metrics, clock = parts.settings.fold_batch_marks, parts.metrics, parts.clock
    judge = Judge()

    async def fold() -> int:
        began = clock.monotonic_seconds()
        async with parts.transactions.begin() as tx:
            store = PostgresProfileStore(tx)
            folded = await fold_dirty(store, limit, judge)
        if folded.marks:
            metrics.fold_seconds.observe(clock.monotonic_seconds() - began)
            metrics.folded.inc(folded.customers)
        for row in folded.moved:
            metrics.segment_moves.labels(row.segment_id, "entered" if row.entered else "left").inc()
        return folded.marks if folded.marks >= limit else 0

    return fold


def reevaluate_round(parts: Parts) -> Round:
    """Looks at one batch of customers after a change of rules; rests where folders are behind, or when nothing is left."""
    limit, metrics = parts.settings.segment_batch_customers, parts.metrics
    judge = Judge()

    async def look() -> int:
        async with parts.transactions.begin() as tx:
            if (await backlog(tx)).dirty_marks > _MARKS_AHEAD * limit:
                return 0
            sweep = await reevaluate(PostgresProfileStore(tx), limit, judge)
        metrics.segment_sweep.set(0 if sweep.finished else max(sweep.customers_total - sweep.customers_done, 0))
        return 0 if sweep.finished else limit

    return look


def measure_round(parts: Parts) -> Round:
    """Sets the gauges of what waits."""
    metrics = parts.metrics

    async def measure() -> int:
        async with parts.transactions.begin() as tx:
            waiting = await backlog(tx)
        metrics.dirty.set(waiting.dirty_marks)
        metrics.dirty_oldest_seconds.set(waiting.dirty_oldest_seconds)
        metrics.parked.set(waiting.parked)
        metrics.learning_queue.set(waiting.queued_baskets)
        return 0

    return measure


def timed_learning(parts: Parts, learning: NeedsLearning) -> Round:
    """Without ticks: event time is the server's, less a grace for late events."""
    grace = timedelta(seconds=parts.settings.learning_grace_seconds)

    async def learn() -> int:
        async with parts.transactions.begin() as tx:
            await learning.reached(tx, PostgresProfileStore(tx), parts.clock.now() - grace)
        return 0

    return learn

"""What happens again and again, not event by event: folding, measuring, and learning by the clock of a live deployment."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from libs.common.contracts.topics import SUPPRESSION_RETENTION
from services.profile.bootstrap.parts import Parts
from services.profile.handlers.erasing import ANSWERING, sweep
from services.profile.handlers.folding import fold_dirty
from services.profile.handlers.memory import NeedsLearning, ReturnModel
from services.profile.store import PostgresProfileStore
from services.profile.store.backlog import backlog

Round = Callable[[], Awaitable[int]]


def fold_round(parts: Parts) -> Round:
    """Folds one batch of dirty customers; says 0 (rest a little) unless there may be more than a batch."""
    limit, metrics, clock = parts.settings.fold_batch_marks, parts.metrics, parts.clock
    returns = ReturnModel()

    async def fold() -> int:
        began = clock.monotonic_seconds()
        async with parts.transactions.begin() as tx:
            store = PostgresProfileStore(tx)
            folded = await fold_dirty(store, limit, returns)
        if folded.marks:
            metrics.fold_seconds.observe(clock.monotonic_seconds() - began)
            metrics.folded.inc(folded.customers)
        return folded.marks if folded.marks >= limit else 0

    return fold


def measure_round(parts: Parts) -> Round:
    """Sets the gauges of what waits."""
    metrics = parts.metrics

    async def measure() -> int:
        async with parts.transactions.begin() as tx:
            waiting = await backlog(tx)
            erasures = await PostgresProfileStore(tx).privacy.open_erasures(len(ANSWERING))
        metrics.dirty.set(waiting.dirty_marks)
        metrics.dirty_oldest_seconds.set(waiting.dirty_oldest_seconds)
        metrics.parked.set(waiting.parked)
        metrics.learning_queue.set(waiting.queued_baskets)
        metrics.open_erasures.set(erasures.count)
        metrics.open_erasures_oldest_seconds.set(erasures.oldest_age_seconds)
        return 0

    return measure


def sweep_round(parts: Parts) -> Round:
    """Finishes profile's part of erasures, one a transaction, and drops suppressions that nothing can need any more."""

    async def swept() -> int:
        async with parts.transactions.begin() as tx:
            store = PostgresProfileStore(tx)
            finished = await sweep(store)
            if not finished and not parts.settings.play_mode:
                await store.privacy.forget_before(parts.clock.now() - SUPPRESSION_RETENTION)
        return finished

    return swept


def timed_learning(parts: Parts, learning: NeedsLearning) -> Round:
    """Without ticks: event time is the server's, less a grace for late events."""
    grace = timedelta(seconds=parts.settings.learning_grace_seconds)

    async def learn() -> int:
        async with parts.transactions.begin() as tx:
            await learning.reached(tx, PostgresProfileStore(tx), parts.clock.now() - grace)
        return 0

    return learn

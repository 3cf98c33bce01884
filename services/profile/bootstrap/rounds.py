"""What happens again and again, not event by event: folding, measuring, and learning by the clock of a live deployment."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from libs.common.contracts.topics import SUPPRESSION_RETENTION
from services.profile.bootstrap.parts import Parts
from services.profile.consumer import StoreOf
from services.profile.handlers.erasing import ANSWERING, sweep
from services.profile.handlers.folding import BEHIND_SECONDS, Folding, fold_dirty, patience_seconds
from services.profile.handlers.memory import Judge, NeedsLearning
from services.profile.handlers.reevaluating import reevaluate
from services.profile.store import PostgresProfileStore
from services.profile.store.backlog import backlog

_MARKS_AHEAD = 4
_PRUNED_TOGETHER = 200_000
Round = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Late:
    """What a folder asks while contacts come late: how late, and whether memory is full of what waits for it."""

    behind_seconds: Callable[[], float]
    crowded: Callable[[], bool]


def fold_round(parts: Parts, folding: Folding, store_of: StoreOf, late: Late) -> Round:
    """Folds one batch of dirty customers; says 0 (rest a little) unless there may be more than a batch.

    While contacts come late, customers wait (`patience_seconds`), and folding takes only a part of the time: the longer
    a customer waits, the more changes are worked in at once.
    """
    settings, metrics, clock = parts.settings, parts.metrics, parts.clock
    limit, rest = settings.fold_batch_marks, 1 / settings.share_when_behind - 1
    not_before = 0.0

    async def fold() -> int:
        nonlocal not_before
        began, behind = clock.monotonic_seconds(), late.behind_seconds()
        if began < not_before and behind > BEHIND_SECONDS:
            return 0
        waited = patience_seconds(behind, settings.fold_patience_seconds, crowded=late.crowded())
        async with parts.transactions.begin() as tx:
            folded = await fold_dirty(store_of(tx), limit, folding, waited_seconds=waited)
        if folded.marks:
            took = clock.monotonic_seconds() - began
            not_before = began + took + took * rest
            metrics.fold_seconds.observe(took)
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
    """Finishes profile's part of erasures, one a transaction."""

    async def swept() -> int:
        async with parts.transactions.begin() as tx:
            return await sweep(PostgresProfileStore(tx))

    return swept


def prune_round(parts: Parts, together: int = _PRUNED_TOGETHER) -> Round:
    """Forgets receipts, and the purchases behind them, that no return can ask for any more: so many a transaction, and all of them.

    So it does with returns that no sale can come for, and with suppressions that nothing can need.
    """
    kept = timedelta(days=parts.settings.receipts_kept_days)

    async def prune() -> int:
        if not parts.settings.play_mode:
            async with parts.transactions.begin() as tx:
                await PostgresProfileStore(tx).privacy.forget_before(parts.clock.now() - SUPPRESSION_RETENTION)
        gone = together
        while gone >= together:
            async with parts.transactions.begin() as tx:
                gone = await PostgresProfileStore(tx).receipts.prune((parts.clock.now() - kept).date(), together)
        return 0

    return prune


def timed_learning(parts: Parts, learning: NeedsLearning) -> Round:
    """Without ticks: event time is the server's, less a grace for late events."""
    grace = timedelta(seconds=parts.settings.learning_grace_seconds)

    async def learn() -> int:
        async with parts.transactions.begin() as tx:
            await learning.reached(tx, PostgresProfileStore(tx), parts.clock.now() - grace)
        return 0

    return learn

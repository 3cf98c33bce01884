"""The parts of the two working roles, joined to a Worker: consumers and rounds stop first, relays last."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from libs.common.contracts import decode_with
from libs.common.contracts.pos import Sale
from libs.common.contracts.topics import (
    INGEST_CATALOG,
    INGEST_CONSENT,
    INGEST_FEEDBACK,
    INGEST_PLAY,
    INGEST_POS,
    INGEST_WEB,
    OFFERS_VOUCHERS,
    PROFILE_ERASED,
)
from libs.common.persistence import Housekeeping, OutboxRelay, VersionRelay
from libs.common.persistence.relay import RelayLoop
from libs.common.streaming import Cluster, Consumer, Producer, StreamRuntime, StreamSettings, Subscription, Worker
from libs.common.streaming.worker import Part
from services.profile.bootstrap.fold_pool import FoldPool
from services.profile.bootstrap.forewarned import Forewarned
from services.profile.bootstrap.parts import Parts
from services.profile.bootstrap.progress import Progress
from services.profile.bootstrap.relays import identity_changes, models, snapshots
from services.profile.bootstrap.rounds import (
    Late,
    fold_round,
    measure_round,
    prune_round,
    reevaluate_round,
    sweep_round,
    timed_learning,
)
from services.profile.consumer import learner_handler, worker_handler
from services.profile.handlers.memory import Judge, NeedsLearning
from services.profile.handlers.sales import read_sale
from services.profile.store import PostgresProfileStore, RememberedDeltas, RememberedItems

WORKER_GROUP = "profile"
LEARNER_GROUP = "profile-learner"
WORKER_TOPICS = (
    INGEST_POS,
    INGEST_WEB,
    INGEST_FEEDBACK,
    INGEST_CONSENT,
    INGEST_CATALOG,
    OFFERS_VOUCHERS,
    PROFILE_ERASED,
)
LEARNED_TOPICS = (INGEST_POS, INGEST_WEB)
SIDE_BY_SIDE = 4
BATCH_RECORDS = 12_000
FETCH_BYTES = 8 << 20
_MEASURE_SECONDS, _PRUNE_SECONDS = 2.0, 3_600.0
_SWEEP_SECONDS = 0.5
_PROGRESS_SECONDS = 1.0


class Outlet:
    """The producer, the connection that asks which log it writes to, the processes that fold: they go after all that uses them."""

    def __init__(self, settings: StreamSettings, pool: FoldPool | None = None) -> None:
        self.pool = pool
        self.producer = Producer(settings)
        self.cluster = Cluster(settings)

    async def stop(self) -> None:
        """Flush under a deadline, then close."""
        if self.pool is not None:
            self.pool.close()
        await self.producer.stop()
        await self.cluster.close()


def worker_of(parts: Parts) -> Worker:
    """Consumes contacts, folds dirty customers, publishes snapshots, identity changes and who moved between segments."""
    settings, runtime = parts.settings, in_great_batches(parts.stream_runtime())
    pool = FoldPool(settings.fold_processes) if settings.fold_processes else None
    outlet = Outlet(runtime.settings, pool)
    relays = parts.relay_runtime(outlet.producer)
    deltas = RememberedDeltas()
    store_of = partial(PostgresProfileStore, remembered=RememberedItems(), deltas=deltas)
    consumer = Consumer(
        runtime,
        Subscription(group=WORKER_GROUP, topics=WORKER_TOPICS, deduplicate=True, side_by_side=SIDE_BY_SIDE),
        worker_handler(store_of, parts.metrics),
    )
    # While one round is folded apart, the next one is being read and the one before is being stored.
    late = Late(lambda: consumer.behind_seconds, lambda: deltas.crowded)
    rounds = [fold_round(parts, pool or Judge(), store_of, late) for _ in range(settings.fold_processes + 1)]
    folders = [
        RelayLoop(fold, name="folder", backoff=parts.backoff, idle_seconds=settings.fold_interval_seconds)
        for fold in rounds
    ]
    versions = [
        VersionRelay(relays, versioned, outlet.cluster.incarnation)
        for versioned in (snapshots(parts.metrics, parts.clock), identity_changes())
    ]
    progress = Progress(
        parts,
        group=WORKER_GROUP,
        topics=WORKER_TOPICS,
        cluster=outlet.cluster,
        sender=outlet.producer,
    )
    _watch(parts, consumer)
    return Worker(
        first=[
            Forewarned(parts, consumer, runtime.settings),
            RelayLoop(sweep_round(parts), name="sweeper", backoff=parts.backoff, idle_seconds=_SWEEP_SECONDS),
            *folders,
            RelayLoop(reevaluate_round(parts), name="reevaluate", backoff=parts.backoff, idle_seconds=_MEASURE_SECONDS),
            RelayLoop(progress.look, name="progress", backoff=parts.backoff, idle_seconds=_PROGRESS_SECONDS),
            RelayLoop(measure_round(parts), name="measure", backoff=parts.backoff, idle_seconds=_MEASURE_SECONDS),
            RelayLoop(prune_round(parts), name="receipts", backoff=parts.backoff, idle_seconds=_PRUNE_SECONDS),
            Housekeeping(
                parts.transactions,
                clock=parts.clock,
                backoff=parts.backoff,
                window=timedelta(days=settings.inbox_kept_days),
            ),
        ],
        last=[OutboxRelay(relays), *versions],
        producer=outlet,
        engine=parts.engine,
        on_stopping=parts.drain,
    )


def learner_of(parts: Parts) -> Worker:
    """Puts baskets in line, learns from them when event time says so, and publishes models."""
    settings, runtime = parts.settings, in_great_batches(parts.stream_runtime())
    outlet = Outlet(runtime.settings)
    relays = parts.relay_runtime(outlet.producer)
    learning = NeedsLearning(
        interval=timedelta(seconds=settings.learning_interval_seconds),
        chunk_baskets=settings.learning_chunk_baskets,
        published_items=settings.published_items,
        customers_kept=settings.learning_customers_kept,
        metrics=parts.metrics,
        clock=parts.clock,
    )
    topics = (*LEARNED_TOPICS, INGEST_PLAY) if settings.play_mode else LEARNED_TOPICS
    consumer = Consumer(
        runtime,
        Subscription(group=LEARNER_GROUP, topics=topics, deduplicate=True),
        learner_handler(partial(PostgresProfileStore, remembered=RememberedItems()), learning),
    )
    _watch(parts, consumer)
    first: list[Part] = [consumer]
    if not settings.play_mode:
        every = min(settings.learning_interval_seconds / 4, 60.0)
        timed = timed_learning(parts, learning)
        first.append(RelayLoop(timed, name="learner", backoff=parts.backoff, idle_seconds=every))
    return Worker(
        first=first,
        last=[OutboxRelay(relays), VersionRelay(relays, models(), outlet.cluster.incarnation)],
        producer=outlet,
        engine=parts.engine,
        on_stopping=parts.drain,
    )


def in_great_batches(runtime: StreamRuntime) -> StreamRuntime:
    """The same, with sales read as far as a profile reads them, and with batches as great as a fetch."""
    settings = runtime.settings.model_copy(
        update={"batch_max_records": BATCH_RECORDS, "fetch_partition_bytes": FETCH_BYTES}
    )
    return replace(runtime, settings=settings, decode=decode_with({Sale: read_sale}))


def _watch(parts: Parts, consumer: Consumer) -> None:
    parts.health.alive["consumer"] = consumer.healthy
    parts.health.ready["flowing"] = consumer.flowing

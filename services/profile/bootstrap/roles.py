"""The parts of the two working roles, joined to a Worker: consumers and rounds stop first, relays last."""

from datetime import timedelta

from libs.common.contracts.topics import (
    INGEST_CATALOG,
    INGEST_CONSENT,
    INGEST_FEEDBACK,
    INGEST_PLAY,
    INGEST_POS,
    INGEST_WEB,
    OFFERS_VOUCHERS,
)
from libs.common.persistence import Housekeeping, OutboxRelay, VersionRelay
from libs.common.persistence.relay import RelayLoop
from libs.common.streaming import Cluster, Consumer, Producer, StreamSettings, Subscription, Worker
from services.profile.bootstrap.parts import Parts
from services.profile.bootstrap.relays import identity_changes, models, snapshots
from services.profile.bootstrap.rounds import fold_round, measure_round, reevaluate_round, timed_learning
from services.profile.consumer import learner_handler, worker_handler
from services.profile.handlers.memory import NeedsLearning
from services.profile.store import PostgresProfileStore

WORKER_GROUP = "profile"
LEARNER_GROUP = "profile-learner"
WORKER_TOPICS = (INGEST_POS, INGEST_WEB, INGEST_FEEDBACK, INGEST_CONSENT, INGEST_CATALOG, OFFERS_VOUCHERS)
_MEASURE_SECONDS = 2.0


class Outlet:
    """The producer and the connection that asks which log it writes to; both go after everything that sends."""

    def __init__(self, settings: StreamSettings) -> None:
        self.producer = Producer(settings)
        self.cluster = Cluster(settings)

    async def stop(self) -> None:
        """Flush under a deadline, then close."""
        await self.producer.stop()
        await self.cluster.close()


def worker_of(parts: Parts) -> Worker:
    """Consumes contacts, folds dirty customers, publishes snapshots and identity changes."""
    settings, runtime = parts.settings, parts.stream_runtime()
    outlet = Outlet(runtime.settings)
    relays = parts.relay_runtime(outlet.producer)
    consumer = Consumer(
        runtime,
        Subscription(group=WORKER_GROUP, topics=WORKER_TOPICS, deduplicate=True),
        worker_handler(PostgresProfileStore, parts.metrics),
    )
    versions = [
        VersionRelay(relays, versioned, outlet.cluster.incarnation)
        for versioned in (snapshots(parts.metrics, parts.clock), identity_changes())
    ]
    _watch(parts, consumer)
    return Worker(
        first=[
            consumer,
            RelayLoop(
                fold_round(parts), name="folder", backoff=parts.backoff, idle_seconds=settings.fold_interval_seconds
            ),
            RelayLoop(reevaluate_round(parts), name="reevaluate", backoff=parts.backoff, idle_seconds=_MEASURE_SECONDS),
            RelayLoop(measure_round(parts), name="measure", backoff=parts.backoff, idle_seconds=_MEASURE_SECONDS),
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
    """Learns from queued baskets when event time says so, and publishes models."""
    settings, runtime = parts.settings, parts.stream_runtime()
    outlet = Outlet(runtime.settings)
    relays = parts.relay_runtime(outlet.producer)
    learning = NeedsLearning(
        interval=timedelta(seconds=settings.learning_interval_seconds),
        chunk_baskets=settings.learning_chunk_baskets,
        published_items=settings.published_items,
        metrics=parts.metrics,
        clock=parts.clock,
    )
    if settings.play_mode:
        consumer = Consumer(
            runtime,
            Subscription(group=LEARNER_GROUP, topics=(INGEST_PLAY,), deduplicate=True),
            learner_handler(PostgresProfileStore, learning),
        )
        _watch(parts, consumer)
        teacher: Consumer | RelayLoop = consumer
    else:
        every = min(settings.learning_interval_seconds / 4, 60.0)
        teacher = RelayLoop(timed_learning(parts, learning), name="learner", backoff=parts.backoff, idle_seconds=every)
    return Worker(
        first=[teacher],
        last=[OutboxRelay(relays), VersionRelay(relays, models(), outlet.cluster.incarnation)],
        producer=outlet,
        engine=parts.engine,
        on_stopping=parts.drain,
    )


def _watch(parts: Parts, consumer: Consumer) -> None:
    parts.health.alive["consumer"] = consumer.healthy
    parts.health.ready["flowing"] = consumer.flowing

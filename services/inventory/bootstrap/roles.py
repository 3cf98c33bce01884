"""The parts of the worker, joined: consumers and rounds stop first, relays last; and the desk that the API asks."""

from datetime import timedelta

from libs.common.contracts.topics import INGEST_PLAY
from libs.common.persistence import Housekeeping, OutboxRelay, VersionRelay
from libs.common.persistence.relay import RelayLoop
from libs.common.streaming import Consumer, StreamRuntime, Subscription, Worker
from services.inventory.bootstrap.parts import Parts, policy_of
from services.inventory.bootstrap.relays import Outlet, availability
from services.inventory.bootstrap.rounds import measure_round, review_round
from services.inventory.consumer import TOPICS, facts_handler, ticks_handler
from services.inventory.handlers.desk import Desk
from services.inventory.handlers.reviewing import Reviewer
from services.inventory.store import store_of

FACTS_GROUP = "inventory"
REVIEW_GROUP = "inventory-review"
"""A group of its own: a long review (the first of a chain) must not hold up the facts."""

_MEASURE_SECONDS = 5.0


def worker_of(parts: Parts) -> Worker:
    """Applies facts, reviews what they touched, publishes commands and availability."""
    runtime = parts.stream_runtime()
    outlet = Outlet(runtime.settings)
    relays = parts.relay_runtime(outlet.producer)
    facts = Consumer(
        runtime,
        Subscription(group=FACTS_GROUP, topics=TOPICS, deduplicate=True),
        facts_handler(store_of, parts.metrics, parts.clock),
    )
    reviewing = _reviewing(parts, runtime)
    for name, consumer in (("facts", facts), ("reviews", reviewing)):
        if isinstance(consumer, Consumer):
            parts.health.alive[name] = consumer.healthy
            parts.health.ready[f"{name}_flowing"] = consumer.flowing
    return Worker(
        first=[
            facts,
            reviewing,
            RelayLoop(measure_round(parts), name="measure", backoff=parts.backoff, idle_seconds=_MEASURE_SECONDS),
            Housekeeping(
                parts.transactions,
                clock=parts.clock,
                backoff=parts.backoff,
                window=timedelta(days=parts.settings.inbox_kept_days),
            ),
        ],
        last=[OutboxRelay(relays), VersionRelay(relays, availability(), outlet.cluster.incarnation)],
        producer=outlet,
        engine=parts.engine,
        on_stopping=parts.drain,
    )


def reviewer_of(parts: Parts) -> Reviewer:
    """What runs reviews in this process."""
    return Reviewer(
        transactions=parts.transactions,
        store_of=store_of,
        policy=policy_of(parts.settings),
        metrics=parts.metrics,
        clock=parts.clock,
        batch_items=parts.settings.review_batch_items,
    )


def desk_of(parts: Parts) -> Desk:
    """What the API asks."""
    return Desk(transactions=parts.transactions, store_of=store_of, metrics=parts.metrics)


def _reviewing(parts: Parts, runtime: StreamRuntime) -> Consumer | RelayLoop:
    """Ticks say when to review in play mode, a timer else."""
    reviewer = reviewer_of(parts)
    if parts.settings.play_mode:
        subscription = Subscription(group=REVIEW_GROUP, topics=(INGEST_PLAY,), deduplicate=True)
        return Consumer(runtime, subscription, ticks_handler(store_of, reviewer))
    every = parts.settings.review_interval_seconds
    return RelayLoop(review_round(parts, reviewer), name="review", backoff=parts.backoff, idle_seconds=every)

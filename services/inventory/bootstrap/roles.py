"""The parts of the worker, joined: consumers and rounds stop first, relays last; and the desk that the API asks."""

from datetime import timedelta
from typing import Any

from libs.common.contracts import new_event
from libs.common.contracts.inventory import Availability
from libs.common.contracts.topics import INGEST_PLAY, INVENTORY_AVAILABILITY
from libs.common.persistence import (
    Housekeeping,
    OutboxMessage,
    OutboxRelay,
    RelayMetrics,
    RelayRuntime,
    VersionedTable,
    VersionRelay,
)
from libs.common.persistence.relay import RelayLoop
from libs.common.streaming import Cluster, Consumer, Producer, StreamRuntime, Subscription, Worker
from services.inventory.bootstrap.parts import Parts
from services.inventory.bootstrap.rounds import measure_round, review_round
from services.inventory.consumer import TOPICS, facts_handler, ticks_handler
from services.inventory.domain.measure import from_milli
from services.inventory.handlers import SOURCE
from services.inventory.handlers.desk import Desk
from services.inventory.handlers.reviewing import Reviewer
from services.inventory.store import store_of
from services.inventory.tables import AVAILABILITY

FACTS_GROUP = "inventory"
REVIEW_GROUP = "inventory-review"
"""A group of its own: a long review (the first of a chain) must not hold up the facts."""

_MEASURE_SECONDS = 5.0


def worker_of(parts: Parts) -> Worker:
    """Applies facts, reviews what they touched, publishes commands and availability."""
    runtime = parts.stream_runtime()
    producer = Producer(runtime.settings)
    facts = Consumer(
        runtime,
        Subscription(group=FACTS_GROUP, topics=TOPICS, deduplicate=True),
        facts_handler(store_of, parts.metrics, parts.clock),
    )
    reviewing = _reviewing(parts, runtime)
    relays = RelayRuntime(
        transactions=parts.transactions,
        sender=producer,
        clock=parts.clock,
        metrics=RelayMetrics(parts.registry),
        backoff=parts.backoff,
    )
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
        last=[OutboxRelay(relays), VersionRelay(relays, availability(), Cluster(runtime.settings).incarnation)],
        producer=producer,
        engine=parts.engine,
        on_stopping=lambda: _drain(parts),
    )


def reviewer_of(parts: Parts) -> Reviewer:
    """What runs reviews in this process."""
    return Reviewer(
        transactions=parts.transactions,
        store_of=store_of,
        policy=parts.policy(),
        metrics=parts.metrics,
        clock=parts.clock,
        batch_items=parts.settings.review_batch_items,
    )


def desk_of(parts: Parts) -> Desk:
    """What the API asks."""
    return Desk(transactions=parts.transactions, store_of=store_of, metrics=parts.metrics)


def availability() -> VersionedTable:
    """Availability to `inventory.availability.v1`."""

    def encode(row: Any) -> OutboxMessage:
        # Checked when the row was written: a value that came from our own columns needs no second look.
        body = Availability.model_construct(
            store_id=row.store_id,
            item_id=row.item_id,
            version=row.version,
            on_hand=from_milli(row.on_hand_milli),
            available=from_milli(row.available_milli),
            status=row.status,
        )
        name = f"availability:{row.store_id}:{row.item_id}:{row.version}"
        return OutboxMessage.of(
            new_event(body, event_id=name, source=SOURCE, occurred_at=row.changed_at), INVENTORY_AVAILABILITY
        )

    return VersionedTable(table=AVAILABILITY, key=("item_id", "store_id"), encode=encode)


def _reviewing(parts: Parts, runtime: StreamRuntime) -> Consumer | RelayLoop:
    """Ticks say when to review in play mode, a timer else."""
    reviewer = reviewer_of(parts)
    if parts.settings.play_mode:
        subscription = Subscription(group=REVIEW_GROUP, topics=(INGEST_PLAY,), deduplicate=True)
        return Consumer(runtime, subscription, ticks_handler(store_of, reviewer))
    every = parts.settings.review_interval_seconds
    return RelayLoop(review_round(parts, reviewer), name="review", backoff=parts.backoff, idle_seconds=every)


def _drain(parts: Parts) -> None:
    parts.health.draining = True

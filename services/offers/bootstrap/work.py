"""The role `worker`: consumer, relay, and how often each round runs."""

from dataclasses import dataclass
from datetime import timedelta

from libs.common.persistence import Housekeeping, OutboxRelay, Transaction
from libs.common.persistence.relay import RelayLoop
from libs.common.streaming import Cluster, Consumer, Producer, Subscription, Worker
from services.offers.bootstrap.batches import batch_round
from services.offers.bootstrap.brakes import brake_round
from services.offers.bootstrap.feeds import FeedWatch
from services.offers.bootstrap.fraud import presentations_round
from services.offers.bootstrap.parts import Parts, money_clock_of
from services.offers.bootstrap.rounds import (
    Round,
    answers_round,
    books_round,
    erasure_round,
    expiry_round,
    lease_round,
    measure_round,
    misses_round,
    returns_round,
    revocation_round,
)
from services.offers.consumer import GROUP, TOPICS, Feeds
from services.offers.store.feeds import PostgresReadModel
from services.offers.store.lanes.journals import PostgresOffline
from services.offers.store.privacy import PostgresPrivacy
from services.offers.store.redemption.redemptions import PostgresRedemptions
from services.offers.store.vouchers.expiry import PostgresExpiry

_MEASURE_SECONDS = 2.0
_BOOKS_SECONDS = 10.0
_ERASURE_SECONDS = 0.5
_REVOKE_SECONDS = 0.5
_FORGET_SECONDS = 60.0
_BATCH_SECONDS = 1.0
_BRAKE_SECONDS = 1.0
_FORSAKEN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Stores:
    """Fits FeedStores."""

    read_model: PostgresReadModel
    redemptions: PostgresRedemptions
    expiry: PostgresExpiry
    privacy: PostgresPrivacy
    offline: PostgresOffline


def stores_of(tx: Transaction) -> _Stores:
    """The stores of one transaction."""
    return _Stores(
        PostgresReadModel(tx), PostgresRedemptions(tx), PostgresExpiry(tx), PostgresPrivacy(tx), PostgresOffline(tx)
    )


def worker_of(parts: Parts) -> Worker:
    """Keeps the copies, ends vouchers, publishes what happened to them."""
    runtime = parts.stream_runtime()
    producer = Producer(runtime.settings)
    consumer = Consumer(
        runtime,
        Subscription(group=GROUP, topics=TOPICS),
        Feeds(stores_of, money_clock_of(parts), parts.metrics).on_batch,
    )
    parts.health.alive["consumer"] = consumer.healthy
    parts.health.ready["flowing"] = consumer.flowing
    rounds: list[RelayLoop | FeedWatch | Housekeeping] = [
        _every(_ERASURE_SECONDS, "erasures", erasure_round(parts), parts),
        _every(_REVOKE_SECONDS, "revocations", revocation_round(parts), parts),
        _every(_MEASURE_SECONDS, "measure", measure_round(parts), parts),
        _every(_BOOKS_SECONDS, "books", books_round(parts), parts),
        _every(_FORGET_SECONDS, "misses", misses_round(parts), parts),
        _every(_BATCH_SECONDS, "batches", batch_round(parts), parts),
        _every(_FORGET_SECONDS, "answers", answers_round(parts), parts),
        _every(_FORGET_SECONDS, "returns", returns_round(parts), parts),
        _every(_BRAKE_SECONDS, "brakes", brake_round(parts), parts),
        _every(_FORGET_SECONDS, "presentations", presentations_round(parts), parts),
        FeedWatch(parts, Cluster(runtime.settings)),
        Housekeeping(
            parts.transactions,
            clock=parts.clock,
            backoff=parts.backoff,
            window=timedelta(days=parts.settings.inbox_kept_days),
        ),
    ]
    if not parts.settings.play_mode:
        rounds.append(_every(parts.settings.expiry_seconds, "expiry", expiry_round(parts), parts))
        rounds.append(_every(_FORSAKEN_SECONDS, "leases", lease_round(parts), parts))
    return Worker(
        first=[consumer, *rounds],
        last=[OutboxRelay(parts.relay_runtime(producer))],
        producer=producer,
        engine=parts.engine,
        on_stopping=parts.drain,
    )


def _every(seconds: float, name: str, work: Round, parts: Parts) -> RelayLoop:
    return RelayLoop(work, name=name, backoff=parts.backoff, idle_seconds=seconds)

"""The parts of the worker, joined: consumers and rounds stop first, relays last; and the desk that the API asks."""

from dataclasses import replace
from datetime import timedelta

from libs.common.contracts.topics import INGEST_PLAY
from libs.common.persistence import Housekeeping, OutboxRelay, VersionRelay
from libs.common.persistence.relay import RelayLoop
from libs.common.streaming import Consumer, StreamRuntime, Subscription, Worker
from services.inventory.bootstrap.approving import approval_policy
from services.inventory.bootstrap.edi import edi_loop
from services.inventory.bootstrap.parts import Parts, policy_of
from services.inventory.bootstrap.relays import Outlet, availability
from services.inventory.bootstrap.rounds import (
    close_round,
    forgetting_round,
    measure_round,
    numbering_round,
    review_round,
    trials_round,
)
from services.inventory.bootstrap.webhooks import webhook_loops
from services.inventory.consumer import ASSORTMENT_TOPICS, TOPICS, assortment_handler, facts_handler, ticks_handler
from services.inventory.domain.commands.settling import Gates
from services.inventory.handlers.assortment.lists import AssortmentDesk
from services.inventory.handlers.assortment.trials import TrialDesk
from services.inventory.handlers.batches import BatchSize
from services.inventory.handlers.closing.days import Closer
from services.inventory.handlers.commands.approvals import Approvals
from services.inventory.handlers.commands.live import LiveFeed
from services.inventory.handlers.desk import Desk
from services.inventory.handlers.policies import PolicyDesk
from services.inventory.handlers.reviewing import Reviewer
from services.inventory.store import store_of

FACTS_GROUP = "inventory"
REVIEW_GROUP = "inventory-review"
"""A group of its own: a long review (the first of a chain) must not hold up the facts."""
ASSORTMENT_GROUP = "inventory-assortment"
"""Its own as well: all that happens on a website passes through it. It reads master data anew, from the first."""

_MEASURE_SECONDS = 5.0
_CLOSE_SECONDS = 10.0
_TICKS_AT_ONCE = 24
"""A day of a play: its offset moves often enough to be seen to."""
_NUMBER_SECONDS = 0.1
_TRIALS_SECONDS = 60.0


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
    assortment = Consumer(
        runtime,
        Subscription(group=ASSORTMENT_GROUP, topics=ASSORTMENT_TOPICS),
        assortment_handler(store_of, parts.metrics),
    )
    closing = RelayLoop(
        close_round(parts, closer_of(parts)), name="close", backoff=parts.backoff, idle_seconds=_CLOSE_SECONDS
    )
    for name, consumer in (("facts", facts), ("reviews", reviewing), ("assortment", assortment)):
        if isinstance(consumer, Consumer):
            parts.health.alive[name] = consumer.healthy
            parts.health.ready[f"{name}_flowing"] = consumer.flowing
    return Worker(
        first=[
            facts,
            reviewing,
            assortment,
            RelayLoop(trials_round(parts), name="trials", backoff=parts.backoff, idle_seconds=_TRIALS_SECONDS),
            *([] if parts.settings.play_mode else [closing]),
            RelayLoop(measure_round(parts), name="measure", backoff=parts.backoff, idle_seconds=_MEASURE_SECONDS),
            RelayLoop(forgetting_round(parts), name="forgetting", backoff=parts.backoff, idle_seconds=3_600.0),
            Housekeeping(
                parts.transactions,
                clock=parts.clock,
                backoff=parts.backoff,
                window=timedelta(days=parts.settings.inbox_kept_days),
            ),
            *webhook_loops(parts),
            edi_loop(parts),
        ],
        last=[
            RelayLoop(numbering_round(parts), name="numbering", backoff=parts.backoff, idle_seconds=_NUMBER_SECONDS),
            OutboxRelay(relays),
            VersionRelay(relays, availability(), outlet.cluster.incarnation),
        ],
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
        batch=BatchSize(items=parts.settings.review_batch_items, shelves=parts.settings.review_batch_shelves),
        gates=Gates(approval=approval_policy(parts.settings)),
    )


def closer_of(parts: Parts) -> Closer:
    """What closes days in this process."""
    return Closer(
        transactions=parts.transactions,
        store_of=store_of,
        policy=policy_of(parts.settings),
        metrics=parts.metrics,
        clock=parts.clock,
        batch=BatchSize(items=parts.settings.close_batch_items, shelves=parts.settings.close_batch_shelves),
    )


def desk_of(parts: Parts) -> Desk:
    """What the API asks."""
    return Desk(transactions=parts.transactions, store_of=store_of, metrics=parts.metrics)


def policy_desk_of(parts: Parts) -> PolicyDesk:
    """Where the chain says how it orders."""
    return PolicyDesk(transactions=parts.transactions, store_of=store_of)


def approvals_of(parts: Parts) -> Approvals:
    """What people decide through the API."""
    return Approvals(
        transactions=parts.transactions,
        store_of=store_of,
        metrics=parts.metrics,
        clock=parts.clock,
        play_mode=parts.settings.play_mode,
    )


def assortment_desk_of(parts: Parts) -> AssortmentDesk:
    """What planners ask."""
    return AssortmentDesk(transactions=parts.transactions, store_of=store_of, clock=parts.clock)


def trial_desk_of(parts: Parts) -> TrialDesk:
    """Where introductions are decided on."""
    return TrialDesk(
        transactions=parts.transactions,
        store_of=store_of,
        metrics=parts.metrics,
        clock=parts.clock,
        play_mode=parts.settings.play_mode,
    )


def feed_of(parts: Parts) -> LiveFeed:
    """The live stream that the API serves; its `run` is to be run beside it."""
    return LiveFeed(
        transactions=parts.transactions,
        store_of=store_of,
        metrics=parts.metrics,
        clock=parts.clock,
        is_ending=lambda: parts.health.draining,
        heartbeat_seconds=parts.settings.live_heartbeat_seconds,
        greatest_readers=parts.settings.live_readers,
    )


def _reviewing(parts: Parts, runtime: StreamRuntime) -> Consumer | RelayLoop:
    """Ticks say when to review in play mode, a timer else."""
    reviewer = reviewer_of(parts)
    if parts.settings.play_mode:
        subscription = Subscription(group=REVIEW_GROUP, topics=(INGEST_PLAY,), deduplicate=True)
        few = runtime.settings.model_copy(update={"batch_max_records": _TICKS_AT_ONCE})
        return Consumer(
            replace(runtime, settings=few), subscription, ticks_handler(store_of, closer_of(parts), reviewer)
        )
    every = parts.settings.review_interval_seconds
    return RelayLoop(review_round(parts, reviewer), name="review", backoff=parts.backoff, idle_seconds=every)

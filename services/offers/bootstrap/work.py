"""The role `worker`: consumer, relay, and what happens by the clock."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from libs.common.persistence import Housekeeping, OutboxRelay, Transaction
from libs.common.persistence.relay import RelayLoop
from libs.common.streaming import Cluster, Consumer, Producer, Subscription, Worker
from services.offers.bootstrap.batches import batch_round
from services.offers.bootstrap.braking import brake_round
from services.offers.bootstrap.feed_watch import FeedWatch
from services.offers.bootstrap.parts import Parts, money_clock_of
from services.offers.bootstrap.redeeming import miss_limits_of
from services.offers.bootstrap.watching import presentations_round
from services.offers.consumer import GROUP, TOPICS, Feeds
from services.offers.handlers.expiry import EXPIRED_TOGETHER, expire_vouchers
from services.offers.handlers.holding import free_lapsed_holds
from services.offers.handlers.idempotency import FORGOTTEN_TOGETHER
from services.offers.handlers.lane_leasing import end_forsaken
from services.offers.handlers.ledger import check_books
from services.offers.handlers.privacy import answer_erasure
from services.offers.handlers.revoking import end_revoked
from services.offers.store.answers import PostgresAnswers
from services.offers.store.campaigns import PostgresCampaigns
from services.offers.store.expiry import PostgresExpiry
from services.offers.store.guessing import PostgresMisses
from services.offers.store.holds import PostgresHolds
from services.offers.store.lane_leases import PostgresLaneLeases
from services.offers.store.leases import PostgresLeases
from services.offers.store.ledger import PostgresLedger
from services.offers.store.offline import PostgresOffline
from services.offers.store.privacy import PostgresPrivacy
from services.offers.store.read_model import PostgresReadModel
from services.offers.store.revoking import PostgresRevocations
from services.offers.store.vouchers import PostgresRedemptions

_MEASURE_SECONDS = 2.0
_BOOKS_SECONDS = 10.0
_ERASURE_SECONDS = 0.5
_REVOKE_SECONDS = 0.5
_FORGET_SECONDS = 60.0
_BATCH_SECONDS = 1.0
_BRAKE_SECONDS = 1.0
_FORSAKEN_SECONDS = 60.0
_SETTLED_SECONDS = 1.0
"""Longer than a checkout under way can take after its deadline."""
_log = structlog.get_logger(__name__)
Round = Callable[[], Awaitable[int]]


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


def expiry_round(parts: Parts) -> Round:
    """Ends holds and vouchers by server time; says 0 (rest) when none are left."""

    async def expire() -> int:
        async with parts.transactions.begin() as tx:
            await free_lapsed_holds(PostgresHolds(tx), parts.clock.now(), parts.metrics)
        async with parts.transactions.begin() as tx:
            ended = await expire_vouchers(PostgresExpiry(tx), parts.clock.now(), parts.metrics)
        async with parts.transactions.begin() as tx:
            parts.metrics.ladder.leases_expired.inc(
                await PostgresLeases(tx).expire(parts.clock.now(), EXPIRED_TOGETHER)
            )
        return ended if ended == EXPIRED_TOGETHER else 0

    return expire


def erasure_round(parts: Parts) -> Round:
    """Answers erasures once every checkout that was under way when they came has ended."""

    async def answered() -> int:
        now = parts.clock.now()
        async with parts.transactions.begin() as tx:
            return await answer_erasure(PostgresPrivacy(tx), now - _settled(parts), now)

    return answered


def revocation_round(parts: Parts) -> Round:
    """Ends vouchers that were revoked, once every checkout that was under way at that moment has ended."""

    async def ended() -> int:
        now = parts.clock.now()
        async with parts.transactions.begin() as tx:
            return await end_revoked(PostgresRevocations(tx), now - _settled(parts), now, parts.metrics)

    return ended


def _settled(parts: Parts) -> timedelta:
    return timedelta(milliseconds=parts.settings.greatest_deadline_ms) + timedelta(seconds=_SETTLED_SECONDS)


def misses_round(parts: Parts) -> Round:
    """Forgets misses that lock nobody any more, and whose window is over."""
    limits = miss_limits_of(parts.settings)

    async def forget() -> int:
        async with parts.transactions.begin() as tx:
            await PostgresMisses(tx).forget(parts.clock.now() - limits.window - limits.lock)
        return 0

    return forget


def lease_round(parts: Parts) -> Round:
    """Ends leases whose lanes never came back."""

    async def end() -> int:
        async with parts.transactions.begin() as tx:
            return await end_forsaken(PostgresLaneLeases(tx), parts.clock.now(), parts.metrics)

    return end


def answers_round(parts: Parts) -> Round:
    """Forgets kept answers whose days are over; by server time in a play too, where event time would run out before a repeat can come."""
    kept = timedelta(days=parts.settings.answers_kept_days)

    async def forget() -> int:
        async with parts.transactions.begin() as tx:
            forgotten = await PostgresAnswers(tx).forget(parts.clock.now() - kept, FORGOTTEN_TOGETHER)
        return forgotten if forgotten == FORGOTTEN_TOGETHER else 0

    return forget


def returns_round(parts: Parts) -> Round:
    """Forgets goods that came back longer ago than any redemption may be late."""
    kept = timedelta(days=parts.settings.returns_kept_days)

    async def forget() -> int:
        async with parts.transactions.begin() as tx:
            await PostgresRedemptions(tx).forget_reversals(parts.clock.now() - kept)
        return 0

    return forget


def measure_round(parts: Parts) -> Round:
    """Sets the gauges of every campaign's money."""

    async def measure() -> int:
        async with parts.transactions.begin() as tx:
            known = await PostgresCampaigns(tx).all()
        for each in known:
            names = (each.campaign.campaign_id, each.campaign.currency)
            money = {
                "cap": each.budget.cap_cents,
                "reserved": each.budget.reserved_cents,
                "spent": each.budget.spent_cents,
                "leased": each.budget.leased_cents,
                "lost": each.budget.lost_cents,
                "backing": each.budget.backing_cents,
                "drawn": each.budget.drawn_cents,
            }
            for part, cents in money.items():
                parts.metrics.budget_cents.labels(names[0], part, names[1]).set(cents)
        return 0

    return measure


def books_round(parts: Parts) -> Round:
    """Compares every campaign's journal with its budget; a difference is an alarm and stays one."""

    async def compare() -> int:
        async with parts.transactions.begin() as tx:
            disagreeing = await check_books(PostgresLedger(tx), parts.metrics, parts.clock.now())
        if disagreeing:
            _log.error("journals and budgets disagree", campaigns=disagreeing)
        return 0

    return compare


def _every(seconds: float, name: str, work: Round, parts: Parts) -> RelayLoop:
    return RelayLoop(work, name=name, backoff=parts.backoff, idle_seconds=seconds)

"""What the worker does by the clock, each a round that says how much more waits; work.py says how often."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from services.offers.bootstrap.parts import Parts
from services.offers.bootstrap.redemption import miss_limits_of
from services.offers.handlers.lanes.leasing import end_forsaken
from services.offers.handlers.money.ledger import check_books
from services.offers.handlers.privacy.forgetting import answer_erasure
from services.offers.handlers.redemption.holding import free_lapsed_holds
from services.offers.handlers.repeating import FORGOTTEN_TOGETHER
from services.offers.handlers.revocation import end_revoked
from services.offers.handlers.vouchers.expiry import EXPIRED_TOGETHER, expire_vouchers
from services.offers.store.campaigns.versions import PostgresCampaigns
from services.offers.store.fraud.guessing import PostgresMisses
from services.offers.store.lanes.leases import PostgresLaneLeases
from services.offers.store.leases.leased import PostgresLeases
from services.offers.store.money.ledger import PostgresLedger
from services.offers.store.privacy import PostgresPrivacy
from services.offers.store.redemption.holds import PostgresHolds
from services.offers.store.redemption.redemptions import PostgresRedemptions
from services.offers.store.repeating import PostgresAnswers
from services.offers.store.revocation import PostgresRevocations
from services.offers.store.vouchers.expiry import PostgresExpiry

_SETTLED_SECONDS = 1.0
"""Longer than a checkout under way can take after its deadline."""
_log = structlog.get_logger(__name__)
Round = Callable[[], Awaitable[int]]


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
            before = parts.clock.now() - kept
            forgotten = await PostgresRedemptions(tx).forget_reversals(before, FORGOTTEN_TOGETHER)
        return forgotten if forgotten == FORGOTTEN_TOGETHER else 0

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

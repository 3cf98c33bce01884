"""Pulling and releasing brakes, knowing in every process which are in force, and pulling them when a rule trips."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from libs.common.clock import Clock
from libs.common.contracts import new_event
from libs.common.contracts.offers import BrakePulled, BrakeReleased
from libs.common.contracts.topics import OFFERS_BRAKES
from libs.common.errors import Conflict, Forbidden, NotFound
from libs.common.persistence import OutboxMessage
from services.offers.domain.brakes.brake import Brake, Brakes, Scope
from services.offers.domain.vouchers.voucher import NotRedeemed, Voucher
from services.offers.handlers.vouchers.facts import SOURCE
from services.offers.metrics import OffersMetrics
from services.offers.ports.brakes import BrakeStore, KnownBrake

SETTLING_SECONDS = 0.8
"""How long an answer waits for statements that began before the brake; less than the second that is promised."""
_LOOK_SECONDS = 0.01

Shown = TypeVar("Shown", Voucher, Voucher | None, Voucher | NotRedeemed)
Begin = Callable[[], AbstractAsyncContextManager[BrakeStore]]


def barred(shown: Shown, brakes: Brakes, store_id: str) -> Shown:
    """The voucher that is shown, marked where a brake stops redemptions of it in this store; whatever is no voucher as it is."""
    if isinstance(shown, Voucher) and brakes.stops(shown.campaign_id, store_id):
        return replace(shown, stopped=True)
    return shown


async def pull_brake(store: BrakeStore, asked: Brake, metrics: OffersMetrics) -> KnownBrake:
    """The brake as it stands; the same again changes nothing. In force with the commit.

    Raises NotFound where there is no such store or campaign, and Conflict when the id stands for another brake or a released one.
    """
    if not await store.exists(asked.target):
        raise NotFound(f"no {asked.target.scope} {asked.target.entity_id!r}", slug="nothing-to-stop")
    fresh = await store.put(asked)
    known = await get_brake(store, asked.brake_id)
    if not asked.is_again(known.brake):
        raise Conflict("another brake has this id", slug="other-brake")
    if known.released is not None:
        raise Conflict("the brake of this id was released; pull one with a new id", slug="brake-released")
    if fresh:
        await store.tell([_pulled(known)])
        metrics.brakes.pulled.labels(asked.target.scope, asked.pulled_for).inc()
    return known


async def get_brake(store: BrakeStore, brake_id: str) -> KnownBrake:
    """One brake; raises NotFound."""
    known = await store.one(brake_id)
    if known is None:
        raise NotFound("no such brake", slug="unknown-brake")
    return known


async def release_brake(store: BrakeStore, brake_id: str, *, by: str, of_store: str, reason: str) -> KnownBrake:
    """The brake, released; the same again changes nothing.

    Raises NotFound, and Forbidden for somebody of a store who did not pull it.
    """
    known = await get_brake(store, brake_id)
    if not known.brake.may_be_released_by(of_store):
        raise Forbidden("this brake was pulled by head office or another store", slug="other-store")
    if known.released is not None:
        return known
    await store.release(brake_id, by, reason)
    released = await get_brake(store, brake_id)
    await store.tell([_released(released)])
    return released


async def settled(begin: Begin, clock: Clock, *, redemptions: bool) -> bool:
    """Wait until what began before this moment has ended, for SETTLING_SECONDS at most; whether it has.

    What begins later reads the brake, so nothing that it stops happens afterwards.
    """
    async with begin() as store:
        since = await store.now()
    until = clock.monotonic_seconds() + SETTLING_SECONDS
    while True:
        async with begin() as store:  # a transaction each: within one the server shows the same picture of sessions
            if not await store.under_way(since, redemptions=redemptions):
                return True
        if clock.monotonic_seconds() >= until:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await asyncio.Event().wait()


async def measure_brakes(store: BrakeStore, metrics: OffersMetrics) -> Sequence[KnownBrake]:
    """Set the gauges of the brakes in force."""
    known = await store.all(in_force=True)
    for scope in Scope:
        metrics.brakes.in_force.labels(scope).set(sum(each.brake.target.scope is scope for each in known))
    now = await store.now()
    metrics.brakes.oldest_age_seconds.set(max([(now - each.pulled_at).total_seconds() for each in known], default=0))
    return known


def _pulled(known: KnownBrake) -> OutboxMessage:
    brake = known.brake
    return _message(
        BrakePulled(
            brake_id=brake.brake_id,
            scope=brake.target.scope.value,
            entity_id=brake.target.entity_id or None,
            redemptions=brake.redemptions,
            pulled_for=brake.pulled_for.value,
            reason=brake.reason,
            pulled_by=brake.pulled_by,
        ),
        f"{brake.brake_id}:pulled",
        known.pulled_at,
    )


def _released(known: KnownBrake) -> OutboxMessage:
    brake, release = known.brake, known.released
    if release is None:
        raise RuntimeError(f"brake {brake.brake_id} is in force")
    return _message(
        BrakeReleased(
            brake_id=brake.brake_id,
            scope=brake.target.scope.value,
            entity_id=brake.target.entity_id or None,
            reason=release.reason,
            released_by=release.by,
        ),
        f"{brake.brake_id}:released",
        release.at,
    )


def _message(fact: BrakePulled | BrakeReleased, event_id: str, at: datetime) -> OutboxMessage:
    return OutboxMessage.of(new_event(fact, event_id=event_id, source=SOURCE, occurred_at=at), OFFERS_BRAKES)

"""The round that pulls brakes by itself: read on, hold every campaign and the chain against their bounds, pull what trips."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.offers.domain.brakes.brake import Brake, Scope, Target
from services.offers.domain.brakes.tripping import Tripped, campaign_trips, chain_trips
from services.offers.domain.campaigns.brake_bounds import BrakeRules, CampaignBounds
from services.offers.handlers.brakes.pulling import pull_brake
from services.offers.metrics import OffersMetrics
from services.offers.ports.brakes import BrakeStore, KnownBrake, ReadingStore

BY_RULE = "rule"
"""Who pulled a brake that no person pulled."""
_UNSTATED = CampaignBounds()


async def trip_brakes(
    readings: ReadingStore, brakes: BrakeStore, rules: BrakeRules, metrics: OffersMetrics, now: datetime
) -> Sequence[KnownBrake]:
    """Pull the brakes of all that is over its bounds and not stopped yet; returns them.

    `now` is what redemptions are dated by; money is dated by the database. One process at a time does it.
    """
    if not await readings.mine():
        return ()
    await readings.read_on(rules.window_seconds)
    stamp = (await brakes.now()).strftime("%Y%m%dT%H%M%S.%f")
    pulled = []
    for each in await readings.campaigns(rules.window_seconds, now):
        bounds = (each.bounds or _UNSTATED).over(rules.campaigns)
        tripped = campaign_trips(each.reading, bounds, rules.window_seconds)
        if tripped is not None:
            target = Target(scope=Scope.CAMPAIGN, entity_id=each.campaign_id)
            pulled.append(await pull_brake(brakes, _brake(target, tripped, stamp), metrics))
    chain = Target(scope=Scope.CHAIN)
    if chain.token not in (await brakes.in_force()).tokens:
        money, doors = await readings.by_currency(rules.window_seconds), await readings.doors(rules.window_seconds)
        tripped = chain_trips(money, doors, rules.chain, rules.window_seconds)
        if tripped is not None:
            pulled.append(await pull_brake(brakes, _brake(chain, tripped, stamp), metrics))
    return pulled


@dataclass(slots=True)
class DoorTally:
    """What one process told of its answers so far."""

    answered: int = 0
    lost: int = 0

    async def tell(self, store: ReadingStore, metrics: OffersMetrics) -> None:
        """Note what it counted since it last did."""
        answered, lost = metrics.answers()
        if answered != self.answered or lost != self.lost:
            await store.note(answered - self.answered, lost - self.lost)
            self.answered, self.lost = answered, lost


def _brake(target: Target, tripped: Tripped, stamp: str) -> Brake:
    return Brake(
        brake_id=f"{tripped.rule}:{target.token}:{stamp}",
        target=target,
        redemptions=False,
        pulled_for=tripped.rule,
        reason=tripped.reason,
        pulled_by=BY_RULE,
    )

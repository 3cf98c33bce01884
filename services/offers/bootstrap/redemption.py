"""What a redemption works with, at the door and out of a lane's journal: its stores in one transaction, and how many misses it bears."""

from dataclasses import dataclass
from datetime import timedelta

from libs.common.persistence import Transaction
from services.offers.domain.fraud.guessing import MissLimits
from services.offers.settings import Settings
from services.offers.store.fraud.guessing import PostgresMisses
from services.offers.store.fraud.watching import PostgresWatch
from services.offers.store.lanes.journals import PostgresOffline
from services.offers.store.redemption.holds import PostgresHolds
from services.offers.store.redemption.redemptions import PostgresRedemptions
from services.offers.store.redemption.stacking import PostgresStacking


@dataclass(frozen=True, slots=True)
class _TillStores:
    """Fits TillStores."""

    redemptions: PostgresRedemptions
    misses: PostgresMisses
    holds: PostgresHolds
    stacks: PostgresStacking
    watched: PostgresWatch


def till_stores_of(tx: Transaction) -> _TillStores:
    """The stores of one redemption."""
    return _TillStores(
        PostgresRedemptions(tx), PostgresMisses(tx), PostgresHolds(tx), PostgresStacking(tx), PostgresWatch(tx)
    )


@dataclass(frozen=True, slots=True)
class _LaneStores:
    """Fits LaneStores."""

    redemptions: PostgresRedemptions
    stacks: PostgresStacking
    offline: PostgresOffline


def lane_stores_of(tx: Transaction) -> _LaneStores:
    """The stores of one entry of a lane's journal."""
    return _LaneStores(PostgresRedemptions(tx), PostgresStacking(tx), PostgresOffline(tx))


def miss_limits_of(settings: Settings) -> MissLimits:
    """The limits that this deployment sets."""
    return MissLimits(
        per_lane=settings.misses_per_lane,
        per_store=settings.misses_per_store,
        per_caller=settings.misses_per_caller,
        window=timedelta(seconds=settings.miss_window_seconds),
        lock=timedelta(seconds=settings.miss_lock_seconds),
    )

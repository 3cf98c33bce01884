"""What the guessing defence needs: counts of misses that all processes share."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.offers.domain.brakes.brake import NO_BRAKES, Brakes
from services.offers.domain.fraud.guessing import Misses


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is looked up first: event time in a play, until when one of the subjects is locked, which brakes stop redemptions."""

    reached_at: datetime | None
    locked_until: datetime | None
    brakes: Brakes = NO_BRAKES


class MissStore(Protocol):
    """Misses within one transaction. Rows are locked in the order of their subjects, after vouchers."""

    async def opening(self, subjects: Collection[str]) -> Opening:
        """One look, which waits for nobody."""
        ...

    async def lock(self, subjects: Collection[str], now: datetime) -> Mapping[str, Misses]:
        """The misses of these subjects, locked until the end; of one that is new none, since now."""
        ...

    async def put(self, misses: Mapping[str, Misses]) -> None:
        """Keep them."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete what began before and locks nobody after; returns how many."""
        ...

"""What the guessing defence needs: counts of misses that all processes share, beside the redemption they are of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.offers.domain.guessing import Misses
from services.offers.ports.holds import HoldStore
from services.offers.ports.stacking import StackStore
from services.offers.ports.vouchers import RedemptionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is looked up first: event time where a data set is played, and until when one of the subjects is locked."""

    reached_at: datetime | None
    locked_until: datetime | None


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


class TillStores(Protocol):
    """The stores of one redemption, in one transaction."""

    @property
    def redemptions(self) -> RedemptionStore:
        """Vouchers and redemptions."""
        ...

    @property
    def holds(self) -> HoldStore:
        """Holds."""
        ...

    @property
    def misses(self) -> MissStore:
        """Misses."""
        ...

    @property
    def stacks(self) -> StackStore:
        """Receipts and sets."""
        ...

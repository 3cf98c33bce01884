"""What one redemption needs, in one transaction: its own stores, beside those that defend against misuse."""

from typing import Protocol

from services.offers.ports.fraud.guessing import MissStore
from services.offers.ports.fraud.watching import WatchStore
from services.offers.ports.redemption.holds import HoldStore
from services.offers.ports.redemption.redemptions import RedemptionStore
from services.offers.ports.redemption.stacking import StackStore


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
    def watched(self) -> WatchStore:
        """Presentations."""
        ...

    @property
    def misses(self) -> MissStore:
        """Misses."""
        ...

    @property
    def stacks(self) -> StackStore:
        """Receipts and sets."""
        ...

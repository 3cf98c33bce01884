"""What says how things are ordered, and what lanes decided, as parts of the service's storage."""

from typing import Protocol

from services.inventory.ports.counting import CountingStore
from services.inventory.ports.lanes import LaneRoundStore
from services.inventory.ports.lead_times import LeadTimeStore
from services.inventory.ports.lots import LotStore
from services.inventory.ports.policies import PolicyStore


class OrderingStores(Protocol):
    """Policies and rounds within one transaction."""

    @property
    def policies(self) -> PolicyStore:
        """Policies of item classes, and the shelf plan."""
        ...

    @property
    def lanes(self) -> LaneRoundStore:
        """Rounds of lanes with limits."""
        ...

    @property
    def lead_times(self) -> LeadTimeStore:
        """Arrivals by lane, and what was learned of them."""
        ...

    @property
    def counting(self) -> CountingStore:
        """Silent shelves, and requests to count them."""
        ...

    @property
    def lots(self) -> LotStore:
        """Named lots."""
        ...

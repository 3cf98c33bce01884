"""What the day's close needs from storage, as a protocol."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.inventory.domain.closing.items import ClosedItems, ClosingItem, LateOrder
from services.inventory.domain.closing.store_hours import StoreHours


class ClosingStore(Protocol):
    """What the day's close reads and writes."""

    async def open_day(self, today: int) -> int | None:
        """The day to be closed, its items listed; None where all days before `today` are closed."""
        ...

    async def pooled(self, day: int) -> bytes | None:
        """What the chain knew as of the close of `day`; None where it was not closed."""
        ...

    async def hours(self) -> Mapping[str, StoreHours]:
        """When each store sells."""
        ...

    async def claim(self, day: int, limit: int, followers: Sequence[str] = ()) -> Sequence[str]:
        """The next items whose day is not closed, locked until the commit, in order; those that others hold are left, as `followers`."""
        ...

    async def load(self, item_ids: Sequence[str], day: int) -> Sequence[ClosingItem]:
        """These items in order, as far as they have shelves, with what moved since the day began. Touch them before."""
        ...

    async def late_orders(self, item_ids: Sequence[str], day: int) -> Sequence[LateOrder]:
        """Orders of these items that are late as of the close of `day`; none that a delivery shows to be late in its store alone."""
        ...

    async def save(self, day: int, items: Sequence[ClosingItem], closed: ClosedItems, contribution: bytes) -> None:
        """What was learned of a batch, its plans, and what it adds to the chain's knowledge."""
        ...

    async def skip(self, day: int, item_ids: Sequence[str]) -> None:
        """Items without a shelf have nothing to learn: their day is closed."""
        ...

    async def contributions(self, day: int) -> Sequence[bytes] | None:
        """All that the day adds, the day locked until the commit; None while items are left, or when it is closed already."""
        ...

    async def finish(self, day: int, pooled: bytes) -> None:
        """The day is closed; what only served its close is forgotten."""
        ...

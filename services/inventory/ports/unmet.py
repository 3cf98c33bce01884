"""What the handlers need of storage about demand that met an empty shelf and was told."""

from collections.abc import Sequence
from typing import Protocol

from services.inventory.domain.closing.unmet import Unmet


class UnmetStore(Protocol):
    """Told demand that was not served."""

    async def tell(self, unmet: Sequence[Unmet]) -> None:
        """Add what was asked for and not there; at most one of an item, store and day."""
        ...

    async def of_day(self, item_ids: Sequence[str], day: int) -> Sequence[Unmet] | None:
        """What was told of these items and day; None where nobody tells, so that it has to be estimated."""
        ...

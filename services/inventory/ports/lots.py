"""What the handlers need from storage to follow the age of stock."""

from collections.abc import Sequence
from typing import Protocol

from services.inventory.domain.stock.lots import LotMoved


class LotStore(Protocol):
    """Named lots by item and store."""

    async def move(self, lots: Sequence[LotMoved]) -> None:
        """Add what moved of named lots, in any order; the stock movements they are part of are told apart (StockStore)."""
        ...

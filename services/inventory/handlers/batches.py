"""How much of the work a transaction takes at once, and who hears of it in between; for the review and the day's close."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Between = Callable[[int], Awaitable[None]]
"""Called between batches, for whoever waits for them, with how many items were committed by then."""


async def nobody_waits(done: int) -> None:
    """For work that no open transaction waits for."""


@dataclass(frozen=True, slots=True)
class BatchSize:
    """Whole items, as many as both bounds allow: what a batch computes, silent for the database, grows with their shelves."""

    items: int
    shelves: int

    def items_of(self, shelves_an_item: int) -> int:
        """Items of one batch where an item has so many shelves; at least one.

        >>> BatchSize(items=500, shelves=5_000).items_of(shelves_an_item=25)
        200
        """
        return max(min(self.items, self.shelves // max(shelves_an_item, 1)), 1)

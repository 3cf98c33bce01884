"""How much of the work a transaction takes at once, for the review and the day's close."""

from dataclasses import dataclass


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

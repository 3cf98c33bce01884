"""Integers in columns of equal length that grow at the end without a copy each time; the learner's memory of trips is made of them."""

import numpy as np

from libs.ranking.state import Integers


class GrowingTable:
    """`rows` is a view of what is there: valid until the next `more`."""

    def __init__(self, width: int) -> None:
        self._room: Integers = np.empty((width, 0), np.int64)
        self.size = 0

    @classmethod
    def of(cls, rows: Integers) -> "GrowingTable":
        """A table that holds these."""
        table = cls(len(rows))
        table._room, table.size = rows, rows.shape[1]
        return table

    @property
    def rows(self) -> Integers:
        """(width x size)."""
        return self._room[:, : self.size]

    def more(self, count: int) -> Integers:
        """So many columns at the end, (width x count), to be filled in."""
        begin, self.size = self.size, self.size + count
        if self.size > self._room.shape[1]:
            room = np.empty((len(self._room), self.size + self.size // 2), np.int64)
            room[:, :begin] = self._room[:, :begin]
            self._room = room
        return self._room[:, begin : self.size]

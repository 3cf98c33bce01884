"""Integers in columns of equal length that grow at the end without a copy each time; the learner's memory of trips is made of them."""

import numpy as np

from libs.ranking.state import Integers


class GrowingTable:
    """`rows` is a view of what is there: valid until the next `extend`."""

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

    def extend(self, more: Integers) -> None:
        """Put (width x any) at the end."""
        end = self.size + more.shape[1]
        if end > self._room.shape[1]:
            room = np.empty((len(self._room), end + end // 2), np.int64)
            room[:, : self.size] = self.rows
            self._room = room
        self._room[:, self.size : end] = more
        self.size = end

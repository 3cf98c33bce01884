"""What stores have, in the memory of one process: a bit an item, brought up to date by each checkout's own read.

Whoever reads for a checkout asks what changed in its store since the horizon of what is remembered, in the same statement: so what is
remembered is never older than the customer beside it. A store that nobody has remembered yet is read whole, aside.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transactions

_WHOLE = text("""
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon,
           (SELECT array_agg(item_id) FROM availability WHERE store_id = :store_id AND there) AS item_ids
""")


class Shelf:
    """What one store has. Whoever holds it sees it become newer; one that was given up stays as it was then."""

    __slots__ = ("_bits", "_numbers", "horizon")

    def __init__(self, numbers: dict[str, int], item_ids: Iterable[str], horizon: int) -> None:
        self._numbers = numbers
        self._bits = bytearray(len(numbers) // 8 + 1)
        self.horizon = horizon
        """Whatever committed transactions below it did is in here."""
        for item_id in item_ids:
            self._put(item_id, there=True)

    def __contains__(self, item_id: object) -> bool:
        number = self._numbers.get(item_id)  # type: ignore[call-overload]  # whatever it is, it may be asked for
        if number is None:
            return False
        place = number >> 3
        return place < len(self._bits) and bool(self._bits[place] >> (number & 7) & 1)

    def changed(self, item_ids: Sequence[str], there: Sequence[bool], horizon: int) -> None:
        """What changed since the horizon, or is told again."""
        for item_id, is_there in zip(item_ids, there, strict=True):
            self._put(item_id, there=is_there)
        self.horizon = horizon

    def _put(self, item_id: str, *, there: bool) -> None:
        number = self._numbers.setdefault(item_id, len(self._numbers))
        place, bit = number >> 3, 1 << (number & 7)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits)))
        if there:
            self._bits[place] |= bit
        else:
            self._bits[place] &= ~bit


class Shelves:
    """The shelves of the stores that were asked for last, at most `most`; items have a number each, the same in all stores."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()
        self._numbers: dict[str, int] = {}
        self._wanted: dict[str, None] = {}
        self.era = 0
        """Of what was learned in another one nothing may be remembered."""

    def of(self, store_id: str) -> Shelf | None:
        """What is remembered; None where nothing is, which is noted as a wish."""
        shelf = self._shelves.get(store_id)
        if shelf is not None:
            self._shelves.move_to_end(store_id)
        elif self._most and len(self._wanted) < self._most:
            self._wanted[store_id] = None
        return shelf

    def next_wanted(self) -> str | None:
        """A store that was asked for and is not remembered; it is told once."""
        for store_id in self._wanted:
            del self._wanted[store_id]
            return store_id
        return None

    def remember(self, store_id: str, item_ids: Iterable[str], horizon: int, era: int) -> None:
        """All that a store has, as it was read in this era. Another store is given up where there are too many."""
        if era != self.era:
            return
        self._shelves[store_id] = Shelf(self._numbers, item_ids, horizon)
        self._shelves.move_to_end(store_id)
        self._wanted.pop(store_id, None)
        while len(self._shelves) > self._most:
            self._shelves.popitem(last=False)

    def forget(self) -> None:
        """All of it: horizons are numbers of one cluster, and another one may answer from now on."""
        self._shelves.clear()
        self._numbers = {}
        self.era += 1


class ShelfReader:
    """Reads the stores that somebody asked for, one after the other, beside the statement that answers checkouts."""

    def __init__(self, shelves: Shelves, transactions: Transactions) -> None:
        self._shelves = shelves
        self._transactions = transactions

    async def read_next(self) -> int:
        """One store, if there is one to read; returns how many it were. Raises RetryableError."""
        store_id = self._shelves.next_wanted()
        if store_id is None:
            return 0
        era = self._shelves.era
        async with self._transactions.begin() as tx:
            row: Any = (await tx.connection.execute(_WHOLE, {"store_id": store_id})).one()
        self._shelves.remember(store_id, row.item_ids or (), int(row.horizon), era)
        return 1

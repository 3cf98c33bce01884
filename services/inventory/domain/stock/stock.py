"""Stock of one item in one store as a fold that does not depend on the order in which facts arrive; used by handlers and store.

A count says what was on hand at its own time. What moved after that time applies on top of it, whenever it arrives; what moved
until then is already in it. Of several counts the latest by (time, event id) is in force.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

PROBABLY = 0.5
Rungs: TypeAlias = tuple[tuple[int, int], ...]
"""A shelf by age: (last day, thousandths), the oldest first (lots.py). Days are counted from 1970-01-01."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What moved at one moment: `sold_milli` left against payment (net of returns), `moved_milli` came for any other reason."""

    item_id: str
    store_id: str
    at: datetime
    sold_milli: int = 0
    moved_milli: int = 0

    @property
    def change_milli(self) -> int:
        """What it adds to the stock."""
        return self.moved_milli - self.sold_milli

    @property
    def place(self) -> tuple[str, str]:
        """Item and store."""
        return self.item_id, self.store_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """An assertion: at `at` there were `on_hand_milli`."""

    item_id: str
    store_id: str
    at: datetime
    event_id: str
    on_hand_milli: int

    @property
    def place(self) -> tuple[str, str]:
        """Item and store."""
        return self.item_id, self.store_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Stock with what is promised and what is on its way, in thousandths."""

    on_hand_milli: int
    reserved_milli: int = 0
    """Promised to another store and not shipped yet."""
    in_transit_milli: int = 0
    """On its way from other stores."""
    on_order_milli: int = 0
    """On its way from suppliers."""

    @property
    def available_milli(self) -> int:
        """What could be promised now."""
        return self.on_hand_milli - self.reserved_milli

    def promisable_milli(self, empty_ratio: float | None = None) -> int:
        """What may be promised now: nothing of a wrong book, and nothing of a shelf that is more likely empty than not.

        >>> Position(on_hand_milli=5_000, reserved_milli=2_000).promisable_milli()
        3000
        >>> Position(on_hand_milli=-1_000).promisable_milli(), Position(on_hand_milli=5_000).promisable_milli(0.9)
        (0, 0)
        """
        if empty_ratio is not None and empty_ratio > PROBABLY:
            return 0
        return max(self.available_milli, 0)

    @property
    def projected_milli(self) -> int:
        """What there will be when all that was asked for has come and gone."""
        return self.available_milli + self.in_transit_milli + self.on_order_milli


def summed(movements: Iterable[Movement]) -> Sequence[Movement]:
    """One movement per item, store and moment, in that order: integer sums, so grouping changes nothing."""
    sums: dict[tuple[str, str, datetime], tuple[int, int]] = {}
    for one in movements:
        key = (one.item_id, one.store_id, one.at)
        sold_milli, moved_milli = sums.get(key, (0, 0))
        sums[key] = (sold_milli + one.sold_milli, moved_milli + one.moved_milli)
    return [
        Movement(item_id=item_id, store_id=store_id, at=at, sold_milli=sold_milli, moved_milli=moved_milli)
        for (item_id, store_id, at), (sold_milli, moved_milli) in sorted(sums.items())
    ]


def latest(counts: Iterable[Count]) -> Sequence[Count]:
    """The count in force of each item and store, in that order."""
    found: dict[tuple[str, str], Count] = {}
    for one in counts:
        known = found.get(one.place)
        if known is None or (one.at, one.event_id) > (known.at, known.event_id):
            found[one.place] = one
    return [found[place] for place in sorted(found)]


def is_in_count(at: datetime, counted_at: datetime | None) -> bool:
    """Whether a count taken at `counted_at` already holds what moved at `at`."""
    return counted_at is not None and at <= counted_at


def on_hand_milli(count: Count | None, movements: Iterable[Movement]) -> int:
    """The law that the stock table keeps up step by step: the count in force plus everything that moved after it."""
    counted_at = count.at if count else None
    later = sum(one.change_milli for one in movements if not is_in_count(one.at, counted_at))
    return (count.on_hand_milli if count else 0) + later

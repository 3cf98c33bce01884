"""What a day's close is told: the shelves of a batch of whole items, what happened on them, and what a chain's rules cost; filled by the handlers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

WEEK = 7
LINE_SIZES = 26
"""Line sizes are counted up to this many units; the last place holds all that are larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """All shelves of a batch of whole items: rows by item id, within an item by store id."""

    item_ids: Sequence[str]
    starts: IntArray
    """Where each item's rows begin, and after the last item the number of rows."""

    store_ids: Sequence[str]
    """The store of each row."""

    pack: FloatArray
    """Units in a pack, per row."""

    price_cents: FloatArray
    """What a unit sells for, per row; 0 where nobody said."""

    @property
    def item_of(self) -> IntArray:
        """The place in `item_ids` of each row."""
        return np.repeat(np.arange(len(self.item_ids)), np.diff(self.starts))

    def __len__(self) -> int:
        return len(self.store_ids)

    def rows(self, place: int) -> slice:
        """The rows of one item."""
        return slice(int(self.starts[place]), int(self.starts[place + 1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """What the day says of each row, in whole or broken units."""

    day: int
    """The UTC day, counted from 1970-01-01; learned days follow each other without a gap."""

    sold: FloatArray
    open_ratio: FloatArray
    """Share of the selling day on which the shelf was not empty; 1 where the book is not trusted."""

    emptied_by: FloatArray
    """Size of the line that left the shelf empty; 0 where none did."""

    line_sizes: FloatArray
    """Per item (rows) how many lines of 0, 1, 2 .. units it sold that left something on the shelf; `LINE_SIZES` columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """How each row is supplied as of the close."""

    wait_days: IntArray
    """Days until an order can go out (0: at this close)."""

    lead_days: IntArray
    """Days from an order to the morning it is on the shelf."""

    review_days: IntArray
    """Days from this chance to order to the next (1: every day)."""

    late_from: IntArray
    """Of orders that are later than their lane says and not here: the first day on which one was due."""

    late_until: IntArray
    """And the last day on which one is now expected; 0 where no order is late."""

    late_days: FloatArray | float = 0.0
    """By how much its lane's orders come later than said, as learned (lead_times.py), and the variance of that."""

    late_variance_days: FloatArray | float = 0.0

    @property
    def can_order(self) -> BoolArray:
        """Whether an order decided at this close goes out."""
        can: BoolArray = self.wait_days == 0
        return can


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What each row has as of the close, in units."""

    free: FloatArray
    """On the shelf and not promised."""

    coming: FloatArray
    """On its way: a row a day, the first is tomorrow morning's."""

    room: IntArray | None = None
    """Whole units that there is room for; None: nobody said anything of any row."""

    lasting: IntArray | None = None
    """Whole units that would not end on the way to another store; None: nothing spoils."""

    served_else: FloatArray | None = None
    """The share of what is missed that substitutes sell instead: that is no loss. None: nothing."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a chain's decisions cost, and how bold it is. Money in minor units."""

    hold_ratio: float = 0.005
    """Of the price, for a unit on the shelf and a day."""

    lost_ratio: float = 0.5
    """Of the price, for a unit asked for and not there."""

    caution_ratio: float = 1.07
    """How much more than its cost a lost unit counts when safety is chosen: above 1 for a chain that would rather have it there."""

    order_line_cents: float = 5.0
    transfer_line_cents: float = 30.0
    transfer_unit_cents: float = 5.0
    hurdle_ratio: float = 1.35
    """A transfer must save this many times what it costs."""

    unknown_price_cents: float = 250.0
    counts_censoring: bool = True
    """False only in tests: what an empty shelf hid is not estimated."""

    def prices(self, price_cents: FloatArray) -> FloatArray:
        """Prices with the unknown ones filled in."""
        return np.where(price_cents > 0, price_cents, self.unknown_price_cents)

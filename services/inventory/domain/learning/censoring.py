"""What an empty shelf hid: the demand of the hours without stock, and the rest of the line that took the last unit; called by the close.

Symbols: q a line's size, j what it got, y units sold, a the share of the selling day with stock, m the mean of a whole day:
demand = y + E(q - j | q >= j) + (1 - a) m. The sizes are the item's own, from lines that left something on the shelf.
"""

from dataclasses import replace

import numpy as np

from services.inventory.domain.learning.facts import LINE_SIZES, DayFacts, FloatArray, IntArray

ALWAYS_BELIEVED, BELIEVED_TIMES, NEVER_BELIEVED = 100.0, 30.0, 1e6
"""Units of a shelf and day: so many are believed of any, more up to so many times what was expected, and none beyond the last."""

_LAST = LINE_SIZES - 1


def believed(facts: DayFacts, expected: FloatArray) -> DayFacts:
    """The day without what can only be a slip at a till, as an item's number keyed in for its quantity.

    The chain learns from squares of what its shelves sell: one such line would be all that it knows for months. What was truly sold is
    expected of the next day, and believed then.
    """
    most = np.minimum(np.maximum(BELIEVED_TIMES * expected, ALWAYS_BELIEVED), NEVER_BELIEVED)
    return facts if (facts.sold <= most).all() else replace(facts, sold=np.minimum(facts.sold, most))


def demand(facts: DayFacts, sizes: FloatArray, item_of: IntArray, mean: FloatArray) -> FloatArray:
    """Units asked for on each row, as far as can be told; never fewer than were sold.

    `sizes` counts an item's lines by size (an item a row), `mean` is what a whole day would have sold.
    """
    rest = np.zeros(len(facts.sold))
    emptied = np.flatnonzero(facts.emptied_by > 0)
    if emptied.size:
        got = np.clip(np.rint(facts.emptied_by[emptied]), 1, _LAST - 1).astype(np.int64)
        rest[emptied] = _rest_by_size(sizes)[item_of[emptied], got]
    asked: FloatArray = facts.sold + rest + (1 - facts.open_ratio) * mean
    return asked


def _rest_by_size(sizes: FloatArray) -> FloatArray:
    """E(q - j | q >= j) for every j, an item a row; 0 where no such line was seen."""
    lines = np.cumsum(sizes[:, ::-1], axis=1)[:, ::-1]
    above = np.zeros_like(sizes)
    above[:, :-1] = lines[:, 1:]
    units = np.cumsum(above[:, ::-1], axis=1)[:, ::-1]
    rest: FloatArray = np.divide(units, lines, out=np.zeros_like(units), where=lines > 0)
    return rest

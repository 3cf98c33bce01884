"""What a day says of every shelf, from stock and movements as they stand: units sold, hours with stock, the line that took the last unit.

Used by the day's close. The level of a shelf at any moment is what is on hand now less all that moved since: it does not matter in
which order counts, sales and deliveries came, nor what came after the day. Three rules:

* Sold units count once, on the first day that is learned after they are known: what comes late is learned with the next close,
  what comes back (returns, voids) is taken out of the next ones. So what was learned of a shelf always sums up to what it sold, but
  for what nobody can believe of a day (learning/censoring.py), whether it was sold or comes back.
* Whether the shelf was empty is judged once, at its day's close. A shelf that was never counted is taken as full; so is one whose book
  goes below nothing within the day: that proves the book wrong, not the shelf empty.
* What leaves a shelf in one moment is one line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.learning.censoring import ALWAYS_BELIEVED, BELIEVED_TIMES
from services.inventory.domain.learning.facts import LINE_SIZES, BoolArray, DayFacts, FloatArray, IntArray

LEAST_OPEN_RATIO = 0.05
"""A shelf that sold something was not empty all day, whatever the clock of the till says."""

_UNIT = 1000.0
NOT_LEARNED = -(2**62)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfBooks:
    """Rows of shelves, an item's one after the other, as of the close; quantities in thousandths, times in microseconds since 1970."""

    item_of: IntArray
    items: int
    on_hand_milli: IntArray
    counted: BoolArray
    sold_milli: IntArray
    """All that it ever sold, net of what came back."""

    learned_milli: IntArray
    """How much of that was learned; NOT_LEARNED for a shelf that is new to the close."""

    opens_at: IntArray
    closes_at: IntArray
    """The selling hours of the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What moved from the day's first moment on, in the order of shelves and moments."""

    row: IntArray
    at: IntArray
    sold_milli: IntArray
    moved_milli: IntArray


def facts_of(day: int, begins_at: int, ends_at: int, books: ShelfBooks, moves: Moves) -> tuple[DayFacts, IntArray]:
    """The day's facts of every row, and how much of what each shelf ever sold is learned with them."""
    rows = len(books.on_hand_milli)
    within = moves.at < ends_at
    change = moves.moved_milli - moves.sold_milli
    after = ~within
    level_end = books.on_hand_milli - _sums(moves.row[after], change[after], rows)
    sold_until = books.sold_milli - _sums(moves.row[after], moves.sold_milli[after], rows)
    today = Moves(
        row=moves.row[within],
        at=moves.at[within],
        sold_milli=moves.sold_milli[within],
        moved_milli=moves.moved_milli[within],
    )
    before = sold_until - _sums(today.row, today.sold_milli, rows)
    learned = np.where(books.learned_milli == NOT_LEARNED, before, books.learned_milli)
    start = level_end - _sums(today.row, change[within], rows)
    levels = _levels(start, today, change[within])
    trusted = books.counted & ~_any(today.row, levels < 0, rows) & (start >= 0)
    facts = DayFacts(
        day=day,
        sold=np.maximum(sold_until - learned, 0) / _UNIT,
        open_ratio=_open_ratio(start, today, levels, books, trusted, begins_at),
        emptied_by=_emptied_by(today, levels, trusted),
        line_sizes=_line_sizes(today, levels, trusted, books),
    )
    # More came back than any day would have been believed to sell: a slip is put right, and nobody bought less for it.
    sold_today = _sums(today.row, np.maximum(today.sold_milli, 0), rows)
    most = np.maximum(BELIEVED_TIMES * sold_today, ALWAYS_BELIEVED * _UNIT)
    return facts, np.where(learned - sold_until > most, sold_until, np.maximum(sold_until, learned))


def _sums(row: IntArray, values: IntArray, rows: int) -> IntArray:
    """Exact sums per row."""
    found = np.zeros(rows, dtype=np.int64)
    np.add.at(found, row, values)
    return found


def _any(row: IntArray, holds: BoolArray, rows: int) -> BoolArray:
    found = np.zeros(rows, dtype=np.bool_)
    found[row[holds]] = True
    return found


def _levels(start: IntArray, moves: Moves, change: IntArray) -> IntArray:
    """What was on the shelf after each move."""
    total = np.cumsum(change)
    first = np.searchsorted(moves.row, moves.row, side="left")
    levels: IntArray = start[moves.row] + total - total[first] + change[first]
    return levels


def _open_ratio(  # the levels of a day and the hours that they count in
    start: IntArray, moves: Moves, levels: IntArray, books: ShelfBooks, trusted: BoolArray, begins_at: int
) -> FloatArray:
    """Share of the selling hours with something on the shelf."""
    rows = len(start)
    hours = np.maximum(books.closes_at - books.opens_at, 1)
    # A shelf is empty from a move that leaves nothing until the next move, or from the day's begin until the first.
    until = np.append(moves.at[1:], 0)
    is_last = np.append(moves.row[1:] != moves.row[:-1], True)[: len(moves.row)]
    until = np.where(is_last, books.closes_at[moves.row], until[: len(moves.row)])
    empty = np.zeros(rows, dtype=np.int64)
    gone = levels == 0
    _add_hours(empty, moves.row[gone], moves.at[gone], until[gone], books)
    first = np.full(rows, np.iinfo(np.int64).max)
    np.minimum.at(first, moves.row, moves.at)
    bare = np.flatnonzero(start == 0)
    _add_hours(empty, bare, np.full(len(bare), begins_at), np.minimum(first[bare], books.closes_at[bare]), books)
    ratio = 1 - empty / hours
    sold_something = _any(moves.row, moves.sold_milli > 0, rows)
    ratio = np.where(sold_something, np.maximum(ratio, LEAST_OPEN_RATIO), ratio)
    return np.where(trusted, ratio, 1.0)


def _add_hours(empty: IntArray, row: IntArray, since: IntArray, until: IntArray, books: ShelfBooks) -> None:
    """Add the part of each span that lies in its shelf's selling hours."""
    span = np.minimum(until, books.closes_at[row]) - np.maximum(since, books.opens_at[row])
    np.add.at(empty, row, np.maximum(span, 0))


def _emptied_by(moves: Moves, levels: IntArray, trusted: BoolArray) -> FloatArray:
    """Size of the day's last line that took the last unit."""
    found = np.zeros(len(trusted))
    took_last = (levels == 0) & (moves.sold_milli > 0) & trusted[moves.row]
    found[moves.row[took_last]] = moves.sold_milli[took_last] / _UNIT  # moves are in order: the last one stays
    return found


def _line_sizes(moves: Moves, levels: IntArray, trusted: BoolArray, books: ShelfBooks) -> FloatArray:
    """How many lines of each size an item sold that left something on the shelf."""
    whole = (moves.sold_milli > 0) & ~((levels == 0) & trusted[moves.row])
    size = np.clip(np.rint(moves.sold_milli[whole] / _UNIT), 0, LINE_SIZES - 1).astype(np.int64)
    place = books.item_of[moves.row[whole]] * LINE_SIZES + size
    return np.bincount(place, minlength=books.items * LINE_SIZES).astype(np.float64).reshape(-1, LINE_SIZES)


def selling_hours(
    begins_at: int, zones_offset_seconds: Sequence[int], opens_seconds: Sequence[int], closes_seconds: Sequence[int]
) -> tuple[IntArray, IntArray]:
    """First and last moment (microseconds) at which stores sell within a UTC day, from their clocks' offset and opening hours.

    A store that closes at or before the time at which it opens closes on the next day. Where its local day lies across midnight UTC, the
    longer part of its hours within the UTC day stands for all of them.
    """
    day = 86_400
    offset = np.array(zones_offset_seconds, dtype=np.int64)
    opens = np.array(opens_seconds, dtype=np.int64)
    closes = np.array(closes_seconds, dtype=np.int64)
    closes, opens = np.where(closes <= opens, closes + day, closes) - offset, opens - offset
    best_open, best_close = np.zeros_like(opens), np.zeros_like(closes)
    for shift in (0, -day, day):
        low, high = np.clip(opens + shift, 0, day), np.clip(closes + shift, 0, day)
        longer = high - low > best_close - best_open
        best_open, best_close = np.where(longer, low, best_open), np.where(longer, high, best_close)
    return begins_at + best_open * 1_000_000, begins_at + best_close * 1_000_000

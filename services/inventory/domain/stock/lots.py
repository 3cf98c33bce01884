"""The lot-age ladder of a shelf: how much of it may be sold until which day; worked out from what moved, never kept. Pure.

A ladder is a function of what is on hand, of what moved at which moment (sums), and of the lots that were named: no order in which
these facts arrive changes it. Days are UTC days counted from 1970-01-01; a lot may be sold on its last day. The rules:

1. What came in a named lot has that lot's last day. What came without one has the day it came + the item's shelf life.
2. What is sold is the oldest that may still be sold; only where nothing else is left, what has ended.
3. What leaves for another reason is the lot that is named (what is not there of it: the next younger), else the oldest, ended first.
4. A count keeps the youngest: what is missing is taken off the oldest. What is found is as old as the oldest that may still be sold;
   where there is none, as if it had come on the day of the count.
5. What lay there before the ladder's days began keeps the youngest of the lots named by then; the rest came the day before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from services.inventory.domain.stock.shelves import day_of
from services.inventory.domain.stock.stock import Rungs

LADDER_DAYS = 42
"""How far back a ladder looks at most. An item that lasts longer has one only where lots are named."""

NEVER = 10_000_000
"""The last day of what does not spoil as far as anybody knows."""

Lots: TypeAlias = Mapping[int, int]
"""Thousandths by last day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotMoved:
    """What came in (or left, negative) of one lot at one moment; part of the movement of that moment."""

    item_id: str
    store_id: str
    at: datetime
    last_day: int
    change_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Sums of a shelf from `at` until the next step: what moved at `at`, and what was sold since."""

    at: datetime
    sold_milli: int = 0
    moved_milli: int = 0
    named: Lots = field(default_factory=dict)
    """Of `moved_milli`, what is known to be of which lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfBook:
    """What is known of a shelf beside its steps, which begin on `since_day`."""

    on_hand_milli: int
    since_day: int
    life_days: int | None
    counted_at: datetime | None = None
    """The count in force, where it was taken since then."""
    counted_milli: int = 0
    before: Lots = field(default_factory=dict)
    """Lots that were named before `since_day`."""


def has_ladder(life_days: int | None, *, lots_are_named: bool) -> bool:
    """Whether the age of an item's stock is followed at all."""
    return lots_are_named or (life_days is not None and life_days <= LADDER_DAYS)


def days_back(life_days: int | None, *, lots_are_named: bool) -> int:
    """How many days a ladder looks back: twice the shelf life, so that what lay there before has ended whatever it was."""
    return LADDER_DAYS if lots_are_named or life_days is None else min(2 * life_days + 1, LADDER_DAYS)


def ladder(steps: Iterable[Step], book: ShelfBook) -> Rungs:
    """What the shelf holds now, by last day; its sum is what is on hand (nothing for a book below nothing).

    >>> came = [Step(at=datetime.fromisoformat(f"1970-01-0{day}T06:00Z"), moved_milli=5_000) for day in (2, 4)]
    >>> ladder(came, ShelfBook(on_hand_milli=7_000, since_day=0, life_days=3))
    ((4, 2000), (6, 5000))
    """
    ordered = sorted(steps, key=lambda one: one.at)
    counted_at = book.counted_at
    in_count = 0 if counted_at is None else sum(one.at <= counted_at for one in ordered)
    lots = _opening(ordered, book) if counted_at is None else dict(book.before)
    for step in ordered[:in_count]:
        _take(lots, step, book.life_days)
    if counted_at is not None:
        _correct(lots, max(book.counted_milli, 0), day_of(counted_at), book.life_days)
    for step in ordered[in_count:]:
        _take(lots, step, book.life_days)
    last = day_of(ordered[-1].at) if ordered else book.since_day
    _correct(lots, max(book.on_hand_milli, 0), last, book.life_days)
    return tuple(sorted((last_day, milli) for last_day, milli in lots.items() if milli > 0))


def ended_milli(rungs: Rungs, day: int) -> int:
    """What may not be sold on `day` any more."""
    return sum(milli for last_day, milli in rungs if last_day < day)


def _opening(steps: Sequence[Step], book: ShelfBook) -> dict[int, int]:
    """What lay there before the first step."""
    lots = dict(book.before)
    units = max(book.on_hand_milli - sum(one.moved_milli - one.sold_milli for one in steps), 0)
    rest = units - sum(lots.values())
    _leave(lots, sorted(lots), -rest)
    _come(lots, _last_day(book.since_day - 1, book.life_days), max(rest, 0))
    return lots


def _take(lots: dict[int, int], step: Step, life_days: int | None) -> None:
    day = day_of(step.at)
    unnamed = step.moved_milli - sum(step.named.values())
    named = sorted(step.named.items())
    for last_day, change in [*named, (_last_day(day, life_days), unnamed)]:
        _come(lots, last_day, max(change, 0))
    for last_day, change in named:
        _leave(lots, _from(lots, last_day), -change)
    _leave(lots, sorted(lots), -unnamed)
    _leave(lots, _from(lots, day), step.sold_milli)
    if step.sold_milli < 0:
        _come(lots, _oldest_fresh(lots, day, day), -step.sold_milli)


def _correct(lots: dict[int, int], total_milli: int, day: int, life_days: int | None) -> None:
    """Make the lots come to `total_milli`: the youngest stay, what is found is as old as the oldest that may be sold."""
    missing = total_milli - sum(lots.values())
    if missing < 0:
        _leave(lots, sorted(lots), -missing)
    elif missing > 0:
        _come(lots, _oldest_fresh(lots, day, _last_day(day, life_days)), missing)


def _oldest_fresh(lots: Lots, day: int, otherwise: int) -> int:
    return min((last_day for last_day, milli in lots.items() if milli > 0 and last_day >= day), default=otherwise)


def _from(lots: Lots, day: int) -> Sequence[int]:
    """Last days in the order in which they go: the oldest that lasts until `day`, younger ones, then what has ended before."""
    return sorted(lots, key=lambda last_day: (last_day < day, last_day))


def _last_day(day: int, life_days: int | None) -> int:
    return NEVER if life_days is None else day + life_days


def _come(lots: dict[int, int], last_day: int, milli: int) -> None:
    lots[last_day] = lots.get(last_day, 0) + milli


def _leave(lots: dict[int, int], order: Sequence[int], milli: int) -> None:
    """Take so much, in this order; what is not there is not taken."""
    for last_day in order:
        if milli <= 0:
            return
        taken = min(lots.get(last_day, 0), milli)
        lots[last_day] = lots.get(last_day, 0) - taken
        milli -= taken

"""What it costs to turn a sale into knowledge of demand: CPU of the day's close of real baskets, without SQL, start or review."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from libs.laptop.complete_journey import Cut, load
from services.inventory.domain.closing.day_facts import NOT_LEARNED, Moves, ShelfBooks, facts_of
from services.inventory.domain.closing.store_hours import selling_times
from services.inventory.domain.distribution import IntArray
from services.inventory.domain.learning.closing import close_day
from services.inventory.domain.learning.facts import Rules, Shelves
from services.inventory.domain.learning.pooling import Contribution, Pooled, combine, nothing_known
from services.inventory.domain.learning.state import from_bytes, to_bytes
from services.inventory.domain.planning.supply_rhythm import supply_of
from services.inventory.domain.stock.shelves import day_of

BAR_US = 20.0
_BATCH_ITEMS = 250
_WARM_DAYS, _DAYS = 21, 7
_SUPERMARKET_LINES = 0.3
"""Lines a shelf and day, as the nights of this benchmark have them."""

_UNIT, _MICROSECONDS, _DAY_SECONDS = 1000, 1_000_000, 86_400


@dataclass(frozen=True, slots=True)
class Update:
    """CPU of learning some days: all of it, and the kernel's share (`close_day`)."""

    shelf_days: int
    lines: int
    cpu_seconds: float
    kernel_seconds: float

    @property
    def a_line_us(self) -> float:
        """Of all of it, per line sold."""
        return self.cpu_seconds / self.lines * 1e6

    @property
    def a_shelf_us(self) -> float:
        """Of all of it, per shelf and day, whether it sold something or not."""
        return self.cpu_seconds / self.shelf_days * 1e6


@dataclass(frozen=True, slots=True)
class Panel:
    """The series that sell most in the stores that sell most of Complete Journey."""

    name: str
    level: str
    stores: int
    items: int


PANELS = (
    Panel("categories", "category", stores=30, items=50),
    Panel("products", "product_id", stores=20, items=200),
    Panel("products, the long tail with them", "product_id", stores=25, items=1_000),
)
"""The two in which demand is judged (`usual evaluate`), and what hardly sells in this sample of households."""


def show_updates() -> None:
    """Measure each panel, and print it beside the bar."""
    print(
        "Demand update per sale, us of CPU. Counted: all that the close computes of demand: facts of the day, state read and written,\n"
        "`close_day` (learning, the shadow shops and the next day's need in it: they are one), the pool. Not counted: process start, SQL,\n"
        "orders and transfers, and the stream, where a sale writes nothing for demand that stock does not need as well."
    )
    for panel in PANELS:
        found = _learned(_days_of(_sold(panel.stores), panel.level, panel.items))
        lines = found.lines / found.shelf_days
        print(
            f"  {found.shelf_days // _DAYS:>6} shelves of {panel.name}, {lines:.3f} lines a shelf and day: {found.a_line_us:.0f} us a sale "
            f"(bar {BAR_US:.0f}), {found.kernel_seconds / found.lines * 1e6:.0f} of it `close_day`; {found.a_shelf_us:.1f} us a shelf "
            f"and day, so {found.a_shelf_us / _SUPERMARKET_LINES:.0f} us a sale at {_SUPERMARKET_LINES} lines a shelf, "
            f"{BAR_US:.0f} us from {found.a_shelf_us / BAR_US:.2f} lines on",
            flush=True,
        )


@dataclass(frozen=True, slots=True)
class _Day:
    """All shelves with what they sold."""

    day: int
    shelves: Shelves
    moves: Moves
    sold_milli: IntArray
    """Of each shelf, since the first day."""


def _sold(stores: int) -> Any:
    data = load(Cut(first_week=20, weeks=5, stores=stores))
    category = {one.product_id: one.category for one in data.products.values() if one.stock_keeping}
    lines = data.transactions[data.transactions.product_id.isin(category)]
    return lines.assign(category=lines.product_id.map(category))


def _days_of(sold: Any, level: str, items: int) -> Iterator[_Day]:
    """Days of the series that sell most; every one in every store."""
    most = sorted(sold[level].value_counts().index[:items])
    stores = sorted(sold.store_id.unique())
    lines = sold[sold[level].isin(most)]
    row = np.searchsorted(np.array(most), lines[level].to_numpy()) * len(stores)
    row = row + np.searchsorted(np.array(stores), lines.store_id.to_numpy())
    at = lines.timestamp.dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    milli = lines.quantity.to_numpy().astype(np.int64) * _UNIT
    order = np.lexsort((at, row))
    row, at, milli = row[order], at[order], milli[order]
    shelves = Shelves(
        item_ids=[str(one) for one in most],
        starts=np.arange(len(most) + 1) * len(stores),
        store_ids=[str(one) for one in stores] * len(most),
        pack=np.full(len(most) * len(stores), 6.0),
        price_cents=np.full(len(most) * len(stores), 249.0),
    )
    first = day_of(datetime.fromtimestamp(int(at.min()) / _MICROSECONDS, tz=UTC)) + 1
    total = np.zeros(len(shelves), dtype=np.int64)
    for day in range(first, first + _WARM_DAYS + _DAYS):
        of_day = at // (_DAY_SECONDS * _MICROSECONDS) == day
        np.add.at(total, row[of_day], milli[of_day])
        none = np.zeros(int(of_day.sum()), dtype=np.int64)
        moves = Moves(row=row[of_day], at=at[of_day], sold_milli=milli[of_day], moved_milli=none)
        yield _Day(day, shelves, moves, total.copy())


def _learned(days: Iterator[_Day]) -> Update:
    """Close day after day in batches as the service does; the first ones are not counted."""
    states: list[bytes | None] = []
    pooled, learned = nothing_known(0), np.zeros(0, dtype=np.int64)
    lines, shelf_days, spent, kernel = 0, 0, 0.0, 0.0
    for number, day in enumerate(days):
        if number == 0:
            states, pooled = [None] * len(day.shelves.item_ids), nothing_known(day.day - 1)
            learned = np.full(len(day.shelves), NOT_LEARNED)
        measured = number >= _WARM_DAYS
        parts: list[Contribution] = []
        for begin in range(0, len(states), _BATCH_ITEMS):
            batch = _batch(day, slice(begin, begin + _BATCH_ITEMS), learned)
            cpu = time.process_time()
            states[begin : begin + _BATCH_ITEMS], part, learned[batch.rows], own = _closed(
                batch, states[begin : begin + _BATCH_ITEMS], pooled
            )
            spent += (time.process_time() - cpu) * measured
            kernel += own * measured
            parts.append(part)
        cpu = time.process_time()
        pooled = combine(pooled, parts, day.day)
        spent += (time.process_time() - cpu) * measured
        lines += len(day.moves.row) * measured
        shelf_days += len(day.shelves) * measured
    return Update(shelf_days, lines, spent, kernel)


@dataclass(frozen=True, slots=True)
class _Batch:
    day: int
    shelves: Shelves
    rows: slice
    books: ShelfBooks
    moves: Moves


def _batch(day: _Day, places: slice, learned: IntArray) -> _Batch:
    """The part of some items, with every fifth shelf empty at night."""
    starts = day.shelves.starts[places.start : places.stop + 1]
    rows = slice(int(starts[0]), int(starts[-1]))
    shelves = Shelves(
        item_ids=day.shelves.item_ids[places],
        starts=starts - starts[0],
        store_ids=day.shelves.store_ids[rows],
        pack=day.shelves.pack[rows],
        price_cents=day.shelves.price_cents[rows],
    )
    within = (day.moves.row >= rows.start) & (day.moves.row < rows.stop)
    opens_at, closes_at = selling_times(shelves.store_ids, day.day, {})
    books = ShelfBooks(
        item_of=shelves.item_of,
        items=len(shelves.item_ids),
        on_hand_milli=np.arange(len(shelves)) % 5 * _UNIT,
        counted=np.ones(len(shelves), dtype=np.bool_),
        sold_milli=day.sold_milli[rows],
        learned_milli=learned[rows].copy(),
        opens_at=opens_at,
        closes_at=closes_at,
    )
    moves = Moves(
        row=day.moves.row[within] - rows.start,
        at=day.moves.at[within],
        sold_milli=day.moves.sold_milli[within],
        moved_milli=day.moves.moved_milli[within],
    )
    return _Batch(day.day, shelves, rows, books, moves)


def _closed(
    batch: _Batch, kept: Sequence[bytes | None], pooled: Pooled
) -> tuple[Sequence[bytes], Contribution, IntArray, float]:
    begins_at = batch.day * _DAY_SECONDS * _MICROSECONDS
    facts, learned = facts_of(batch.day, begins_at, begins_at + _DAY_SECONDS * _MICROSECONDS, batch.books, batch.moves)
    none = np.zeros(len(batch.shelves), dtype=np.int64)
    supply = supply_of([(0, 2, 1)] * len(batch.shelves), none, none)
    states = from_bytes(kept, batch.shelves)
    cpu = time.process_time()
    closed = close_day(states, batch.shelves, facts, supply, pooled, Rules())
    kernel = time.process_time() - cpu
    return to_bytes(closed.states, batch.shelves), closed.contribution, learned, kernel

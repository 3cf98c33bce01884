"""Named lots, and the ladders of items whose stock ages, on PostgreSQL: sums by moment, folded by domain/stock/lots.py when they are asked for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.stock.lots import LotMoved, ShelfBook, Step, days_back, has_ladder, ladder
from services.inventory.domain.stock.shelves import ItemView, day_of, start_of
from services.inventory.domain.stock.stock import Rungs
from services.inventory.store.columns import columns

_MOVED = text("""
    INSERT INTO lots (item_id, store_id, at, last_day, change_milli)
    SELECT * FROM unnest(CAST(:item_id AS text[]), CAST(:store_id AS text[]), CAST(:at AS timestamptz[]),
                         CAST(:last_day AS integer[]), CAST(:change_milli AS bigint[]))
    ON CONFLICT (item_id, store_id, at, last_day) DO UPDATE SET change_milli = lots.change_milli + excluded.change_milli
""")
_NAMED = text("""
    INSERT INTO shelf_facts (item_id, store_id, lots_are_named)
    SELECT *, true FROM unnest(CAST(:item_id AS text[]), CAST(:store_id AS text[]))
    ON CONFLICT (item_id, store_id) DO UPDATE SET lots_are_named = true WHERE NOT shelf_facts.lots_are_named
""")
# A step begins where anything but a sale moved, at a count, and with each day: what is sold in between is one sum.
_STEPS = text("""
    SELECT item_id, store_id, min(at) AS at, sum(sold_milli)::bigint AS sold_milli, sum(moved_milli)::bigint AS moved_milli
    FROM (
        SELECT moved.item_id, moved.store_id, moved.at, moved.day, moved.sold_milli, moved.moved_milli,
               coalesce(moved.at <= stock.counted_at, false) AS is_in_count,
               count(*) FILTER (WHERE moved.moved_milli <> 0 OR EXISTS (
                   SELECT FROM lots WHERE (lots.item_id, lots.store_id, lots.at) = (moved.item_id, moved.store_id, moved.at)
               )) OVER (PARTITION BY moved.item_id, moved.store_id ORDER BY moved.at) AS step
        FROM unnest(CAST(:item_id AS text[]), CAST(:since_day AS integer[])) AS wanted (item_id, since_day)
        JOIN stock ON stock.item_id = wanted.item_id
        JOIN movements AS moved ON (moved.item_id, moved.store_id) = (stock.item_id, stock.store_id) AND moved.at >= :since
        WHERE moved.day >= wanted.since_day
    ) AS stepped
    GROUP BY item_id, store_id, day, is_in_count, step
    ORDER BY item_id, store_id, at
""")
_LOTS = text("""
    SELECT item_id, store_id, at, last_day, change_milli FROM lots
    WHERE item_id = ANY(CAST(:item_ids AS text[])) ORDER BY item_id, store_id, at, last_day
""")
_BOOKS = text("""
    SELECT item_id, store_id, on_hand_milli, counted_at, counted_milli FROM stock
    WHERE item_id = ANY(CAST(:item_ids AS text[]))
""")
FORGET_LOTS = text("DELETE FROM lots WHERE last_day < :before")

Place = tuple[str, str]
Wanted = Mapping[str, tuple[int | None, int]]
"""By item: its shelf life, and the day from which its steps are read."""


class PostgresLots:
    """Fits LotStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def move(self, lots: Sequence[LotMoved]) -> None:
        """Add sums; the shelves' items are ones with a ladder from then on."""
        if not lots:
            return
        sums: dict[tuple[str, str, datetime, int], int] = {}
        for one in lots:
            key = (one.item_id, one.store_id, one.at, one.last_day)
            sums[key] = sums.get(key, 0) + one.change_milli
        rows = [(*key, change) for key, change in sorted(sums.items())]
        names = ("item_id", "store_id", "at", "last_day", "change_milli")
        await self._tx.connection.execute(_MOVED, columns(names, rows))
        shelves = sorted({(one.item_id, one.store_id) for one in lots})
        await self._tx.connection.execute(_NAMED, columns(("item_id", "store_id"), shelves))


async def read_ladders(tx: Transaction, items: Sequence[ItemView], day: int) -> Mapping[str, Sequence[Rungs]]:
    """The ladders as of `day` of those items that have one, in the order of their stores; no statement where none has."""
    wanted: dict[str, tuple[int | None, int]] = {}
    for item in items:
        life_days = item.facts.shelf_life_days
        named = any(shelf.lots_are_named for shelf in item.shelf_facts.values())
        if has_ladder(life_days, lots_are_named=named):
            wanted[item.facts.item_id] = (life_days, day - days_back(life_days, lots_are_named=named))
    if not wanted:
        return {}
    lots = (await tx.connection.execute(_LOTS, {"item_ids": sorted(wanted)})).all()
    steps, books = await _steps(tx, wanted, lots), await _books(tx, wanted, lots)
    found = {}
    for item in items:
        item_id = item.facts.item_id
        if item_id in wanted:
            places = [(item_id, store_id) for store_id in item.store_ids]
            found[item_id] = [ladder(steps.get(place, ()), books[place]) for place in places]
    return found


async def _steps(tx: Transaction, wanted: Wanted, lots: Sequence[Any]) -> Mapping[Place, Sequence[Step]]:
    ids = sorted(wanted)
    since = [wanted[item_id][1] for item_id in ids]
    named: dict[tuple[str, str, datetime], dict[int, int]] = {}
    for row in lots:
        named.setdefault((row.item_id, row.store_id, row.at), {})[row.last_day] = row.change_milli
    rows = await tx.connection.execute(_STEPS, {"item_id": ids, "since_day": since, "since": start_of(min(since))})
    found: dict[Place, list[Step]] = {}
    for row in rows:
        step = Step(
            at=row.at,
            sold_milli=row.sold_milli,
            moved_milli=row.moved_milli,
            named=named.get((row.item_id, row.store_id, row.at), {}),
        )
        found.setdefault((row.item_id, row.store_id), []).append(step)
    return found


async def _books(tx: Transaction, wanted: Wanted, lots: Sequence[Any]) -> Mapping[Place, ShelfBook]:
    before: dict[Place, dict[int, int]] = {}
    for row in lots:
        if day_of(row.at) < wanted[row.item_id][1]:
            known = before.setdefault((row.item_id, row.store_id), {})
            known[row.last_day] = known.get(row.last_day, 0) + row.change_milli
    rows = await tx.connection.execute(_BOOKS, {"item_ids": sorted(wanted)})
    return {(row.item_id, row.store_id): _book(row, *wanted[row.item_id], before) for row in rows}


def _book(row: Any, life_days: int | None, since_day: int, before: Mapping[Place, Mapping[int, int]]) -> ShelfBook:
    known = {last: milli for last, milli in before.get((row.item_id, row.store_id), {}).items() if milli > 0}
    in_view = row.counted_at is not None and day_of(row.counted_at) >= since_day
    return ShelfBook(
        on_hand_milli=row.on_hand_milli,
        since_day=since_day,
        life_days=life_days,
        counted_at=row.counted_at if in_view else None,
        counted_milli=row.counted_milli if in_view else 0,
        before=known,
    )

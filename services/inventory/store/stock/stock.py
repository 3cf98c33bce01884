"""Stock on PostgreSQL: integer sums kept up step by step, in any order of arrival, by as few statements as a batch allows."""

from collections.abc import Collection, Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.stock.shelves import day_of
from services.inventory.domain.stock.stock import Count, Movement, is_in_count
from services.inventory.store.columns import columns

_MOVED = text("""
    INSERT INTO movements (item_id, store_id, at, day, sold_milli, moved_milli)
    SELECT * FROM unnest(CAST(:item_id AS text[]), CAST(:store_id AS text[]), CAST(:at AS timestamptz[]),
                         CAST(:day AS integer[]), CAST(:sold_milli AS bigint[]), CAST(:moved_milli AS bigint[]))
    ON CONFLICT (item_id, store_id, at) DO UPDATE
    SET sold_milli = movements.sold_milli + excluded.sold_milli, moved_milli = movements.moved_milli + excluded.moved_milli
""")
_STOCK = text("""
    INSERT INTO stock (item_id, store_id, on_hand_milli, sold_milli, first_day, moved_day)
    SELECT * FROM unnest(CAST(:item_id AS text[]), CAST(:store_id AS text[]), CAST(:change_milli AS bigint[]),
                         CAST(:sold_milli AS bigint[]), CAST(:first_day AS integer[]), CAST(:moved_day AS integer[]))
    ON CONFLICT (item_id, store_id) DO UPDATE
    SET on_hand_milli = stock.on_hand_milli + excluded.on_hand_milli, sold_milli = stock.sold_milli + excluded.sold_milli,
        first_day = least(stock.first_day, excluded.first_day), moved_day = greatest(stock.moved_day, excluded.moved_day)
    RETURNING item_id, store_id, counted_at
""")
_CORRECT = text("""
    UPDATE stock SET on_hand_milli = stock.on_hand_milli - late.change_milli
    FROM unnest(CAST(:item_id AS text[]), CAST(:store_id AS text[]), CAST(:change_milli AS bigint[]))
         AS late (item_id, store_id, change_milli)
    WHERE (stock.item_id, stock.store_id) = (late.item_id, late.store_id)
""")
_COUNTED = text("""
    INSERT INTO stock (item_id, store_id, counted_milli, on_hand_milli, counted_at, counted_by, first_day)
    SELECT item_id, store_id, counted_milli, counted_milli, at, event_id, day
    FROM unnest(CAST(:item_id AS text[]), CAST(:store_id AS text[]), CAST(:counted_milli AS bigint[]),
                CAST(:at AS timestamptz[]), CAST(:event_id AS text[]), CAST(:day AS integer[]))
         AS new (item_id, store_id, counted_milli, at, event_id, day)
    ON CONFLICT (item_id, store_id) DO UPDATE
    SET counted_milli = excluded.counted_milli, counted_at = excluded.counted_at, counted_by = excluded.counted_by,
        first_day = least(stock.first_day, excluded.first_day)
    WHERE stock.counted_at IS NULL OR (stock.counted_at, stock.counted_by) < (excluded.counted_at, excluded.counted_by)
    RETURNING item_id, store_id
""")
# A statement of its own, after the rows are locked: its snapshot sees every movement whose stock row was changed before.
_RECOUNT = text("""
    UPDATE stock SET on_hand_milli = stock.counted_milli + later.change_milli
    FROM (
        SELECT wanted.item_id, wanted.store_id, coalesce(sum(moved.moved_milli - moved.sold_milli), 0)::bigint AS change_milli
        FROM unnest(CAST(:item_id AS text[]), CAST(:store_id AS text[])) AS wanted (item_id, store_id)
        JOIN stock AS own ON (own.item_id, own.store_id) = (wanted.item_id, wanted.store_id)
        LEFT JOIN movements AS moved
          ON (moved.item_id, moved.store_id) = (wanted.item_id, wanted.store_id) AND moved.at > own.counted_at
        GROUP BY wanted.item_id, wanted.store_id
    ) AS later
    WHERE (stock.item_id, stock.store_id) = (later.item_id, later.store_id)
""")
# DO UPDATE locks the row even where its condition is false, and then leaves no dead version behind.
_TOUCH = text("""
    INSERT INTO agenda (item_id, due_at)
    SELECT item_id, '-infinity' FROM unnest(CAST(:item_ids AS text[])) AS touched (item_id)
    ON CONFLICT (item_id) DO UPDATE SET due_at = '-infinity' WHERE agenda.due_at > '-infinity'
""")


class PostgresStock:
    """Fits StockStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def move(self, movements: Sequence[Movement]) -> None:
        """Apply sums of movements; what a later count already holds is taken out again while its row is locked."""
        if not movements:
            return
        names = ("item_id", "store_id", "at", "day", "sold_milli", "moved_milli")
        rows = [(*one.place, one.at, day_of(one.at), one.sold_milli, one.moved_milli) for one in movements]
        await self._tx.connection.execute(_MOVED, columns(names, rows))
        shelf_names = ("item_id", "store_id", "change_milli", "sold_milli", "first_day", "moved_day")
        found = await self._tx.connection.execute(_STOCK, columns(shelf_names, _by_shelf(movements)))
        counted = {(row.item_id, row.store_id): row.counted_at for row in found if row.counted_at is not None}
        late: dict[tuple[str, str], int] = {}
        for one in movements:
            if is_in_count(one.at, counted.get(one.place)):
                late[one.place] = late.get(one.place, 0) + one.change_milli
        if late:
            rows_late = [(*place, change) for place, change in late.items()]
            await self._tx.connection.execute(_CORRECT, columns(("item_id", "store_id", "change_milli"), rows_late))

    async def count(self, counts: Sequence[Count]) -> None:
        """Apply counts, then add what moved after them."""
        if not counts:
            return
        names = ("item_id", "store_id", "counted_milli", "at", "event_id", "day")
        rows = [(*one.place, one.on_hand_milli, one.at, one.event_id, day_of(one.at)) for one in counts]
        found = (await self._tx.connection.execute(_COUNTED, columns(names, rows))).all()
        if found:
            await self._tx.connection.execute(_RECOUNT, columns(("item_id", "store_id"), found))

    async def touch(self, item_ids: Collection[str]) -> None:
        """Put items on the agenda and hold their lock."""
        if item_ids:
            await self._tx.connection.execute(_TOUCH, {"item_ids": sorted(set(item_ids))})


def _by_shelf(movements: Sequence[Movement]) -> list[tuple[str, str, int, int, int, int]]:
    """Per item and store: change, sold, first and last day; in order."""
    sums: dict[tuple[str, str], tuple[int, int, int, int]] = {}
    for one in movements:
        day = day_of(one.at)
        change, sold, first, last = sums.get(one.place, (0, 0, day, day))
        sums[one.place] = (change + one.change_milli, sold + one.sold_milli, min(first, day), max(last, day))
    return [(*place, *found) for place, found in sorted(sums.items())]

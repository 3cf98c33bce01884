"""Vouchers, the sums over them, and promotions on PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.vouchers.lines import VoucherHabits, VoucherLine
from services.inventory.domain.vouchers.vouchers import Lesson, Line, Standing
from services.inventory.ports.vouchers import ShelfQuestion
from services.inventory.store.columns import columns

_pack = msgspec.msgpack.Encoder(order="deterministic").encode
_unpack = msgspec.msgpack.Decoder(Standing).decode
_NEW = Standing()

# DO UPDATE locks the row and RETURNING shows what the last transaction left; a new voucher's row is made on the way.
_LOCK = text("""
    INSERT INTO vouchers (voucher_id, standing)
    SELECT voucher_id, CAST(:new AS bytea) FROM unnest(CAST(:voucher_ids AS text[])) AS asked (voucher_id) ORDER BY 1
    ON CONFLICT (voucher_id) DO UPDATE SET last_day = vouchers.last_day
    RETURNING voucher_id, standing
""")
_KEEP = text("""
    UPDATE vouchers SET standing = heard.standing, last_day = heard.last_day
    FROM unnest(CAST(:voucher_id AS text[]), CAST(:standing AS bytea[]), CAST(:last_day AS integer[]))
         AS heard (voucher_id, standing, last_day)
    WHERE vouchers.voucher_id = heard.voucher_id
""")
_EXPECT = text("""
    INSERT INTO voucher_demand (item_id, category, store_id, first_day, last_day, expected_micro, vouchers)
    SELECT * FROM unnest(CAST(:item_id AS text[]), CAST(:category AS text[]), CAST(:store_id AS text[]), CAST(:first_day AS integer[]),
                         CAST(:last_day AS integer[]), CAST(:expected_micro AS bigint[]), CAST(:vouchers AS bigint[]))
    ON CONFLICT (item_id, category, store_id, first_day, last_day) DO UPDATE
    SET expected_micro = voucher_demand.expected_micro + excluded.expected_micro,
        vouchers = voucher_demand.vouchers + excluded.vouchers
""")
_LEARN = text("""
    INSERT INTO voucher_lessons (category, figure, amount)
    SELECT * FROM unnest(CAST(:category AS text[]), CAST(:figure AS text[]), CAST(:amount AS bigint[]))
    ON CONFLICT (category, figure) DO UPDATE SET amount = voucher_lessons.amount + excluded.amount
""")
_SHELVES = text("""
    SELECT asked.place, coalesce(bool_and(stock.counted_at <= asked.at), false) AS counted,
           coalesce(bool_or(stock.on_hand_milli - later.change_milli > 0) FILTER (WHERE stock.counted_at <= asked.at), false) AS found
    FROM unnest(CAST(:place AS integer[]), CAST(:item_id AS text[]), CAST(:store_id AS text[]), CAST(:at AS timestamptz[]))
         AS asked (place, item_id, store_id, at)
    JOIN stock USING (item_id, store_id)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(moved_milli - sold_milli), 0)::bigint AS change_milli FROM movements
        WHERE (movements.item_id, movements.store_id) = (asked.item_id, asked.store_id) AND movements.at > asked.at
    ) AS later
    GROUP BY asked.place
""")
_CATEGORIES = text("""
    SELECT items.category, stock.store_id, bool_or(stock.on_hand_milli > 0) AS found, bool_and(stock.counted_at IS NOT NULL) AS counted
    FROM items JOIN stock USING (item_id)
    WHERE items.stock_keeping AND items.category = ANY(CAST(:categories AS text[])) AND stock.store_id = ANY(CAST(:store_ids AS text[]))
    GROUP BY 1, 2
""")
_LINES = text("""
    SELECT item_id, category, store_id, first_day, last_day, expected_micro, vouchers FROM voucher_demand
    WHERE item_id = ANY(CAST(:item_ids AS text[])) AND (item_id <> '' OR category = ANY(CAST(:categories AS text[])))
      AND last_day >= :day AND expected_micro > 0
    ORDER BY item_id, category, store_id, first_day, last_day
""")
_LESSONS = text(
    "SELECT category, figure, amount FROM voucher_lessons WHERE category = ANY(CAST(:categories AS text[]))"
)
_FORGET = (
    text("""
        DELETE FROM vouchers WHERE voucher_id IN (
            SELECT voucher_id FROM vouchers WHERE last_day < :day ORDER BY voucher_id LIMIT 1000 FOR UPDATE SKIP LOCKED)
    """),
    text("""
        DELETE FROM voucher_demand WHERE (item_id, category, store_id, first_day, last_day) IN (
            SELECT item_id, category, store_id, first_day, last_day FROM voucher_demand WHERE last_day < :day
            ORDER BY 1, 2, 3, 4, 5 LIMIT 1000 FOR UPDATE SKIP LOCKED)
    """),
)


class PostgresVouchers:
    """Fits VoucherStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def lock(self, voucher_ids: Collection[str]) -> Mapping[str, Standing]:
        """What is known of each, locked, in order."""
        if not voucher_ids:
            return {}
        rows = await self._tx.connection.execute(_LOCK, {"voucher_ids": sorted(set(voucher_ids)), "new": _pack(_NEW)})
        return {row.voucher_id: _unpack(row.standing) for row in rows}

    async def keep(self, standings: Mapping[str, tuple[Standing, int]]) -> None:
        """Replace what is known."""
        if standings:
            rows = [(name, _pack(standing), last_day) for name, (standing, last_day) in standings.items()]
            await self._tx.connection.execute(_KEEP, columns(("voucher_id", "standing", "last_day"), rows))

    async def expect(self, changes: Mapping[Line, tuple[int, int]]) -> None:
        """Add to lines, in order."""
        rows = [
            (line.item_id, line.category, line.store_id, line.first_day, line.last_day, *changed)
            for line, changed in sorted(changes.items())
        ]
        if rows:
            names = ("item_id", "category", "store_id", "first_day", "last_day", "expected_micro", "vouchers")
            await self._tx.connection.execute(_EXPECT, columns(names, rows))

    async def learn(self, changes: Mapping[Lesson, int]) -> None:
        """Add to lessons, in order."""
        rows = [(one.category, one.figure, amount) for one, amount in sorted(changes.items())]
        if rows:
            await self._tx.connection.execute(_LEARN, columns(("category", "figure", "amount"), rows))

    async def empty_shelves(self, questions: Sequence[ShelfQuestion]) -> Sequence[bool | None]:
        """Named items as of the moment asked for, categories as of now."""
        found: dict[int, bool | None] = {}
        named = [
            (place, item_id, one.store_id, one.at) for place, one in enumerate(questions) for item_id in one.item_ids
        ]
        if named:
            rows = await self._tx.connection.execute(_SHELVES, columns(("place", "item_id", "store_id", "at"), named))
            found.update({row.place: not row.found if row.counted or row.found else None for row in rows})
        general = {(one.category, one.store_id): place for place, one in enumerate(questions) if not one.item_ids}
        if general:
            asked = {
                "categories": sorted({key[0] for key in general}),
                "store_ids": sorted({key[1] for key in general}),
            }
            rows = await self._tx.connection.execute(_CATEGORIES, asked)
            known = {(row.category, row.store_id): not row.found if row.counted or row.found else None for row in rows}
            for place, one in enumerate(questions):
                if not one.item_ids:
                    found[place] = known.get((one.category, one.store_id))
        return [found.get(place) for place in range(len(questions))]

    async def lines(self, item_id: str, category: str, from_day: int) -> Sequence[VoucherLine]:
        """An item's own lines and its category's."""
        return await read_lines(self._tx, [item_id], [category], from_day)

    async def forget(self, before_day: int) -> int:
        """Remove what ended before a day."""
        return sum([(await self._tx.connection.execute(one, {"day": before_day})).rowcount for one in _FORGET])


async def read_lines(
    tx: Transaction, item_ids: Collection[str], categories: Collection[str], from_day: int
) -> Sequence[VoucherLine]:
    """Lines of these items and categories from a day on, with what their categories' vouchers taught, in order."""
    asked = {"item_ids": ["", *sorted(set(item_ids))], "categories": sorted(set(categories)), "day": from_day}
    rows = (await tx.connection.execute(_LINES, asked)).all()
    taught: dict[str, dict[str, int]] = defaultdict(dict)
    lessons = {"categories": sorted({row.category for row in rows})}
    for lesson in await tx.connection.execute(_LESSONS, lessons) if rows else ():
        taught[lesson.category][lesson.figure] = lesson.amount
    habits = {category: VoucherHabits.of(figures) for category, figures in taught.items()}
    usual = VoucherHabits()
    return [
        VoucherLine(
            store_id=row.store_id,
            item_id=row.item_id or None,
            category=None if row.item_id else row.category,
            first_day=row.first_day,
            last_day=row.last_day,
            units=row.expected_micro / 1e6,
            vouchers=row.vouchers,
            habits=habits.get(row.category, usual),
        )
        for row in rows
    ]

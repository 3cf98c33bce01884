"""The day's close on PostgreSQL: which day is next, its items in batches, what was learned of them and what the chain knows."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.closing.items import ClosedItems, ClosingItem, LateOrder
from services.inventory.domain.closing.store_hours import StoreHours
from services.inventory.domain.stock.shelves import start_of
from services.inventory.store.catalog import ITEM_FACTS
from services.inventory.store.closing.items import closing_items
from services.inventory.store.closing.links import open_with_links
from services.inventory.store.columns import columns, tuples_of
from services.inventory.store.depots import DEPOT_IDS, closing_without_depots
from services.inventory.store.planning.plans import SAVE_PLANS, plan_columns
from services.inventory.store.planning.texts import array_text, array_texts
from services.inventory.store.policies import read_shelf_facts

GREATEST_CATCH_UP_DAYS = 84

_UNDONE = text("SELECT day FROM closes WHERE NOT done ORDER BY day LIMIT 1")
_NEXT = text("""
    SELECT coalesce((SELECT max(day) + 1 FROM closes WHERE done),
                    greatest(least((SELECT min(day) FROM movements), :today - 1), :today - :most)) AS day
""")
_ONE_AT_A_TIME = text("LOCK TABLE closes IN SHARE ROW EXCLUSIVE MODE")
_OPEN = text("INSERT INTO closes (day) VALUES (:day)")
_LIST = text("""
    INSERT INTO item_learning (item_id)
    SELECT items.item_id FROM items
    WHERE items.stock_keeping
      AND EXISTS (SELECT FROM stock WHERE stock.item_id = items.item_id AND stock.first_day <= :day)
    ON CONFLICT (item_id) DO NOTHING
""")
_UNLIST = text("""
    DELETE FROM item_learning WHERE NOT EXISTS
        (SELECT FROM items WHERE items.item_id = item_learning.item_id AND items.stock_keeping)
""")
_CLAIM = text("""
    SELECT item_id FROM item_learning WHERE learned_day < :day ORDER BY item_id LIMIT :batch FOR UPDATE SKIP LOCKED
""")
_CLAIM_LEADERS = text("""
    SELECT item_id FROM item_learning WHERE learned_day < :day AND item_id <> ALL(CAST(:followers AS text[]))
    ORDER BY item_id LIMIT :batch FOR UPDATE SKIP LOCKED
""")
_LEFT = text("SELECT EXISTS (SELECT FROM item_learning WHERE learned_day < :day)")
# Aggregates keep the order in which their input comes.
_LOAD = text(f"""
    SELECT {ITEM_FACTS}, shelves.*,
           {DEPOT_IDS} AS depot_ids, item_learning.state, item_learning.store_ids AS learned_store_ids, item_learning.learned_milli,
           plans.store_ids AS plan_store_ids, plans.statuses
    FROM unnest(CAST(:item_ids AS text[])) AS wanted (item_id)
    JOIN items ON items.item_id = wanted.item_id
    JOIN item_learning ON item_learning.item_id = wanted.item_id
    CROSS JOIN LATERAL (
        SELECT array_agg(store_id) AS store_ids, array_agg(on_hand_milli) AS on_hand_milli,
               array_agg(sold_milli) AS sold_milli, array_agg(counted_at IS NOT NULL) AS counted,
               array_agg(first_day) AS first_day
        FROM (SELECT store_id, on_hand_milli, sold_milli, counted_at, first_day FROM stock
              WHERE stock.item_id = wanted.item_id AND first_day <= :day ORDER BY store_id) AS ordered
    ) AS shelves
    LEFT JOIN plans ON plans.item_id = wanted.item_id
    WHERE shelves.store_ids IS NOT NULL
    ORDER BY items.item_id
""")  # noqa: S608  # our own expression
# Shelf by shelf from the primary key: the whole of an item's weeks is many times what its last day moved.
_MOVES = text("""
    SELECT wanted.item_id, moved.* FROM unnest(CAST(:item_ids AS text[])) AS wanted (item_id)
    CROSS JOIN LATERAL (
        SELECT array_agg(place) AS places, array_agg(at) AS at, array_agg(sold_milli) AS sold_milli, array_agg(moved_milli) AS moved_milli
        FROM (
            SELECT shelves.place, (extract(epoch FROM movements.at) * 1000000)::bigint AS at, movements.sold_milli, movements.moved_milli
            FROM (SELECT store_id, row_number() OVER (ORDER BY store_id) - 1 AS place FROM stock
                  WHERE stock.item_id = wanted.item_id AND first_day <= :day) AS shelves
            CROSS JOIN LATERAL (
                SELECT at, sold_milli, moved_milli FROM movements
                WHERE movements.item_id = wanted.item_id AND movements.store_id = shelves.store_id AND movements.at >= :since
            ) AS movements
            ORDER BY shelves.place, movements.at
        ) AS ordered
    ) AS moved
    WHERE moved.places IS NOT NULL
""")
_LATE = text("""
    SELECT item_id, store_id, needed_at, greatest(expected_at, :until) AS expected_at FROM commands AS late
    WHERE item_id = ANY(CAST(:item_ids AS text[])) AND kind = 'reorder' AND received_milli = 0
      AND state IN ('sent', 'acknowledged', 'amended', 'shipped') AND (expected_at > needed_at OR needed_at < :until)
      AND NOT EXISTS (
          SELECT FROM commands AS came
          WHERE came.item_id = late.item_id AND came.needed_at >= late.needed_at AND came.kind = 'reorder'
            AND came.lane_id IS NOT DISTINCT FROM late.lane_id AND came.received_milli > 0
      )
    ORDER BY item_id, store_id, needed_at
""")
_HOURS = text("SELECT store_id, time_zone, opens_at_seconds, closes_at_seconds FROM stores ORDER BY store_id")
_POOLED = text("SELECT pooled FROM closes WHERE day = :day AND done")
_LEARNED = text("""
    UPDATE item_learning SET learned_day = :day, state = new.state, store_ids = CAST(new.store_ids AS text[]),
                             learned_milli = CAST(new.learned_milli AS bigint[])
    FROM unnest(CAST(:item_id AS text[]), CAST(:state AS bytea[]), CAST(:store_ids AS text[]), CAST(:learned_milli AS text[]))
         AS new (item_id, state, store_ids, learned_milli)
    WHERE item_learning.item_id = new.item_id
""")
_SKIP = text("UPDATE item_learning SET learned_day = :day WHERE item_id = ANY(CAST(:item_ids AS text[]))")
_ADD = text("INSERT INTO contributions (day, body) VALUES (:day, :body)")
_ADDED = text("SELECT body FROM contributions WHERE day = :day ORDER BY part")
_DONE = text("UPDATE closes SET done = true, pooled = :pooled WHERE day = :day")
_FORGET = text("DELETE FROM closes WHERE day < :day - 1")
_FORGET_PARTS = text("DELETE FROM contributions WHERE day <= :day")


class PostgresClosing:
    """Fits ClosingStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def open_day(self, today: int) -> int | None:
        """The day to be closed, its items listed; None where all days before `today` are closed."""
        undone = await self._scalar(_UNDONE)
        if undone is None and int(await self._scalar(_NEXT, today=today, most=GREATEST_CATCH_UP_DAYS)) >= today:
            return None
        if undone is None:
            await self._tx.connection.execute(_ONE_AT_A_TIME)
            undone = await self._scalar(_UNDONE)
        if undone is not None:
            return int(undone)
        day = int(await self._scalar(_NEXT, today=today, most=GREATEST_CATCH_UP_DAYS))
        if day >= today:
            return None
        await self._tx.connection.execute(_OPEN, {"day": day})
        await self._tx.connection.execute(_UNLIST)
        await self._tx.connection.execute(_LIST, {"day": day})
        await open_with_links(self._tx, day)
        return day

    async def pooled(self, day: int) -> bytes | None:
        """What the chain knew as of the close of `day`."""
        found: bytes | None = await self._scalar(_POOLED, day=day)
        return found

    async def hours(self) -> Mapping[str, StoreHours]:
        """When each store sells."""
        return {
            row.store_id: StoreHours(
                time_zone=row.time_zone,
                opens_at_seconds=row.opens_at_seconds,
                closes_at_seconds=row.closes_at_seconds,
            )
            for row in await self._tx.connection.execute(_HOURS)
        }

    async def claim(self, day: int, limit: int, followers: Sequence[str] = ()) -> Sequence[str]:
        """The next items whose day is not closed, locked until the commit; those that others hold are left, as are `followers`."""
        wanted = {"day": day, "batch": limit}
        if followers:
            found = await self._tx.connection.execute(_CLAIM_LEADERS, {**wanted, "followers": list(followers)})
        else:
            found = await self._tx.connection.execute(_CLAIM, wanted)
        return sorted(found.scalars())

    async def load(self, item_ids: Sequence[str], day: int) -> Sequence[ClosingItem]:
        """These items in order, as far as they have shelves, with what moved since the day began."""
        wanted = {"item_ids": list(item_ids), "day": day}
        rows = tuples_of(await self._tx.connection.execute(_LOAD, wanted))
        moved = await self._tx.connection.execute(_MOVES, {**wanted, "since": start_of(day)})
        stated = await read_shelf_facts(self._tx, item_ids)
        items = closing_items(rows, tuples_of(moved), stated)
        return closing_without_depots(items, rows[0].depot_ids if rows else ())

    async def late_orders(self, item_ids: Sequence[str], day: int) -> Sequence[LateOrder]:
        """Orders of these items that are late as of the close of `day`; none that a delivery shows to be late in its store alone."""
        rows = await self._tx.connection.execute(_LATE, {"item_ids": list(item_ids), "until": start_of(day + 1)})
        return [
            LateOrder(item_id=row.item_id, store_id=row.store_id, needed_at=row.needed_at, expected_at=row.expected_at)
            for row in rows
        ]

    async def save(self, day: int, items: Sequence[ClosingItem], closed: ClosedItems, contribution: bytes) -> None:
        """What was learned of a batch, its plans, and what it adds to the chain's knowledge."""
        names = ("item_id", "state", "store_ids", "learned_milli")
        rows = [
            (item.view.facts.item_id, state, array_text(item.view.store_ids), learned)
            for item, state, learned in zip(items, closed.states, array_texts(closed.learned_milli), strict=True)
        ]
        await self._tx.connection.execute(_LEARNED, {**columns(names, rows), "day": day})
        await self._tx.connection.execute(SAVE_PLANS, plan_columns(closed.plans))
        await self._tx.connection.execute(_ADD, {"day": day, "body": contribution})

    async def skip(self, day: int, item_ids: Sequence[str]) -> None:
        """Items without a shelf have nothing to learn: their day is closed."""
        if item_ids:
            await self._tx.connection.execute(_SKIP, {"day": day, "item_ids": list(item_ids)})

    async def contributions(self, day: int) -> Sequence[bytes] | None:
        """All that the day adds, the day locked until the commit; None while items are left, or when it is closed already."""
        await self._tx.connection.execute(_ONE_AT_A_TIME)
        if await self._scalar(_UNDONE) != day or await self._scalar(_LEFT, day=day):
            return None
        return list((await self._tx.connection.execute(_ADDED, {"day": day})).scalars())

    async def finish(self, day: int, pooled: bytes) -> None:
        """The day is closed; what only served its close is forgotten."""
        await self._tx.connection.execute(_DONE, {"day": day, "pooled": pooled})
        await self._tx.connection.execute(_FORGET, {"day": day})
        await self._tx.connection.execute(_FORGET_PARTS, {"day": day})

    async def _scalar(self, statement: Any, **parameters: Any) -> Any:
        return (await self._tx.connection.execute(statement, parameters)).scalar()

"""What a review reads and writes, on PostgreSQL: whole items at a time, their stores as arrays."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, text

from libs.common.persistence import Transaction
from services.inventory.domain.commands.command import Command, Kind
from services.inventory.domain.planning.planning import WINDOW_DAYS, Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.reviewing.review import AvailabilityChange, Outcome
from services.inventory.domain.stock.shelves import ItemView, day_of, start_of
from services.inventory.store.catalog import ITEM_FACTS
from services.inventory.store.columns import columns, tuples_of
from services.inventory.store.commands.rows import COLUMNS, command_of
from services.inventory.store.depots import DEPOT_IDS, without_depots
from services.inventory.store.planning.plans import (
    PLAN_TYPES,
    SAVE_PLANS,
    RawHistory,
    history_of,
    plan_columns,
    views_of,
    with_history,
    with_shelf_facts,
)
from services.inventory.store.planning.surroundings import read_surroundings
from services.inventory.store.policies import read_shelf_facts
from services.inventory.store.stock.lots import FORGET_LOTS, read_ladders

LEVEL_DAYS = 28
KEPT_DAYS = 84
"""Movements older than this are forgotten: a count that comes so late is taken as if nothing had moved before that."""

_HAS_LEVELS = text("SELECT EXISTS (SELECT FROM category_levels WHERE day = :day)")
_ONE_AT_A_TIME = text("LOCK TABLE category_levels IN SHARE ROW EXCLUSIVE MODE")
_NO_LEVELS = text("DELETE FROM category_levels")
_FORGET = text("DELETE FROM movements WHERE day < :before")
_FORGET_TALLIES = text("DELETE FROM reviews WHERE reached_at < least(:before, (SELECT max(reached_at) FROM reviews))")
_TAKES_LONG = text("SELECT set_config('statement_timeout', '15min', true)")  # whole days of the chain, once a day
_FORGET_VOUCHERS = text("DELETE FROM voucher_demand WHERE last_day < :day")
# Whole days only: what today will still bring does not depend on when the first review of the day runs.
# How many days d of [a, b) have weekday w (Monday 0; (d + 3) % 7): count(b) - count(a) with count(x) = (x + 9 - w) / 7.
_MAKE_LEVELS = text(f"""
    WITH shelves AS (
        SELECT items.category, greatest(stock.first_day, :day - {LEVEL_DAYS}) AS first_day, count(*) AS shelves
        FROM stock JOIN items USING (item_id)
        WHERE items.stock_keeping AND stock.first_day < :day AND stock.store_id <> ALL ({DEPOT_IDS}) GROUP BY 1, 2
    ), lived AS (
        SELECT category, weekday, sum(shelves * ((:day + 9 - weekday) / 7 - (first_day + 9 - weekday) / 7)) AS shelf_days
        FROM shelves CROSS JOIN generate_series(0, 6) AS weekday GROUP BY 1, 2
    ), sold AS (
        SELECT items.category, (movements.day + 3) % 7 AS weekday, sum(movements.sold_milli) AS sold_milli
        FROM movements JOIN items USING (item_id)
        WHERE items.stock_keeping AND movements.day >= :day - {LEVEL_DAYS} AND movements.day < :day GROUP BY 1, 2
    ), per_store AS (
        SELECT items.category, count(*)::float8 / count(DISTINCT stock.store_id) AS shelves
        FROM stock JOIN items USING (item_id) WHERE items.stock_keeping AND stock.store_id <> ALL ({DEPOT_IDS}) GROUP BY 1
    )
    INSERT INTO category_levels (category, day, weekday_milli, weekday_shelf_days, shelves_per_store)
    SELECT lived.category, :day, array_agg(coalesce(sold.sold_milli, 0)::bigint ORDER BY lived.weekday),
           array_agg(lived.shelf_days::bigint ORDER BY lived.weekday), min(per_store.shelves)
    FROM lived JOIN per_store USING (category) LEFT JOIN sold USING (category, weekday)
    GROUP BY lived.category
    UNION ALL  -- so that a day without any shelf is prepared too
    SELECT '', :day, CAST(:nothing AS bigint[]), CAST(:nothing AS bigint[]), 0
""")  # noqa: S608  # our own expressions
# A sample, by the primary keys: the table may have millions of rows.
_SHELVES_AN_ITEM = text("""
    SELECT ceil(count(*)::numeric / greatest(count(DISTINCT item_id), 1))::int
    FROM stock WHERE item_id IN (SELECT item_id FROM items WHERE stock_keeping ORDER BY item_id LIMIT 200)
""")
_CLAIM = text("""
    DELETE FROM agenda WHERE item_id IN (
        SELECT item_id FROM agenda WHERE due_at <= :now AND item_id > :after ORDER BY item_id LIMIT :batch FOR UPDATE SKIP LOCKED
    ) RETURNING item_id
""")
_WAITING_COMMANDS = "needed_at >= :today OR status NOT IN ('rejected', 'closed', 'expired')"
_REST = text(f"""
    DELETE FROM agenda WHERE item_id = ANY(CAST(:item_ids AS text[]))
      AND NOT EXISTS (SELECT FROM commands WHERE commands.item_id = agenda.item_id AND ({_WAITING_COMMANDS}))
      AND NOT EXISTS (SELECT FROM stock WHERE stock.item_id = agenda.item_id AND first_day >= :day)
""")  # noqa: S608  # our own expression
# Item by item from the primary keys, whatever the planner believes of tables that grow faster than it looks at them.
# Aggregates keep the order in which their input comes; views_of checks that it did.
_LOAD = text(f"""
    SELECT {ITEM_FACTS}, shelves.*,
           {DEPOT_IDS} AS depot_ids,
           {", ".join(f"plans.{name}" for name in list(PLAN_TYPES)[1:])}
    FROM unnest(CAST(:item_ids AS text[])) AS wanted (item_id)
    JOIN items ON items.item_id = wanted.item_id AND items.stock_keeping
    CROSS JOIN LATERAL (
        SELECT array_agg(store_id) AS shelf_store_ids, array_agg(on_hand_milli) AS on_hand_milli,
               array_agg(counted_at IS NOT NULL) AS counted, array_agg(first_day) AS first_day
        FROM (SELECT store_id, on_hand_milli, counted_at, first_day FROM stock
              WHERE stock.item_id = wanted.item_id ORDER BY store_id) AS ordered
    ) AS shelves
    LEFT JOIN plans ON plans.item_id = wanted.item_id
    WHERE shelves.shelf_store_ids IS NOT NULL
    ORDER BY items.item_id
""")  # noqa: S608  # our own columns
_HISTORY = text("""
    SELECT wanted.item_id, moved.* FROM unnest(CAST(:item_ids AS text[])) AS wanted (item_id)
    CROSS JOIN LATERAL (
        SELECT array_agg(store_id) AS store_ids, array_agg(day) AS days, array_agg(sold_milli) AS sold_milli,
               array_agg(moved_milli) AS moved_milli
        FROM movements WHERE movements.item_id = wanted.item_id AND day >= :since
    ) AS moved
    WHERE moved.days IS NOT NULL
""")
_COMMANDS = text(f"""
    SELECT {COLUMNS} FROM commands
    WHERE item_id = ANY(CAST(:item_ids AS text[]))
      AND ({_WAITING_COMMANDS})
    ORDER BY command_id
""")  # noqa: S608  # our own columns
_SAVE_AVAILABILITY = text("""
    INSERT INTO availability (item_id, store_id, status, on_hand_milli, available_milli, surplus_milli, surplus_until, changed_at,
                              version)
    SELECT *, :now, 1 FROM unnest(CAST(:item_id AS text[]), CAST(:store_id AS text[]), CAST(:status AS text[]),
                                  CAST(:on_hand_milli AS bigint[]), CAST(:available_milli AS bigint[]),
                                  CAST(:surplus_milli AS bigint[]), CAST(:surplus_until AS date[]))
    ON CONFLICT (item_id, store_id) DO UPDATE
    SET status = excluded.status, on_hand_milli = excluded.on_hand_milli, available_milli = excluded.available_milli,
        surplus_milli = excluded.surplus_milli, surplus_until = excluded.surplus_until,
        changed_at = excluded.changed_at, version = availability.version + 1
    WHERE availability.status <> excluded.status OR availability.surplus_until IS DISTINCT FROM excluded.surplus_until
       OR (excluded.surplus_until IS NOT NULL AND availability.surplus_milli <> excluded.surplus_milli)
""")
_LOOK_AGAIN = text("""
    INSERT INTO agenda (item_id, due_at)
    SELECT * FROM unnest(CAST(:item_id AS text[]), CAST(:due_at AS timestamptz[]))
    ON CONFLICT (item_id) DO NOTHING
""")
_NOTE = text("""
    INSERT INTO reviews (reached_at, items, reorders, reroutes) VALUES (:now, :items, :reorders, :reroutes)
    ON CONFLICT (reached_at) DO UPDATE
    SET items = reviews.items + excluded.items, reorders = reviews.reorders + excluded.reorders,
        reroutes = reviews.reroutes + excluded.reroutes
""")


_TOLD = ("item_id", "store_id", "status", "on_hand_milli", "available_milli", "surplus_milli", "surplus_until")


def _told(one: AvailabilityChange) -> Sequence[Any]:
    until = start_of(one.surplus_day).date() if one.surplus_day else None
    return (
        *(one.item_id, one.store_id, one.status.word, one.on_hand_milli, one.available_milli),
        *(one.surplus_milli, until),
    )


class PostgresReviews:
    """Fits ReviewStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def prepare_day(self, day: int) -> None:
        """Make the levels of this day from the whole days before it, and forget what is too old to matter."""
        if await self._has_levels(day):
            return
        await self._tx.connection.execute(_ONE_AT_A_TIME)
        if await self._has_levels(day):
            return
        await self._tx.connection.execute(_TAKES_LONG)
        await self._tx.connection.execute(_NO_LEVELS)
        await self._tx.connection.execute(_FORGET, {"before": day - KEPT_DAYS})
        await self._tx.connection.execute(_FORGET_TALLIES, {"before": start_of(day - KEPT_DAYS)})
        await self._tx.connection.execute(_FORGET_VOUCHERS, {"day": day})
        await self._tx.connection.execute(FORGET_LOTS, {"before": day - KEPT_DAYS})
        await self._tx.connection.execute(_MAKE_LEVELS, {"day": day, "nothing": [0] * 7})

    async def _has_levels(self, day: int) -> bool:
        return bool((await self._tx.connection.execute(_HAS_LEVELS, {"day": day})).scalar_one())

    async def shelves_an_item(self) -> int:
        """How many shelves an item has on average, rounded up."""
        return int((await self._tx.connection.execute(_SHELVES_AN_ITEM)).scalar_one())

    async def claim(self, now: datetime, limit: int, after: str = "") -> Sequence[str]:
        """Take the next items off the agenda."""
        found = await self._tx.connection.execute(_CLAIM, {"now": now, "batch": limit, "after": after})
        return sorted(found.scalars())

    async def rest(self, item_ids: Collection[str], today: int) -> None:
        """As the port promises: a plan of today knows the shelves that there were before it."""
        if item_ids:
            wanted = {"item_ids": sorted(item_ids), "today": start_of(today), "day": today}
            await self._tx.connection.execute(_REST, wanted)

    async def load(self, item_ids: Sequence[str], now: datetime) -> Sequence[ItemView]:
        """These items in order, read after their locks."""
        day = day_of(now)
        rows = tuples_of(await self._tx.connection.execute(_LOAD, {"item_ids": list(item_ids)}))
        commands = await self._open_commands([row.item_id for row in rows], start_of(day))
        views = without_depots(views_of(rows, commands), rows[0].depot_ids if rows else ())
        history = await self._history([view.facts.item_id for view in views if view.needs_plan(day)], day)
        stated = await read_shelf_facts(self._tx, [view.facts.item_id for view in views])
        views = [
            with_shelf_facts(with_history(view, history.get(view.facts.item_id)), stated.get(view.facts.item_id))
            for view in views
        ]
        ladders = await read_ladders(self._tx, views, day)
        if not ladders:
            return views
        return [replace(view, ladder=ladders.get(view.facts.item_id)) for view in views]

    async def surroundings(self, items: Sequence[ItemView], now: datetime, policy: Policy) -> Surroundings:
        """Levels, lanes and vouchers for these items."""
        return await read_surroundings(self._tx, items, day_of(now), policy)

    async def save(self, outcome: Outcome, now: datetime, items: int) -> None:
        """Everything that was decided, but for the commands."""
        if outcome.plans:
            await self._tx.connection.execute(SAVE_PLANS, plan_columns(outcome.plans))
        changes = [_told(one) for one in outcome.availability]
        await self._many(_SAVE_AVAILABILITY, _TOLD, changes, {"now": now})
        await self._many(_LOOK_AGAIN, ("item_id", "due_at"), sorted(outcome.look_again.items()))
        kinds = [command.kind for command in outcome.commands]
        counts = {"reorders": kinds.count(Kind.REORDER), "reroutes": kinds.count(Kind.REROUTE)}
        await self._tx.connection.execute(_NOTE, {"now": now, "items": items, **counts})

    async def _many(
        self,
        statement: TextClause,
        names: Sequence[str],
        rows: Sequence[Sequence[Any]],
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        if rows:
            await self._tx.connection.execute(statement, {**columns(names, rows), **(extra or {})})

    async def _open_commands(self, item_ids: Sequence[str], today: datetime) -> Mapping[str, Sequence[Command]]:
        found: dict[str, list[Command]] = {}
        rows = await self._tx.connection.execute(_COMMANDS, {"item_ids": list(item_ids), "today": today})
        for row in tuples_of(rows):
            found.setdefault(row.item_id, []).append(command_of(row))
        return found

    async def _history(self, item_ids: Sequence[str], day: int) -> Mapping[str, RawHistory]:
        if not item_ids:
            return {}
        window = {"item_ids": list(item_ids), "since": day - WINDOW_DAYS + 1}
        rows = await self._tx.connection.execute(_HISTORY, window)
        return {row.item_id: history_of(row) for row in rows}

"""Silent shelves and count requests, on PostgreSQL."""

from collections.abc import Collection, Sequence
from dataclasses import astuple, fields

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.ports.counting import CountRequestRow, SilentRow
from services.inventory.store.columns import columns

_LAST = "greatest(moved_day, floor(extract(epoch FROM counted_at) / 86400)::integer)"
# A shelf that sells less than this a day is trusted for longer than anybody would wait.
_LEAST_RATE = 0.05
_FALL_SILENT = text(f"""
    INSERT INTO silences (item_id, store_id, since_day, rate, excess)
    SELECT stock.item_id, stock.store_id, {_LAST}, planned.rate, coalesce(planned.excess, 1)
    FROM plans CROSS JOIN LATERAL unnest(plans.store_ids, plans.rate, plans.excess_week) AS planned (store_id, rate, excess)
    JOIN stock ON stock.item_id = plans.item_id AND stock.store_id = planned.store_id
    LEFT JOIN silences ON silences.item_id = stock.item_id AND silences.store_id = stock.store_id
    WHERE plans.item_id = ANY(CAST(:item_ids AS text[])) AND planned.rate >= {_LEAST_RATE} AND on_hand_milli > 0
      AND moved_day < :day AND {_LAST} < :day AND silences.since_day IS DISTINCT FROM {_LAST}
    ORDER BY 1, 2
    ON CONFLICT (item_id, store_id) DO UPDATE SET since_day = excluded.since_day, rate = excluded.rate, excess = excluded.excess
""")  # noqa: S608  # our own expressions
_SILENT = text(f"""
    SELECT stock.item_id, stock.store_id, on_hand_milli AS book_milli, silences.since_day, silences.rate, silences.excess
    FROM silences JOIN stock ON stock.item_id = silences.item_id AND stock.store_id = silences.store_id
    WHERE silences.item_id = ANY(CAST(:item_ids AS text[])) AND on_hand_milli > 0 AND {_LAST} = silences.since_day
      AND (:day - silences.since_day) * silences.rate >= :least_intervals
    ORDER BY stock.item_id, stock.store_id
""")  # noqa: S608  # our own expression
_NAMES = tuple(field.name for field in fields(CountRequestRow))
_ASK = text(f"""
    INSERT INTO count_requests ({", ".join(_NAMES)})
    SELECT * FROM unnest(CAST(:request_id AS text[]), CAST(:item_id AS text[]), CAST(:store_id AS text[]),
                         CAST(:silent_since AS integer[]), CAST(:asked_at AS timestamptz[]), CAST(:book_milli AS bigint[]),
                         CAST(:empty_ratio AS float8[]), CAST(:stake_cents AS float8[]), CAST(:reason AS text[]))
    ON CONFLICT (request_id) DO NOTHING RETURNING request_id
""")  # noqa: S608  # our own columns
# What moved or was counted after the silence ends the request: nobody has to close it.
_OPEN = text(f"""
    SELECT {", ".join(f"asked.{name}" for name in _NAMES)} FROM count_requests AS asked
    JOIN stock ON (stock.item_id, stock.store_id) = (asked.item_id, asked.store_id)
    WHERE {_LAST} = asked.silent_since AND (CAST(:store_id AS text) IS NULL OR asked.store_id = :store_id)
    ORDER BY asked.stake_cents DESC, asked.request_id LIMIT :page
""")  # noqa: S608  # our own columns


class PostgresCounting:
    """Fits CountingStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def silent(self, item_ids: Collection[str], day: int, least_intervals: float) -> Sequence[SilentRow]:
        """Shelves of these items that are silent as of the close of `day`."""
        wanted = {"item_ids": sorted(item_ids), "day": day}
        await self._tx.connection.execute(_FALL_SILENT, wanted)
        rows = await self._tx.connection.execute(_SILENT, {**wanted, "least_intervals": least_intervals})
        return [SilentRow(**row._mapping) for row in rows]  # noqa: SLF001  # a Row's public mapping

    async def ask(self, rows: Sequence[CountRequestRow]) -> Sequence[CountRequestRow]:
        """Keep requests; returns those that were not made before."""
        if not rows:
            return ()
        ordered = sorted(rows, key=lambda row: row.request_id)
        found = await self._tx.connection.execute(_ASK, columns(_NAMES, map(astuple, ordered)))
        new = set(found.scalars())
        return [row for row in ordered if row.request_id in new]

    async def open_requests(self, store_id: str | None, limit: int) -> Sequence[CountRequestRow]:
        """Requests that nothing has ended, most at stake first."""
        rows = await self._tx.connection.execute(_OPEN, {"store_id": store_id, "page": limit})
        return [CountRequestRow(**row._mapping) for row in rows]  # noqa: SLF001  # a Row's public mapping

"""What the API and the gauges show, from PostgreSQL."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.commands.command import Command
from services.inventory.domain.stock.shelves import ItemPlan
from services.inventory.ports import CommandFilter, LearnedItem, StockView
from services.inventory.store.commands.rows import COLUMNS, command_of
from services.inventory.store.planning.plans import PLAN_TYPES, plans_of

_OPEN = "commands.status NOT IN ('rejected', 'closed', 'expired')"
_COMING = "greatest(coalesce(promised_milli, quantity_milli) - received_milli, 0)"
_STOCK = text(f"""
    SELECT stock.item_id, stock.store_id, stock.on_hand_milli, stock.sold_milli, stock.counted_at,
           coalesce(coming.reserved, 0)::bigint AS reserved_milli, coalesce(coming.in_transit, 0)::bigint AS in_transit_milli,
           coalesce(coming.on_order, 0)::bigint AS on_order_milli, (
               SELECT max(empty_ratio) FROM count_requests AS asked
               WHERE (asked.item_id, asked.store_id) = (stock.item_id, stock.store_id)
                 AND asked.silent_since = greatest(moved_day, floor(extract(epoch FROM counted_at) / 86400)::integer)
           ) AS empty_ratio
    FROM stock LEFT JOIN LATERAL (
        SELECT sum({_COMING}) FILTER (WHERE kind = 'reorder') AS on_order,
               sum({_COMING}) FILTER (WHERE kind = 'reroute' AND commands.store_id = stock.store_id) AS in_transit,
               sum(greatest(coalesce(promised_milli, quantity_milli) - shipped_milli, 0))
                   FILTER (WHERE from_store_id = stock.store_id AND status <> 'received') AS reserved
        FROM commands
        WHERE commands.item_id = stock.item_id AND {_OPEN} AND stock.store_id IN (commands.store_id, commands.from_store_id)
    ) AS coming ON true
    WHERE (CAST(:store_id AS text) IS NULL OR stock.store_id = :store_id)
      AND (CAST(:item_id AS text) IS NULL OR stock.item_id = :item_id)
      AND (stock.item_id, stock.store_id) > (CAST(:after_item AS text), CAST(:after_store AS text))
    ORDER BY stock.item_id, stock.store_id LIMIT :page
""")  # noqa: S608  # our own expressions
_PLAN = text(f"SELECT {', '.join(PLAN_TYPES)} FROM plans WHERE item_id = :item_id")  # noqa: S608  # our own columns
_LEARNED = text("""
    SELECT items.category, coalesce(item_learning.learned_day, -1) AS day, item_learning.state, (
        SELECT pooled FROM closes WHERE done AND day <= item_learning.learned_day ORDER BY day DESC LIMIT 1
    ) AS pooled
    FROM items LEFT JOIN item_learning USING (item_id) WHERE items.item_id = :item_id
""")
_COMMANDS = text(f"""
    SELECT {COLUMNS} FROM commands
    WHERE (CAST(:status AS text) IS NULL OR state = :status) AND (CAST(:kind AS text) IS NULL OR kind = :kind)
      AND (CAST(:item_id AS text) IS NULL OR item_id = :item_id) AND (CAST(:store_id AS text) IS NULL OR store_id = :store_id)
      AND command_id > CAST(:after AS text)
    ORDER BY command_id LIMIT :page
""")  # noqa: S608  # our own columns
_COMMAND = text(f"SELECT {COLUMNS} FROM commands WHERE command_id = :command_id")  # noqa: S608  # our own columns
_GAUGES = text(f"""
    SELECT 'open_commands' AS gauge, ARRAY[kind, state] AS labels, count(*)::float8 AS value
    FROM commands WHERE {_OPEN} GROUP BY kind, state
    UNION ALL
    SELECT 'oldest_unanswered', '{{}}', coalesce(extract(epoch FROM (SELECT max(reached_at) FROM reviews) - min(decided_at)), 0)::float8
    FROM commands WHERE {_OPEN} AND state = 'sent'
    UNION ALL
    SELECT 'negative_stock', '{{}}', count(*)::float8 FROM stock WHERE on_hand_milli < 0
    UNION ALL
    SELECT 'availability', ARRAY[status], count(*)::float8 FROM availability GROUP BY status
    UNION ALL
    SELECT 'voucher_ends', ARRAY['empty'], coalesce(sum(amount), 0)::float8
    FROM voucher_lessons WHERE figure = 'met-empty'
    UNION ALL
    SELECT 'voucher_ends', ARRAY['there'], coalesce(sum(CASE figure WHEN 'ended' THEN amount ELSE -amount END), 0)::float8
    FROM voucher_lessons WHERE figure IN ('ended', 'met-empty')
    UNION ALL
    SELECT 'met_empty_ratio', '{{}}', coalesce(sum(amount) FILTER (WHERE figure = 'met-empty')
           / nullif(sum(amount) FILTER (WHERE figure = 'ended'), 0), 0)::float8
    FROM voucher_lessons WHERE figure IN ('ended', 'met-empty')
    UNION ALL
    SELECT 'agenda', '{{}}', count(*)::float8 FROM agenda WHERE due_at = '-infinity'
    UNION ALL
    SELECT 'exceptions', ARRAY[alarm], count(*)::float8 FROM commands WHERE alarm IS NOT NULL GROUP BY alarm
    UNION ALL
    SELECT 'exceptions', ARRAY['approval'], count(*)::float8 FROM commands
    WHERE stage IN ('proposed', 'approved') AND status = 'sent' AND jsonb_exists(holds, 'approval') AND alarm IS NULL
    UNION ALL
    SELECT 'trials', ARRAY[standing], count(*)::float8 FROM trials WHERE ended_at IS NULL GROUP BY standing
    UNION ALL
    SELECT 'unnumbered', '{{}}', count(*)::float8 FROM command_log WHERE position IS NULL
""")  # noqa: S608  # our own expressions


class PostgresViews:
    """Fits ViewStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def stock(
        self, store_id: str | None, item_id: str | None, after: tuple[str, str], limit: int
    ) -> Sequence[StockView]:
        """Stock rows above `after` in the order of (item, store)."""
        wanted = {
            "store_id": store_id,
            "item_id": item_id,
            "after_item": after[0],
            "after_store": after[1],
            "page": limit,
        }
        rows = await self._tx.connection.execute(_STOCK, wanted)
        return [StockView(**row._mapping) for row in rows]  # noqa: SLF001  # a Row's public mapping

    async def plan(self, item_id: str) -> ItemPlan | None:
        """An item's last plan."""
        row = (await self._tx.connection.execute(_PLAN, {"item_id": item_id})).one_or_none()
        return None if row is None else plans_of([row])[0]

    async def learned(self, item_id: str) -> LearnedItem | None:
        """What closes keep of an item."""
        row = (await self._tx.connection.execute(_LEARNED, {"item_id": item_id})).one_or_none()
        return None if row is None else LearnedItem(**row._mapping)  # noqa: SLF001  # a Row's public mapping

    async def commands(self, wanted: CommandFilter) -> Sequence[Command]:
        """Commands in the order of ids."""
        parameters = {
            "status": wanted.status,
            "kind": wanted.kind,
            "item_id": wanted.item_id,
            "store_id": wanted.store_id,
            "after": wanted.after or "",
            "page": wanted.limit,
        }
        return [command_of(row) for row in await self._tx.connection.execute(_COMMANDS, parameters)]

    async def command(self, command_id: str) -> Command | None:
        """One command."""
        row = (await self._tx.connection.execute(_COMMAND, {"command_id": command_id})).one_or_none()
        return None if row is None else command_of(row)

    async def gauges(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """What metrics show, by gauge and label values."""
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for row in await self._tx.connection.execute(_GAUGES):
            found.setdefault(row.gauge, {})[tuple(row.labels)] = row.value
        return found

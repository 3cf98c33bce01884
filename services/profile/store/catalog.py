"""Newest master data on PostgreSQL."""

from collections.abc import Collection, Mapping

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.profile.ports import ItemRow, StoreRow

_KEEP_ITEMS = text("""
    INSERT INTO items (item_id, category, item_type, rankable, occurred_at, event_id)
    SELECT * FROM unnest(CAST(:item_ids AS text[]), CAST(:categories AS text[]), CAST(:item_types AS text[]),
                         CAST(:rankables AS boolean[]), CAST(:occurred AS timestamptz[]), CAST(:event_ids AS text[]))
    ON CONFLICT (item_id) DO UPDATE
    SET category = excluded.category, item_type = excluded.item_type, rankable = excluded.rankable,
        occurred_at = excluded.occurred_at, event_id = excluded.event_id
    WHERE (items.occurred_at, items.event_id) < (excluded.occurred_at, excluded.event_id)
""")
_KEEP_STORES = text("""
    INSERT INTO stores (store_id, time_zone, currency, occurred_at, event_id)
    SELECT * FROM unnest(CAST(:store_ids AS text[]), CAST(:time_zones AS text[]), CAST(:currencies AS text[]),
                         CAST(:occurred AS timestamptz[]), CAST(:event_ids AS text[]))
    ON CONFLICT (store_id) DO UPDATE
    SET time_zone = excluded.time_zone, currency = excluded.currency,
        occurred_at = excluded.occurred_at, event_id = excluded.event_id
    WHERE (stores.occurred_at, stores.event_id) < (excluded.occurred_at, excluded.event_id)
""")
_ITEMS = text("SELECT * FROM items WHERE item_id = ANY(CAST(:item_ids AS text[]))")
_STORES = text("SELECT * FROM stores WHERE store_id = ANY(CAST(:store_ids AS text[]))")


class PostgresCatalog:
    """Fits CatalogStore."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    async def keep_items(self, rows: Collection[ItemRow]) -> None:
        """As the port promises."""
        ordered = sorted(rows, key=lambda row: row.item_id)
        if not ordered:
            return
        await self._connection.execute(
            _KEEP_ITEMS,
            {
                "item_ids": [row.item_id for row in ordered],
                "categories": [row.category for row in ordered],
                "item_types": [row.item_type for row in ordered],
                "rankables": [row.rankable for row in ordered],
                "occurred": [row.occurred_at for row in ordered],
                "event_ids": [row.event_id for row in ordered],
            },
        )

    async def keep_stores(self, rows: Collection[StoreRow]) -> None:
        """As the port promises."""
        ordered = sorted(rows, key=lambda row: row.store_id)
        if not ordered:
            return
        await self._connection.execute(
            _KEEP_STORES,
            {
                "store_ids": [row.store_id for row in ordered],
                "time_zones": [row.time_zone for row in ordered],
                "currencies": [row.currency for row in ordered],
                "occurred": [row.occurred_at for row in ordered],
                "event_ids": [row.event_id for row in ordered],
            },
        )

    async def items(self, item_ids: Collection[str]) -> Mapping[str, ItemRow]:
        """As the port promises."""
        if not item_ids:
            return {}
        rows = await self._connection.execute(_ITEMS, {"item_ids": list(item_ids)})
        return {row.item_id: ItemRow(**row._mapping) for row in rows}  # noqa: SLF001  # a Row's public mapping

    async def stores(self, store_ids: Collection[str]) -> Mapping[str, StoreRow]:
        """As the port promises."""
        if not store_ids:
            return {}
        rows = await self._connection.execute(_STORES, {"store_ids": list(store_ids)})
        return {row.store_id: StoreRow(**row._mapping) for row in rows}  # noqa: SLF001  # a Row's public mapping

"""Newest master data on PostgreSQL."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.profile.domain.purchases import ItemLabel
from services.profile.ports import ItemRow, StoreRow

_KEEP_ITEMS = text("""
    INSERT INTO items (item_id, category, item_type, rankable, occurred_at, event_id)
    SELECT * FROM unnest(CAST(:item_ids AS text[]), CAST(:categories AS text[]), CAST(:item_types AS text[]),
                         CAST(:rankables AS boolean[]), CAST(:occurred AS timestamptz[]), CAST(:event_ids AS text[]))
    ON CONFLICT (item_id) DO UPDATE
    SET category = excluded.category, item_type = excluded.item_type, rankable = excluded.rankable,
        occurred_at = excluded.occurred_at, event_id = excluded.event_id,
        changed_by = excluded.changed_by
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
_COLUMNS = "item_id, category, item_type, rankable, occurred_at, event_id"
_ITEMS = text(f"SELECT {_COLUMNS} FROM items WHERE item_id = ANY(CAST(:item_ids AS text[]))")  # noqa: S608 - our own words
# Whoever is still at work when we look will be seen by a look from this horizon on.
_CHANGED = text(f"""
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, {_COLUMNS}
    FROM (VALUES (1)) AS always LEFT JOIN items ON changed_by >= CAST(CAST(:since AS text) AS xid8)
""")  # noqa: S608 - our own words
_STORES = text("SELECT * FROM stores WHERE store_id = ANY(CAST(:store_ids AS text[]))")

_Item: TypeAlias = Any
"""A row of _COLUMNS."""
_KEPT = 500_000
_FROM_NOW_ON = 1 << 62
"""No transaction is that young: the first look only learns where to look from."""


class RememberedItems:
    """Items in the memory of one process, as fresh as the table whenever `labels` was asked; shared by its transactions.

    Only what is committed gets in here, so a rollback leaves nothing to undo.
    """

    def __init__(self) -> None:
        self.labels: dict[str, ItemLabel] = {}
        self.horizon = _FROM_NOW_ON
        self._said: dict[str, tuple[datetime, str]] = {}
        self._unknown: set[str] = set()

    def missing(self, item_ids: Collection[str]) -> list[str]:
        """Those that nothing is known of, not even that they are unknown."""
        return list(set(item_ids).difference(self.labels, self._unknown))

    def met(self, asked: Collection[str], rows: Iterable[_Item]) -> None:
        """What was found of those that were missing."""
        if len(self.labels) + len(self._unknown) > _KEPT:
            self.labels, self._said, self._unknown = {}, {}, set()
        self._take(rows)
        self._unknown.update(item_id for item_id in asked if item_id not in self.labels)

    def changed(self, rows: Iterable[_Item], horizon: int) -> None:
        """What was committed since the horizon before."""
        if self.horizon != _FROM_NOW_ON:
            self._take(rows)
        self.horizon = horizon if self.horizon == _FROM_NOW_ON else max(self.horizon, horizon)

    def _take(self, rows: Iterable[_Item]) -> None:
        for item_id, category, item_type, rankable, occurred_at, event_id in rows:
            said, known = (occurred_at, event_id), self._said.get(item_id)
            if known is None or known < said:
                self._said[item_id] = said
                self.labels[item_id] = ItemLabel(category, item_type, rankable)
                self._unknown.discard(item_id)


class PostgresCatalog:
    """Fits CatalogStore."""

    def __init__(self, tx: Transaction, remembered: RememberedItems | None = None) -> None:
        self._connection = tx.connection
        self._remembered = remembered if remembered is not None else RememberedItems()

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

    async def labels(self, item_ids: Collection[str]) -> Mapping[str, ItemLabel]:
        """As the port promises; of what is remembered only changes are asked for."""
        if not item_ids:
            return {}
        known = self._remembered
        await self._catch_up(known)
        missing = known.missing(item_ids)
        if missing:
            rows = await self._connection.execute(_ITEMS, {"item_ids": missing})
            known.met(missing, rows.all())
        return known.labels

    async def _catch_up(self, known: RememberedItems) -> None:
        rows = (await self._connection.execute(_CHANGED, {"since": str(known.horizon)})).all()
        known.changed([row[1:] for row in rows if row.item_id is not None], int(rows[0].horizon))

    async def stores(self, store_ids: Collection[str]) -> Mapping[str, StoreRow]:
        """As the port promises."""
        if not store_ids:
            return {}
        rows = await self._connection.execute(_STORES, {"store_ids": list(store_ids)})
        return {row.store_id: StoreRow(**row._mapping) for row in rows}  # noqa: SLF001  # a Row's public mapping

"""Master data on PostgreSQL."""

from collections.abc import Collection
from dataclasses import astuple, fields
from typing import Any

from sqlalchemy import TextClause, text

from libs.common.persistence import Transaction
from services.inventory.domain.catalog import ItemFacts
from services.inventory.ports import ItemRow, LaneRow, StoreRow
from services.inventory.store.columns import columns

_FACTS = tuple(field.name for field in fields(ItemFacts))
ITEM_FACTS = ", ".join(f"items.{name}" for name in _FACTS)
"""What `item_facts` reads, for a statement that joins `items`."""

_TYPES = {
    "items": (
        "text", "text", "text", "text", "bigint", "bigint", "bigint", "text", "boolean", "timestamptz", "text",
        "integer", "integer", "integer", "bigint", "bigint",
    ),
    "stores": ("text", "text", "text", "text", "integer", "integer", "timestamptz", "text", "text"),
    "lanes": (
        "text", "text", "text", "text", "integer", "text", "integer", "timestamptz", "text", "time", "text", "text",
        "bigint", "bigint", "bigint", "boolean", "bigint", "bigint", "text",
    ),
}  # fmt: skip


_ARRAYS = {"order_weekdays": "integer[]", "closed_on": "date[]"}
_NAMES = {
    table: [field.name for field in fields(row)]
    for table, row in (("items", ItemRow), ("stores", StoreRow), ("lanes", LaneRow))
}


def _keep(table: str) -> TextClause:
    """Insert what is new, replace what is older."""
    names = _NAMES[table]
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in zip(names, _TYPES[table], strict=True))
    # Arrays of arrays are not unnested row by row: they travel as text.
    values = ", ".join(f"CAST({name} AS {_ARRAYS[name]})" if name in _ARRAYS else name for name in names)
    changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    return text(f"""
        INSERT INTO {table} ({", ".join(names)})
        SELECT {values} FROM unnest({arrays}) AS new ({", ".join(names)}) ORDER BY {names[0]}
        ON CONFLICT ({names[0]}) DO UPDATE SET {changes}
        WHERE ({table}.occurred_at, {table}.event_id) < (excluded.occurred_at, excluded.event_id)
    """)  # noqa: S608  # names of our own tables and columns


_KEEP = {table: _keep(table) for table in _TYPES}
_NOT_KEPT = text("SELECT item_id FROM items WHERE item_id = ANY(CAST(:item_ids AS text[])) AND NOT stock_keeping")


class PostgresCatalog:
    """Fits CatalogStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def keep_items(self, rows: Collection[ItemRow]) -> None:
        """Keep what is newer than what is known."""
        await self._keep("items", rows)

    async def keep_stores(self, rows: Collection[StoreRow]) -> None:
        """The same for stores."""
        await self._keep("stores", rows)

    async def keep_lanes(self, rows: Collection[LaneRow]) -> None:
        """The same for lanes."""
        await self._keep("lanes", rows)

    async def not_kept(self, item_ids: Collection[str]) -> Collection[str]:
        """Those that are known to be no goods on a shelf."""
        return set((await self._tx.connection.execute(_NOT_KEPT, {"item_ids": sorted(item_ids)})).scalars())

    async def _keep(self, table: str, rows: Collection[ItemRow] | Collection[StoreRow] | Collection[LaneRow]) -> None:
        if rows:
            await self._tx.connection.execute(_KEEP[table], columns(_NAMES[table], [_plain(row) for row in rows]))


def _plain(row: Any) -> list[Any]:
    return ["{" + ",".join(map(str, value)) + "}" if isinstance(value, tuple) else value for value in astuple(row)]


def item_facts(row: Any) -> ItemFacts:
    """The item of a row that holds `ITEM_FACTS`."""
    return ItemFacts(**{name: getattr(row, name) for name in _FACTS})

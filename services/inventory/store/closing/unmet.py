"""Told demand that was not served, on PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.closing.unmet import Unmet
from services.inventory.store.columns import columns

_TELL = text("""
    INSERT INTO unmet_demand (item_id, store_id, day, units_milli)
    SELECT * FROM unnest(CAST(:item_id AS text[]), CAST(:store_id AS text[]), CAST(:day AS integer[]), CAST(:units_milli AS bigint[]))
    ON CONFLICT (item_id, store_id, day) DO UPDATE SET units_milli = unmet_demand.units_milli + excluded.units_milli
""")
_OF_DAY = text("""
    SELECT item_id, store_id, units_milli FROM unmet_demand
    WHERE item_id = ANY(CAST(:item_ids AS text[])) AND day = :day ORDER BY item_id, store_id
""")
_IS_TOLD = text("SELECT EXISTS (SELECT FROM unmet_demand)")


class PostgresUnmet:
    """Fits UnmetStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def tell(self, unmet: Sequence[Unmet]) -> None:
        """Add what was asked for and not there."""
        if unmet:
            names = ("item_id", "store_id", "day", "units_milli")
            rows = sorted((one.item_id, one.store_id, one.day, one.units_milli) for one in unmet)
            await self._tx.connection.execute(_TELL, columns(names, rows))

    async def of_day(self, item_ids: Sequence[str], day: int) -> Sequence[Unmet] | None:
        """What was told of these items and day; None where nobody tells."""
        if not (await self._tx.connection.execute(_IS_TOLD)).scalar():
            return None
        rows = await self._tx.connection.execute(_OF_DAY, {"item_ids": list(item_ids), "day": day})
        return [Unmet(item_id=row.item_id, store_id=row.store_id, day=day, units_milli=row.units_milli) for row in rows]

"""Promotions on PostgreSQL: the newest fact per id."""

from collections.abc import Collection, Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.demand.promotions import Mailer, Promotion
from services.inventory.ports.vouchers import PromotionRow

_KEEP = text("""
    INSERT INTO promotions (promotion_id, item_ids, store_ids, first_day, last_day, mailer, display, cancelled, occurred_at, event_id)
    VALUES (:promotion_id, :item_ids, :store_ids, :first_day, :last_day, :mailer, :display, :cancelled, :occurred_at, :event_id)
    ON CONFLICT (promotion_id) DO UPDATE
    SET item_ids = excluded.item_ids, store_ids = excluded.store_ids, first_day = excluded.first_day, last_day = excluded.last_day,
        mailer = excluded.mailer, display = excluded.display, cancelled = excluded.cancelled,
        occurred_at = excluded.occurred_at, event_id = excluded.event_id
    WHERE (promotions.occurred_at, promotions.event_id) < (excluded.occurred_at, excluded.event_id)
""")
_OF_ITEMS = text("""
    SELECT promotion_id, item_ids, store_ids, first_day, last_day, mailer, display FROM promotions
    WHERE NOT cancelled AND last_day >= :from_day AND first_day <= :to_day AND item_ids && CAST(:item_ids AS text[])
    ORDER BY promotion_id
""")


class PostgresPromotions:
    """Fits PromotionStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def keep(self, rows: Collection[PromotionRow]) -> None:
        """Keep what is newer, in the order of ids."""
        values = [
            {
                "promotion_id": row.promotion.promotion_id,
                "item_ids": list(row.promotion.item_ids),
                "store_ids": list(row.promotion.store_ids),
                "first_day": row.promotion.first_day,
                "last_day": row.promotion.last_day,
                "mailer": row.promotion.mailer.name.lower() if row.promotion.mailer else None,
                "display": row.promotion.display,
                "cancelled": row.cancelled,
                "occurred_at": row.occurred_at,
                "event_id": row.event_id,
            }
            for row in sorted(rows, key=lambda one: one.promotion.promotion_id)
        ]
        if values:
            await self._tx.connection.execute(_KEEP, values)

    async def of_items(self, item_ids: Collection[str], from_day: int, to_day: int) -> Sequence[Promotion]:
        """Those of these items on any of these days."""
        asked = {"item_ids": sorted(set(item_ids)), "from_day": from_day, "to_day": to_day}
        return [
            Promotion(
                promotion_id=row.promotion_id,
                item_ids=row.item_ids,
                store_ids=row.store_ids,
                first_day=row.first_day,
                last_day=row.last_day,
                mailer=Mailer[row.mailer.upper()] if row.mailer else Mailer.NONE,
                display=row.display,
            )
            for row in await self._tx.connection.execute(_OF_ITEMS, asked)
        ]

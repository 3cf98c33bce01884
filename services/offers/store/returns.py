"""Receipts as they were sold and what came back of them, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.returns.taking_back import Sold, SoldLine
from services.offers.ports.returns import Reversal, SoFar
from services.offers.store.vouchers.receipt_lock import enter_receipts

_SO_FAR = text("""
    SELECT CAST(sold.lines AS text) AS lines, sold.refunded_cents, sold.taken_back_cents, back.item_ids, back.quantities, back.voided_at
    FROM (SELECT array_agg(item_id) FILTER (WHERE item_id <> '') AS item_ids,
                 array_agg(quantity) FILTER (WHERE item_id <> '') AS quantities,
                 max(occurred_at) FILTER (WHERE item_id = '') AS voided_at
          FROM goods_returned WHERE receipt_id = :receipt_id) AS back
    LEFT JOIN sold_receipts AS sold ON sold.receipt_id = :receipt_id
""")
_KEEP_SOLD = text("""
    INSERT INTO sold_receipts (receipt_id, lines, refunded_cents, taken_back_cents)
    VALUES (:receipt_id, CAST(:lines AS jsonb), :refunded_cents, :taken_back_cents)
    ON CONFLICT (receipt_id) DO UPDATE SET (lines, refunded_cents, taken_back_cents)
        = (excluded.lines, excluded.refunded_cents, excluded.taken_back_cents)
""")
_FORGET_RECEIPT = text("""
    WITH sold AS (DELETE FROM sold_receipts WHERE receipt_id = :receipt_id)
    DELETE FROM goods_returned WHERE receipt_id = :receipt_id
""")
_REMEMBER = text("""
    INSERT INTO goods_returned (event_id, item_id, receipt_id, quantity, occurred_at, noted_at, return_receipt_id)
    VALUES (:event_id, :item_id, :receipt_id, :quantity, :occurred_at, :noted_at, :return_receipt_id) ON CONFLICT DO NOTHING
""")
_RETURNED_WITH = text(
    "SELECT DISTINCT receipt_id FROM goods_returned WHERE return_receipt_id = ANY(:return_receipt_ids)"
)
_TAKE_OUT = text("""
    DELETE FROM goods_returned WHERE return_receipt_id = :return_receipt_id AND occurred_at <= :until
    RETURNING receipt_id, item_id, quantity
""")
_FORGET = text("""
    DELETE FROM goods_returned WHERE (event_id, item_id) IN (
        SELECT event_id, item_id FROM goods_returned WHERE noted_at < :before ORDER BY noted_at LIMIT :most
        FOR UPDATE SKIP LOCKED)
""")
_LOCK_VOUCHERS = text("""
    SELECT voucher_id, campaign_id FROM vouchers WHERE voucher_id IN (
        SELECT voucher_id FROM redemptions
        WHERE receipt_id = ANY(:receipt_ids) AND status = 'redeemed' AND rolled_back_at IS NULL)
    ORDER BY voucher_id FOR UPDATE
""")
_LOCK_BUDGETS = text("""
    SELECT FROM budgets WHERE campaign_id = ANY(:campaign_ids) OR campaign_id IN (
        SELECT campaign_id FROM offline_redemptions WHERE receipt_id = ANY(:receipt_ids) AND spent_cents + lost_cents > 0)
    ORDER BY campaign_id FOR NO KEY UPDATE
""")
_encoder = msgspec.json.Encoder(decimal_format="string")
_lines = msgspec.json.Decoder(tuple[SoldLine, ...])


class ReturnRows:
    """Fits ReturnStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def lock_receipts(self, receipt_ids: Sequence[str]) -> Sequence[str]:
        """Enter these receipts, lock all vouchers that are redeemed on them, then all their budgets, until the end; the vouchers' ids.

        The budgets of what lanes gave on them in conflict too: it may come back in any order. Whoever redeems on a receipt has
        entered it, so no further voucher comes meanwhile.
        """
        await enter_receipts(self._tx, receipt_ids)
        rows = (await self._tx.connection.execute(_LOCK_VOUCHERS, {"receipt_ids": list(receipt_ids)})).all()
        campaign_ids = sorted({row.campaign_id for row in rows})
        names = {"campaign_ids": campaign_ids, "receipt_ids": list(receipt_ids)}
        await self._tx.connection.execute(_LOCK_BUDGETS, names)
        return [row.voucher_id for row in rows]

    async def lock_receipt(self, receipt_id: str) -> Sequence[str]:
        """The same of one."""
        return await self.lock_receipts([receipt_id])

    async def so_far(self, receipt_id: str) -> SoFar:
        """What is known of it."""
        row = (await self._tx.connection.execute(_SO_FAR, {"receipt_id": receipt_id})).one()
        goods: dict[str, Decimal] = {}
        for item_id, quantity in zip(row.item_ids or (), row.quantities or (), strict=True):
            goods[item_id] = goods.get(item_id, Decimal(0)) + quantity
        sold = (
            Sold(
                lines=_lines.decode(row.lines),
                refunded_cents=row.refunded_cents,
                taken_back_cents=row.taken_back_cents,
            )
            if row.lines is not None
            else None
        )
        return SoFar(sold=sold, goods=goods, voided_at=row.voided_at)

    async def keep_sold(self, receipt_id: str, sold: Sold) -> None:
        """How it stands now."""
        names = {
            "receipt_id": receipt_id,
            "lines": _encoder.encode(sold.lines).decode(),
            "refunded_cents": sold.refunded_cents,
            "taken_back_cents": sold.taken_back_cents,
        }
        await self._tx.connection.execute(_KEEP_SOLD, names)

    async def remember(self, reversal: Reversal, noted_at: datetime) -> None:
        """For redemptions that come later; a void makes forget what was known of the receipt before."""
        if not reversal.goods:
            await self._tx.connection.execute(_FORGET_RECEIPT, {"receipt_id": reversal.receipt_id})
        rows = [
            {
                "event_id": reversal.event_id,
                "item_id": item_id,
                "receipt_id": reversal.receipt_id,
                "quantity": quantity,
                "occurred_at": reversal.occurred_at,
                "noted_at": noted_at,
                "return_receipt_id": reversal.return_receipt_id,
            }
            for item_id, quantity in (reversal.goods or {"": Decimal(0)}).items()
        ]
        await self._tx.connection.execute(_REMEMBER, rows)

    async def returned_with(self, return_receipt_ids: Sequence[str]) -> Sequence[str]:
        """As the port promises."""
        names = {"return_receipt_ids": list(return_receipt_ids)}
        return list((await self._tx.connection.execute(_RETURNED_WITH, names)).scalars())

    async def take_out(self, return_receipt_id: str, until: datetime) -> Mapping[str, Mapping[str, Decimal]]:
        """As the port promises."""
        found: dict[str, dict[str, Decimal]] = {}
        names = {"return_receipt_id": return_receipt_id, "until": until}
        for row in await self._tx.connection.execute(_TAKE_OUT, names):
            goods = found.setdefault(row.receipt_id, {})
            goods[row.item_id] = goods.get(row.item_id, Decimal(0)) + row.quantity
        return found

    async def forget_reversals(self, before: datetime, most: int) -> int:
        """Delete what was noted before, the oldest first, so many at most; returns how many."""
        return (await self._tx.connection.execute(_FORGET, {"before": before, "most": most})).rowcount

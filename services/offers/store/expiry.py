"""Ends vouchers whose time is over and frees their reserves, in one statement that posts `domain/ledger.py: expired`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from libs.common.persistence import OutboxMessage, Transaction, append
from services.offers.ports.vouchers import ExpiredVoucher

_EXPIRE = text("""
    WITH over AS (
        SELECT voucher_id, reserved_cents AS released_cents FROM vouchers
        WHERE state = 'issued' AND expires_at <= :now AND (held_until IS NULL OR held_until <= :now) ORDER BY expires_at, voucher_id LIMIT :most FOR UPDATE
    ),
    ended AS (
        UPDATE vouchers SET state = 'expired', reserved_cents = 0, hold_id = NULL, held_for = NULL, held_until = NULL FROM over WHERE vouchers.voucher_id = over.voucher_id
        RETURNING vouchers.voucher_id, vouchers.campaign_id, vouchers.customer_id, vouchers.receipt_id, vouchers.store_id,
                  vouchers.currency, vouchers.expires_at, over.released_cents
    ),
    locked AS (
        SELECT campaign_id, transfers FROM budgets WHERE campaign_id IN (SELECT campaign_id FROM ended)
        ORDER BY campaign_id FOR NO KEY UPDATE
    ),
    released AS (
        UPDATE budgets SET reserved_cents = budgets.reserved_cents - freed.cents,
                           transfers = budgets.transfers + freed.transfers
        FROM (SELECT campaign_id, sum(released_cents) AS cents, count(*) AS transfers
              FROM ended JOIN locked USING (campaign_id) GROUP BY campaign_id) AS freed
        WHERE budgets.campaign_id = freed.campaign_id
    ),
    posted AS (
        INSERT INTO journal (campaign_id, number, move, from_account, to_account, amount_cents, voucher_id, cause_id,
                             occurred_at)
        SELECT campaign_id, locked.transfers + row_number() OVER (PARTITION BY campaign_id ORDER BY voucher_id),
               'expire', 'reserved', 'available', released_cents, voucher_id, voucher_id, :now
        FROM ended JOIN locked USING (campaign_id)
    )
    SELECT voucher_id, campaign_id, customer_id, receipt_id, store_id, currency, released_cents
    FROM ended ORDER BY expires_at, voucher_id
""")


class PostgresExpiry:
    """Fits ExpiryStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def expire(self, now: datetime, limit: int) -> Sequence[ExpiredVoucher]:
        """End up to `limit` vouchers whose time is over, earliest first, and free their reserves."""
        rows = await self._tx.connection.execute(_EXPIRE, {"now": now, "most": limit})
        return [ExpiredVoucher(**row) for row in rows.mappings()]

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """Put events on their way."""
        await append(self._tx, messages)

"""Ends vouchers whose time is over and frees their reserves, in one statement that posts `domain/money/ledger.py: expired`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from libs.common.persistence import OutboxMessage, Transaction, append
from services.offers.domain.money import ledger
from services.offers.ports.vouchers import ExpiredVoucher
from services.offers.store.money.ledger import freed

_EXPIRE = text(f"""
    WITH over AS (
        SELECT voucher_id, reserved_cents AS released_cents FROM vouchers
        WHERE voucher_id = ANY(ARRAY(
                SELECT voucher_id FROM vouchers
                WHERE state = 'issued' AND expires_at <= :now AND (held_until IS NULL OR held_until <= :now)
                ORDER BY expires_at, voucher_id LIMIT :most))
          AND state = 'issued' AND expires_at <= :now AND (held_until IS NULL OR held_until <= :now)
        ORDER BY voucher_id FOR UPDATE  -- as tills lock those that are shown together
    ),
    ended AS (
        UPDATE vouchers SET state = 'expired', reserved_cents = 0, hold_id = NULL, held_for = NULL, held_until = NULL
        FROM over WHERE vouchers.voucher_id = over.voucher_id
        RETURNING vouchers.voucher_id, vouchers.campaign_id, vouchers.customer_id, vouchers.receipt_id, vouchers.store_id,
                  vouchers.currency, vouchers.expires_at, over.released_cents
    ),
    {freed(ledger.expired, cause="voucher_id")}
    SELECT voucher_id, campaign_id, customer_id, receipt_id, store_id, currency, released_cents
    FROM ended ORDER BY expires_at, voucher_id
""")  # noqa: S608  # a part of our own


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

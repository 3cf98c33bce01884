"""Holds in PostgreSQL: an attempt is a row of its own, the hold in force is three columns of its voucher."""

from datetime import datetime

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.vouchers.voucher import Hold, Voucher
from services.offers.ports.redemption.holds import StoredHold
from services.offers.store.vouchers.rows import VOUCHER_COLUMNS, voucher_of

_ANSWERED = text("""
    SELECT hold_id, voucher_id, store_id, status, answer, held_at, asked FROM holds WHERE hold_id = :hold_id
""")
_KEEP = text("""
    INSERT INTO holds (hold_id, voucher_id, store_id, status, answer, held_at, asked)
    VALUES (:hold_id, :voucher_id, :store_id, :status, :answer, :held_at, :asked) ON CONFLICT (hold_id) DO NOTHING
""")
_VOUCHER = text(f"SELECT {VOUCHER_COLUMNS} FROM vouchers WHERE voucher_id = :voucher_id FOR UPDATE")  # noqa: S608  # columns of our own
_HOLD = text("""
    UPDATE vouchers SET hold_id = :hold_id, held_for = :held_for, held_until = :held_until WHERE voucher_id = :voucher_id
""")
_FREE_LAPSED = text("""
    UPDATE vouchers SET hold_id = NULL, held_for = NULL, held_until = NULL
    WHERE voucher_id IN (SELECT voucher_id FROM vouchers WHERE held_until <= :now ORDER BY voucher_id FOR UPDATE SKIP LOCKED)
""")


class PostgresHolds:
    """Fits HoldStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def answered(self, hold_id: str) -> StoredHold | None:
        """What was answered to this attempt."""
        row = (await self._tx.connection.execute(_ANSWERED, {"hold_id": hold_id})).mappings().one_or_none()
        return StoredHold(**{**row, "answer": bytes(row["answer"])}) if row else None

    async def keep(self, attempt: StoredHold) -> bool:
        """Keep an attempt; False when its id is taken."""
        names = {
            "hold_id": attempt.hold_id,
            "voucher_id": attempt.voucher_id,
            "store_id": attempt.store_id,
            "status": attempt.status,
            "answer": attempt.answer,
            "held_at": attempt.held_at,
            "asked": attempt.asked,
        }
        return (await self._tx.connection.execute(_KEEP, names)).rowcount == 1

    async def lock_voucher(self, voucher_id: str) -> Voucher:
        """The voucher of a hold, locked until the end."""
        return voucher_of((await self._tx.connection.execute(_VOUCHER, {"voucher_id": voucher_id})).one())

    async def hold(self, voucher_id: str, hold: Hold | None) -> None:
        """Put a voucher's hold in the place of the one before; None: it is free."""
        names = {
            "voucher_id": voucher_id,
            "hold_id": hold.hold_id if hold else None,
            "held_for": hold.receipt_id if hold else None,
            "held_until": hold.until if hold else None,
        }
        await self._tx.connection.execute(_HOLD, names)

    async def free_lapsed(self, now: datetime) -> int:
        """Take away holds whose time is over; returns how many."""
        return (await self._tx.connection.execute(_FREE_LAPSED, {"now": now})).rowcount

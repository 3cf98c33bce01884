"""The lock of a receipt, the first of a transaction: receipts, then vouchers by id, then budgets by campaign id."""

from collections.abc import Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction

RECEIPT_LOCK = "pg_advisory_xact_lock(hashtextextended({receipt_id}, 7236))"
"""SQL: a receipt has no row of its own to lock before its first redemption; two that share a hash only wait for each other."""
_ENTER = text("""
    SELECT pg_advisory_xact_lock(lock) FROM (
        SELECT DISTINCT hashtextextended(receipt_id, 7236) AS lock FROM unnest(CAST(:receipt_ids AS text[])) AS receipt_id ORDER BY lock
    ) AS in_order
""")


async def enter_receipts(tx: Transaction, receipt_ids: Sequence[str]) -> None:
    """Wait until nobody else works on these receipts, in one order for everybody, and keep all others out until the end."""
    await tx.connection.execute(_ENTER, {"receipt_ids": list(receipt_ids)})

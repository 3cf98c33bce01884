"""Answered checkouts on PostgreSQL, read one by one: away from the statement that tills share."""

from datetime import datetime

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.checkout.proposal import unpack
from services.offers.ports.receipts import PrintOutcome, StoredCheckout

_CHECKOUT = text("""
    SELECT proposal, store_id,
           ARRAY(SELECT slot FROM vouchers WHERE vouchers.checkout_id = decisions.checkout_id) AS granted
    FROM decisions WHERE checkout_id = :checkout_id
""")
_NOTE = text("""
    INSERT INTO printings (checkout_id, outcome, told_at) VALUES (:checkout_id, :outcome, :told_at)
    ON CONFLICT (checkout_id) DO UPDATE SET outcome = excluded.outcome, told_at = excluded.told_at
    WHERE printings.outcome <> 'printed' AND printings.outcome <> excluded.outcome
""")
_OUTCOME = text("SELECT outcome FROM printings WHERE checkout_id = :checkout_id")


class PostgresReceipts:
    """Fits ReceiptStore."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    async def checkout(self, checkout_id: str) -> StoredCheckout | None:
        """As the port promises."""
        row = (await self._connection.execute(_CHECKOUT, {"checkout_id": checkout_id})).one_or_none()
        if row is None:
            return None
        return StoredCheckout(proposal=unpack(row.proposal), store_id=row.store_id, granted=row.granted)

    async def note_outcome(self, checkout_id: str, outcome: PrintOutcome, told_at: datetime) -> bool:
        """As the port promises."""
        named = {"checkout_id": checkout_id, "outcome": outcome.value, "told_at": told_at}
        return bool((await self._connection.execute(_NOTE, named)).rowcount)

    async def outcome(self, checkout_id: str) -> PrintOutcome | None:
        """As the port promises."""
        found = (await self._connection.execute(_OUTCOME, {"checkout_id": checkout_id})).scalar_one_or_none()
        return PrintOutcome(found) if found else None

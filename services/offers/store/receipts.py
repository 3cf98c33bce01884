"""Answered checkouts on PostgreSQL, read one by one: away from the statement that tills share."""

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.answer import unpack
from services.offers.ports.receipts import StoredCheckout

_CHECKOUT = text("""
    SELECT proposal, store_id,
           ARRAY(SELECT slot FROM vouchers WHERE vouchers.checkout_id = decisions.checkout_id) AS granted
    FROM decisions WHERE checkout_id = :checkout_id
""")


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

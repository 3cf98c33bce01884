"""Receipts and what is parked for them, on PostgreSQL. The row of a receipt is where a sale and its return meet."""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import text

from libs.common.persistence import Transaction
from services.profile.domain.contact import Purchase
from services.profile.ports import SoldReceipt, TakenBack

# Sold and awaited receipts in one statement and one order: two writers that need the same rows wait, in the same turn.
_REGISTER = text("""
    INSERT INTO receipts (receipt_id, sold, identifier, occurred_at, event_id, purchase)
    SELECT * FROM unnest(CAST(:receipt_ids AS text[]), CAST(:sold AS boolean[]), CAST(:identifiers AS text[]),
                         CAST(:occurred AS timestamptz[]), CAST(:event_ids AS text[]), CAST(:purchases AS bytea[]))
    ON CONFLICT (receipt_id) DO UPDATE
    SET sold = receipts.sold OR excluded.sold,
        identifier = CASE WHEN receipts.sold THEN receipts.identifier ELSE excluded.identifier END,
        occurred_at = CASE WHEN receipts.sold THEN receipts.occurred_at ELSE excluded.occurred_at END,
        event_id = CASE WHEN receipts.sold THEN receipts.event_id ELSE excluded.event_id END,
        purchase = CASE WHEN receipts.sold THEN receipts.purchase ELSE excluded.purchase END
""")
_FIND = text("""
    SELECT receipt_id, identifier, occurred_at, purchase FROM receipts
    WHERE sold AND receipt_id = ANY(CAST(:receipt_ids AS text[]))
""")
_VOID = text("""
    UPDATE receipts SET voided = true WHERE receipt_id = ANY(CAST(:receipt_ids AS text[])) AND sold AND NOT voided
    RETURNING receipt_id
""")
_PARK = text("""
    INSERT INTO parked (event_id, receipt_id, identifier, body)
    SELECT * FROM unnest(CAST(:event_ids AS text[]), CAST(:receipt_ids AS text[]), CAST(:identifiers AS text[]),
                         CAST(:bodies AS bytea[]))
    ON CONFLICT DO NOTHING
""")
_UNPARK = text("DELETE FROM parked WHERE receipt_id = ANY(CAST(:receipt_ids AS text[])) RETURNING event_id, body")

_encoder = msgspec.msgpack.Encoder()
_purchase_decoder = msgspec.msgpack.Decoder(Purchase)
_taken_decoder = msgspec.msgpack.Decoder(TakenBack)


class PostgresReceipts:
    """Fits ReceiptStore."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    async def register(self, sold: Collection[SoldReceipt], awaited: Collection[str]) -> None:
        """As the port promises. Of two sales with one receipt id the first one is remembered."""
        known: dict[str, SoldReceipt | None] = dict.fromkeys(awaited)
        for receipt in sold:
            if known.get(receipt.receipt_id) is None:
                known[receipt.receipt_id] = receipt
        if not known:
            return
        rows = sorted(known.items())
        await self._connection.execute(
            _REGISTER,
            {
                "receipt_ids": [receipt_id for receipt_id, _ in rows],
                "sold": [receipt is not None for _, receipt in rows],
                "identifiers": [receipt and receipt.identifier for _, receipt in rows],
                "occurred": [receipt and receipt.occurred_at for _, receipt in rows],
                "event_ids": [receipt and receipt.purchase.event_id for _, receipt in rows],
                "purchases": [receipt and _encoder.encode(receipt.purchase) for _, receipt in rows],
            },
        )

    async def find(self, receipt_ids: Collection[str]) -> Mapping[str, SoldReceipt]:
        """As the port promises."""
        if not receipt_ids:
            return {}
        rows = await self._connection.execute(_FIND, {"receipt_ids": list(receipt_ids)})
        return {
            row.receipt_id: SoldReceipt(
                receipt_id=row.receipt_id,
                identifier=row.identifier,
                occurred_at=row.occurred_at,
                purchase=_purchase_decoder.decode(row.purchase),
            )
            for row in rows
        }

    async def claim_voids(self, receipt_ids: Collection[str]) -> Collection[str]:
        """As the port promises."""
        if not receipt_ids:
            return ()
        rows = await self._connection.execute(_VOID, {"receipt_ids": sorted(receipt_ids)})
        return set(rows.scalars())

    async def park(self, taken: Collection[TakenBack]) -> None:
        """As the port promises."""
        if not taken:
            return
        await self._connection.execute(
            _PARK,
            {
                "event_ids": [entry.event_id for entry in taken],
                "receipt_ids": [entry.receipt_id for entry in taken],
                "identifiers": [entry.identifier for entry in taken],
                "bodies": [_encoder.encode(entry) for entry in taken],
            },
        )

    async def unpark(self, receipt_ids: Collection[str]) -> Sequence[TakenBack]:
        """As the port promises, in the order of event ids."""
        if not receipt_ids:
            return ()
        rows = await self._connection.execute(_UNPARK, {"receipt_ids": list(receipt_ids)})
        return [_taken_decoder.decode(row.body) for row in sorted(rows.all(), key=lambda row: str(row.event_id))]

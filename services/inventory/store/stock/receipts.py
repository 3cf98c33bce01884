"""Receipts and voids on PostgreSQL: one row a receipt, whichever of sale and void comes first."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.stock.receipts import DemandLine
from services.inventory.ports import SoldReceipt, VoidedReceipt
from services.inventory.store.columns import columns

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[tuple[int, str, int, int]]).decode

# Of two transactions with the same receipt the second waits for the first, and RETURNING shows it what that one wrote.
_REGISTER = text("""
    INSERT INTO receipts (store_id, receipt_id, lines)
    SELECT * FROM unnest(CAST(:store_id AS text[]), CAST(:receipt_id AS text[]), CAST(:lines AS bytea[])) AS new (store_id, receipt_id, lines)
    ORDER BY 1, 2
    ON CONFLICT (store_id, receipt_id) DO UPDATE SET lines = excluded.lines WHERE receipts.lines IS NULL
    RETURNING store_id, receipt_id, lines, void_event, voided_at, accepted_at
""")
_VOID = text("""
    INSERT INTO receipts (store_id, receipt_id, void_event, voided_at, accepted_at)
    SELECT * FROM unnest(CAST(:store_id AS text[]), CAST(:receipt_id AS text[]), CAST(:void_event AS text[]),
                         CAST(:voided_at AS timestamptz[]), CAST(:accepted_at AS timestamptz[])) AS new (store_id, receipt_id)
    ORDER BY 1, 2
    ON CONFLICT (store_id, receipt_id) DO UPDATE
    SET void_event = excluded.void_event, voided_at = excluded.voided_at, accepted_at = excluded.accepted_at
    WHERE receipts.void_event IS NULL
    RETURNING store_id, receipt_id, lines, void_event, voided_at, accepted_at
""")


class PostgresReceipts:
    """Fits ReceiptStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def register(self, sold: Collection[SoldReceipt]) -> Sequence[tuple[SoldReceipt, VoidedReceipt]]:
        """Remember what was sold; returns those that were voided before they came."""
        if not sold:
            return ()
        rows = [(one.store_id, one.receipt_id, _packed(one.lines)) for one in sold]
        found = await self._tx.connection.execute(_REGISTER, columns(("store_id", "receipt_id", "lines"), rows))
        return [_pair(row) for row in found if row.void_event is not None]

    async def void(self, voided: Collection[VoidedReceipt]) -> Sequence[tuple[SoldReceipt, VoidedReceipt]]:
        """Remember voids; returns those whose receipt is known."""
        if not voided:
            return ()
        rows = [(one.store_id, one.receipt_id, one.event_id, one.occurred_at, one.accepted_at) for one in voided]
        names = ("store_id", "receipt_id", "void_event", "voided_at", "accepted_at")
        found = await self._tx.connection.execute(_VOID, columns(names, rows))
        return [_pair(row) for row in found if row.lines is not None]


def _packed(lines: Sequence[DemandLine]) -> bytes:
    return _pack([(line.line_no, line.item_id, line.quantity_milli, line.amount_cents) for line in lines])


def _pair(row: Any) -> tuple[SoldReceipt, VoidedReceipt]:
    lines = [DemandLine(*line) for line in _unpack(row.lines)]
    return (
        SoldReceipt(store_id=row.store_id, receipt_id=row.receipt_id, lines=lines),
        VoidedReceipt(
            store_id=row.store_id,
            receipt_id=row.receipt_id,
            event_id=row.void_event,
            occurred_at=row.voided_at,
            accepted_at=row.accepted_at,
        ),
    )

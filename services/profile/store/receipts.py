"""Receipts and what is parked for them, on PostgreSQL. The row of a receipt is where a sale and its return meet."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import text

from libs.common.persistence import Transaction
from libs.common.persistence.arrays import plain_array
from services.profile.domain.contact import AnyPurchase, PackedPurchase
from services.profile.domain.delta import decode_delta
from services.profile.ports import FoundReceipt, SoldReceipt, TakenBack
from services.profile.store.earlier import purchase_of_map, returned_line_of_map

# Sold and awaited receipts in one statement and one order: two writers that need the same rows wait, in the same turn.
_REGISTER = text("""
    WITH told AS (
        INSERT INTO receipts (receipt_key, sold, delta_id, position)
        SELECT key, sold, delta_id, position
        FROM unnest(CAST(CAST(:keys AS text) AS uuid[]), CAST(CAST(:sold AS text) AS boolean[]),
                    CAST(CAST(:delta_ids AS text) AS bigint[]), CAST(CAST(:positions AS text) AS smallint[]))
             AS new (key, sold, delta_id, position)
        ON CONFLICT (receipt_key) DO UPDATE
        SET sold = receipts.sold OR excluded.sold,
            written_on = CASE WHEN receipts.sold THEN receipts.written_on ELSE current_date END,
            delta_id = CASE WHEN receipts.sold THEN receipts.delta_id ELSE excluded.delta_id END,
            position = CASE WHEN receipts.sold THEN receipts.position ELSE excluded.position END
        RETURNING receipt_key, xmax <> 0 AS told_before
    )
    SELECT uuid_send(receipt_key) FROM told WHERE told_before
""")
_FIND = text("""
    SELECT uuid_send(receipt_key) AS key, coalesce(facet_deltas.identifier, receipts.identifier) AS identifier,
           receipts.delta_id, position, body, purchase
    FROM receipts LEFT JOIN facet_deltas USING (delta_id)
    WHERE sold AND receipt_key IN (SELECT encode(key, 'hex')::uuid FROM unnest(CAST(:keys AS bytea[])) AS key)
      AND NOT EXISTS (  -- of a forgotten person, until the sweep finds it
          SELECT FROM suppressions JOIN erasures USING (erasure_id)
          WHERE suppressions.identifier = coalesce(facet_deltas.identifier, receipts.identifier)
            AND coalesce(receipts.delta_id, 0) < deltas_below
      )
""")
_VOID = text("""
    UPDATE receipts SET voided = true
    WHERE receipt_key IN (SELECT encode(key, 'hex')::uuid FROM unnest(CAST(:keys AS bytea[])) AS key)
      AND sold AND NOT voided
    RETURNING uuid_send(receipt_key)
""")
_PARK = text("""
    INSERT INTO parked (event_id, receipt_id, identifier, body)
    SELECT * FROM unnest(CAST(:event_ids AS text[]), CAST(:receipt_ids AS text[]), CAST(:identifiers AS text[]),
                         CAST(:bodies AS bytea[]))
    ON CONFLICT DO NOTHING
""")
_UNPARK = text("DELETE FROM parked WHERE receipt_id = ANY(CAST(:receipt_ids AS text[])) RETURNING event_id, body")
# A large chain's day is millions of rows, and more than a statement of a worker usually may take.
_PRUNE_PATIENCE = text("SET LOCAL statement_timeout = '10min'")
# Of a row that somebody waits for the day moves with each who begins to: it outlives what is parked for it.
_PRUNE_PARKED = text("DELETE FROM parked WHERE parked_at < CAST(:before AS date)")
_PRUNE_RECEIPTS = text("""
    DELETE FROM receipts
    WHERE ctid = ANY(ARRAY(SELECT ctid FROM receipts WHERE written_on < :before LIMIT :most)) AND written_on < :before
""")
# Ids of deltas grow with time: the first ones are the oldest, and where the first is not old none is.
_PRUNE_DELTAS = text("""
    DELETE FROM facet_deltas WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM (SELECT ctid, delta_id, written_on FROM facet_deltas ORDER BY delta_id LIMIT :most) AS first
        WHERE written_on < :before
          AND NOT EXISTS (SELECT FROM dirty_customers WHERE dirty_customers.delta_id = first.delta_id)
          AND (SELECT written_on FROM facet_deltas ORDER BY delta_id LIMIT 1) < :before
    ))
""")

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def receipt_key(receipt_id: str) -> bytes:
    """128 bits that stand for a receipt; migrations make the same."""
    return sha256(receipt_id.encode()).digest()[:16]


class PostgresReceipts:
    """Fits ReceiptStore."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    async def register(self, sold: Sequence[SoldReceipt], awaited: Collection[str]) -> Collection[str]:
        """As the port promises. Of two sales with one receipt id the first one is remembered."""
        if not sold and not awaited:
            return ()
        rows: dict[str, SoldReceipt | None] = {receipt_key(receipt_id).hex(): None for receipt_id in awaited}
        for receipt in reversed(sold):
            rows[receipt_key(receipt.receipt_id).hex()] = receipt
        keys = sorted(rows)
        receipts = [rows[key] for key in keys]
        found = await self._connection.execute(
            _REGISTER,
            {
                "keys": plain_array(keys),
                "sold": plain_array([receipt is not None for receipt in receipts]),
                "delta_ids": plain_array([receipt and receipt.delta_id for receipt in receipts]),
                "positions": plain_array([receipt and receipt.position for receipt in receipts]),
            },
        )
        told_before = {bytes(key) for key in found.scalars()}
        if not told_before:
            return ()
        return {one for one in (*awaited, *(r.receipt_id for r in sold)) if receipt_key(one) in told_before}

    async def find(self, receipt_ids: Collection[str]) -> Mapping[str, FoundReceipt]:
        """As the port promises."""
        if not receipt_ids:
            return {}
        by_key = {receipt_key(receipt_id): receipt_id for receipt_id in receipt_ids}
        rows = await self._connection.execute(_FIND, {"keys": list(by_key)})
        return {by_key[bytes(row.key)]: _found(row) for row in rows}

    async def claim_voids(self, receipt_ids: Collection[str]) -> Collection[str]:
        """As the port promises."""
        if not receipt_ids:
            return ()
        by_key = {receipt_key(receipt_id): receipt_id for receipt_id in receipt_ids}
        rows = await self._connection.execute(_VOID, {"keys": sorted(by_key)})
        return {by_key[bytes(key)] for key in rows.scalars()}

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
        return [_taken_back(row.body) for row in sorted(rows.all(), key=lambda row: str(row.event_id))]

    async def prune(self, before: date, limit: int) -> int:
        """As the port promises. Purchases go when all receipts that may name them are gone."""
        await self._connection.execute(_PRUNE_PATIENCE)
        wanted = {"before": before, "most": limit}
        gone = (await self._connection.execute(_PRUNE_RECEIPTS, wanted)).rowcount
        if gone < limit:
            await self._connection.execute(_PRUNE_PARKED, {"before": before})
            gone += (await self._connection.execute(_PRUNE_DELTAS, wanted)).rowcount
        return gone


def _found(row: Any) -> FoundReceipt:
    return FoundReceipt(
        identifier=row.identifier, purchase=_purchase(row), delta_id=row.delta_id, position=row.position or 0
    )


def _purchase(row: Any) -> AnyPurchase | None:
    if row.body is not None:
        found = decode_delta(row.body).contact_at(row.position)
        assert isinstance(found, PackedPurchase)  # noqa: S101 - positions are of purchases
        return found
    return None if row.purchase is None else purchase_of_map(_decoder.decode(row.purchase))


def _taken_back(body: bytes) -> TakenBack:
    content = _decoder.decode(body)
    lines = content["lines"]
    if lines is not None:
        content["lines"] = [returned_line_of_map(line) if isinstance(line, dict) else line for line in lines]
    return msgspec.convert(content, TakenBack)

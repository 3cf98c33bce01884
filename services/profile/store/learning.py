"""The queue of baskets, the learner's memory and its models on PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text

from libs.common.persistence import Transaction
from libs.common.persistence.messages import encode_headers
from services.profile.domain.contact import AnyPurchase
from services.profile.ports import Due, LearnerCustomer, LearnerState, ModelRow, QueuedBasket
from services.profile.store.earlier import purchase_of_map
from services.profile.store.receipts import receipt_key

_ENQUEUE = text("""
    INSERT INTO learning_queue (occurred_at, accepted_at, event_id, identifier, purchase, receipt_key)
    SELECT occurred_at, accepted_at, event_id, identifier, purchase, encode(receipt_key, 'hex')::uuid
    FROM unnest(CAST(:occurred AS timestamptz[]), CAST(:accepted AS timestamptz[]), CAST(:event_ids AS text[]),
                CAST(:identifiers AS text[]), CAST(:purchases AS bytea[]), CAST(:receipt_keys AS bytea[]))
         AS new (occurred_at, accepted_at, event_id, identifier, purchase, receipt_key)
    ON CONFLICT DO NOTHING
""")
_TAKE = text("""
    WITH taken AS (
        DELETE FROM learning_queue WHERE (occurred_at, event_id) IN (
            SELECT occurred_at, event_id FROM learning_queue WHERE occurred_at <= :until
            ORDER BY occurred_at, event_id LIMIT :row_limit
        ) RETURNING occurred_at, identifier, purchase, receipt_key
    )
    SELECT taken.occurred_at, taken.identifier, taken.purchase, coalesce(receipts.voided, false) AS voided
    FROM taken LEFT JOIN receipts USING (receipt_key)
""")
_FACETS_LAG = text("""
    SELECT EXISTS (
        SELECT FROM offsets AS ours JOIN offsets AS facets USING (incarnation, topic, partition)
        WHERE ours.consumer_group = 'profile-learner' AND facets.consumer_group = 'profile'
          AND facets.next_offset < ours.next_offset
    )
""")
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.learner'), 0)")
_STATE = text("""
    SELECT number, trained_until, baskets_count, state FROM learner_states
    WHERE learner = :learner AND number > :above_number
""")
_SAVE_STATE = text("""
    INSERT INTO learner_states (learner, number, trained_until, baskets_count, state)
    VALUES (:learner, :number, :trained_until, :baskets_count, :state)
    ON CONFLICT (learner) DO UPDATE
    SET number = excluded.number, trained_until = excluded.trained_until, baskets_count = excluded.baskets_count, state = excluded.state
""")
_TAKE_EARLIER = text("DELETE FROM learner_states WHERE learner = :learner RETURNING state")
_RAISE_NUMBERS = text("UPDATE learner_states SET number = number + 1")
_CUSTOMERS = text(
    "SELECT identifier, state FROM learner_customers WHERE identifier = ANY(CAST(:identifiers AS text[]))"
)
_KEEP_CUSTOMERS = text("""
    INSERT INTO learner_customers (identifier, due_at_seconds, state)
    SELECT * FROM unnest(CAST(:identifiers AS text[]), CAST(:due AS bigint[]), CAST(:states AS bytea[]))
    ON CONFLICT (identifier) DO UPDATE SET due_at_seconds = excluded.due_at_seconds, state = excluded.state
""")
# From where the page before ended: what that one moved on leaves dead entries in the index until the commit.
_DUE_CUSTOMERS = text("""
    SELECT due_at_seconds, identifier FROM learner_customers
    WHERE due_at_seconds < :before AND due_at_seconds >= :after_seconds
      AND (due_at_seconds, identifier) > (:after_seconds, :after_identifier)
    ORDER BY due_at_seconds, identifier LIMIT :most
""")
_AT_WORK = text("SELECT 1")
_SET_DUE = text("""
    UPDATE learner_customers SET due_at_seconds = new.due_at_seconds
    FROM unnest(CAST(:identifiers AS text[]), CAST(:due AS bigint[])) AS new (identifier, due_at_seconds)
    WHERE learner_customers.identifier = new.identifier
""")
_FORGET_CUSTOMERS = text("DELETE FROM learner_customers WHERE identifier = ANY(CAST(:identifiers AS text[]))")
_PUBLISH = text("""
    INSERT INTO models (model_name, number, model_id, trained_until, headers, body)
    VALUES (:model_name, :number, :model_id, :trained_until, :headers, :body)
    ON CONFLICT (model_name) DO UPDATE
    SET number = excluded.number, model_id = excluded.model_id, trained_until = excluded.trained_until,
        headers = excluded.headers, body = excluded.body
    WHERE models.number < excluded.number
""")
_NEWEST = text("SELECT number, body FROM models WHERE model_name = :model_name AND number > :above_number")

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AnyPurchase)
_map_decoder = msgspec.msgpack.Decoder(dict[str, Any])
_MAPS = range(0x80, 0x90)


class PostgresLearning:
    """Fits LearningStore."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    async def enqueue(self, baskets: Collection[QueuedBasket]) -> None:
        """As the port promises."""
        if not baskets:
            return
        ordered = sorted(baskets, key=lambda basket: (basket.occurred_at, basket.purchase.event_id))
        await self._connection.execute(
            _ENQUEUE,
            {
                "occurred": [basket.occurred_at for basket in ordered],
                "accepted": [basket.accepted_at for basket in ordered],
                "event_ids": [basket.purchase.event_id for basket in ordered],
                "identifiers": [basket.identifier for basket in ordered],
                "purchases": [_encoder.encode(basket.purchase) for basket in ordered],
                "receipt_keys": [receipt_key(basket.purchase.receipt_id) for basket in ordered],
            },
        )

    async def take(self, until: datetime, limit: int) -> Sequence[QueuedBasket] | None:
        """As the port promises."""
        rows = (await self._connection.execute(_TAKE, {"until": until, "row_limit": limit})).all()
        if not rows:
            return None
        baskets = [
            QueuedBasket(
                occurred_at=row.occurred_at,
                identifier=row.identifier,
                purchase=_purchase(row.purchase),
                voided=row.voided,
            )
            for row in rows
        ]
        return sorted(baskets, key=lambda basket: (basket.occurred_at, basket.purchase.event_id))

    async def facets_lag(self) -> bool:
        """As the port promises."""
        return bool((await self._connection.execute(_FACETS_LAG)).scalar())

    async def lock(self) -> None:
        """As the port promises."""
        await self._connection.execute(_ONE_AT_A_TIME)

    async def state(self, learner: str, above_number: int = -1) -> LearnerState | None:
        """As the port promises."""
        rows = await self._connection.execute(_STATE, {"learner": learner, "above_number": above_number})
        row = rows.one_or_none()
        return None if row is None else LearnerState(**row._mapping)  # noqa: SLF001  # a Row's public mapping

    async def save_state(self, learner: str, state: LearnerState) -> None:
        """As the port promises."""
        await self._connection.execute(
            _SAVE_STATE,
            {
                "learner": learner,
                "number": state.number,
                "trained_until": state.trained_until,
                "baskets_count": state.baskets_count,
                "state": state.state,
            },
        )

    async def take_earlier(self, learner: str) -> bytes | None:
        """As the port promises."""
        found: bytes | None = (await self._connection.execute(_TAKE_EARLIER, {"learner": learner})).scalar_one_or_none()
        return found

    async def raise_numbers(self) -> None:
        """As the port promises."""
        await self._connection.execute(_RAISE_NUMBERS)

    async def customers(self, identifiers: Collection[str]) -> Mapping[str, bytes]:
        """As the port promises."""
        if not identifiers:
            return {}
        rows = await self._connection.execute(_CUSTOMERS, {"identifiers": list(identifiers)})
        return {row.identifier: row.state for row in rows}

    async def keep_customers(self, rows: Collection[LearnerCustomer]) -> None:
        """As the port promises."""
        ordered = sorted(rows, key=lambda row: row.identifier)
        if not ordered:
            return
        columns = {
            "identifiers": [row.identifier for row in ordered],
            "due": [row.due_at_seconds for row in ordered],
            "states": [row.state for row in ordered],
        }
        await self._connection.execute(_KEEP_CUSTOMERS, columns)

    async def due_customers(self, before_seconds: int, after: Due, limit: int) -> Sequence[Due]:
        """As the port promises."""
        wanted = {"before": before_seconds, "after_seconds": after[0], "after_identifier": after[1], "most": limit}
        rows = await self._connection.execute(_DUE_CUSTOMERS, wanted)
        return [(row.due_at_seconds, row.identifier) for row in rows]

    async def say_at_work(self) -> None:
        """As the port promises."""
        await self._connection.execute(_AT_WORK)

    async def set_due(self, due_at_seconds: Mapping[str, int | None]) -> None:
        """As the port promises."""
        if due_at_seconds:
            columns = {"identifiers": list(due_at_seconds), "due": list(due_at_seconds.values())}
            await self._connection.execute(_SET_DUE, columns)

    async def forget_customers(self, identifiers: Collection[str]) -> int:
        """As the port promises."""
        done = await self._connection.execute(_FORGET_CUSTOMERS, {"identifiers": list(identifiers)})
        return done.rowcount

    async def publish(self, row: ModelRow) -> None:
        """As the port promises."""
        await self._connection.execute(
            _PUBLISH,
            {
                "model_name": row.model_name,
                "number": row.number,
                "model_id": row.model_id,
                "trained_until": row.trained_until,
                "headers": encode_headers(row.message.headers),
                "body": row.message.value,
            },
        )

    async def newest_model(self, model_name: str, above_number: int) -> tuple[int, bytes] | None:
        """As the port promises."""
        row = (
            await self._connection.execute(_NEWEST, {"model_name": model_name, "above_number": above_number})
        ).one_or_none()
        return None if row is None else (row.number, row.body)


def _purchase(content: bytes) -> AnyPurchase:
    """Stored as it is, or as the map that an earlier release made of it."""
    return purchase_of_map(_map_decoder.decode(content)) if content[0] in _MAPS else _decoder.decode(content)

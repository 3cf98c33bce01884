"""The quarantine on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from libs.common.persistence import Transactions
from services.ingest.ports import QuarantinedEvent
from services.ingest.tables import QUARANTINE

_WITHOUT_BYTES = [column for column in QUARANTINE.c if column is not QUARANTINE.c.raw]


class PostgresQuarantine:
    """Keeps invalid events in one statement a request."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def keep(self, events: Sequence[QuarantinedEvent]) -> None:
        """Keep those that are not there yet; raises RetryableError."""
        rows = [
            {**asdict(event), "detail": _storable(event.detail), "pointer": _storable(event.pointer)}
            for event in events
        ]
        # In the order of the key: two requests with the same events then wait for each other instead of in a circle.
        rows.sort(key=lambda row: row["quarantine_id"])
        async with self._transactions.begin() as tx:
            await tx.connection.execute(insert(QUARANTINE).on_conflict_do_nothing(), rows)

    async def find(self, quarantine_id: str) -> QuarantinedEvent | None:
        """One of them; raises RetryableError."""
        query = select(QUARANTINE).where(QUARANTINE.c.quarantine_id == quarantine_id)
        async with self._transactions.begin() as tx:
            row = (await tx.connection.execute(query)).one_or_none()
        return None if row is None else _event(row)

    async def list_newest(
        self, *, slug: str | None, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[QuarantinedEvent]:
        """Newest first, their bytes left out; raises RetryableError."""
        at, key = QUARANTINE.c.at, QUARANTINE.c.quarantine_id
        query = select(*_WITHOUT_BYTES).order_by(at.desc(), key.desc()).limit(limit)
        if slug is not None:
            query = query.where(QUARANTINE.c.slug == slug)
        if before is not None:
            query = query.where(tuple_(at, key) < tuple_(literal(before[0], at.type), literal(before[1], key.type)))
        async with self._transactions.begin() as tx:
            rows = (await tx.connection.execute(query)).all()
        return [_event(row) for row in rows]


def _event(row: Row[Any]) -> QuarantinedEvent:
    return QuarantinedEvent(**{"raw": b"", **row._mapping})  # noqa: SLF001  # a Row's public mapping


def _storable(text: str) -> str:
    """Text that PostgreSQL can hold, whatever a parser quoted."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "�")[:2_000]

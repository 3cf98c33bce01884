"""The quarantine on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from libs.common.persistence import Transactions
from services.ingest.ports import Decision, QuarantineClass, QuarantinedEvent, Wanted
from services.ingest.tables import QUARANTINE

_at, _id = QUARANTINE.c.at, QUARANTINE.c.quarantine_id
_BYTES = (QUARANTINE.c.raw, QUARANTINE.c.mended)
_WITHOUT_BYTES = [column for column in QUARANTINE.c if column not in set(_BYTES)]
_new = insert(QUARANTINE)
_KEEP = _new.on_conflict_do_update(
    index_elements=[_id], set_={"times": QUARANTINE.c.times + _new.excluded.times, "last_at": _new.excluded.at}
)
_GREATEST_CLASSES = 1_000
_COUNTS_ALL = text("SELECT set_config('statement_timeout', '30s', true)")
"""It is asked most when there is most to count, and then that takes longer than a request of a till may."""


class PostgresQuarantine:
    """Keeps invalid events in one statement a request."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def keep(self, events: Sequence[QuarantinedEvent]) -> None:
        """Keep those that are not there yet, and count the others as seen again."""
        rows = [
            {**asdict(event), "detail": _storable(event.detail), "pointer": _storable(event.pointer)}
            for event in events
        ]
        # In the order of the key: two requests with the same events then wait for each other instead of in a circle.
        rows.sort(key=lambda row: row["quarantine_id"])
        async with self._transactions.begin() as tx:
            await tx.connection.execute(_KEEP, rows)

    async def find(self, quarantine_id: str) -> QuarantinedEvent | None:
        """One of them."""
        async with self._transactions.begin() as tx:
            row = (await tx.connection.execute(select(QUARANTINE).where(_id == quarantine_id))).one_or_none()
        return None if row is None else _event(row)

    async def list_newest(
        self, wanted: Wanted, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[QuarantinedEvent]:
        """Newest first, their bytes left out."""
        query = select(*_WITHOUT_BYTES).where(*_fits(wanted)).order_by(_at.desc(), _id.desc()).limit(limit)
        if before is not None:
            query = query.where(tuple_(_at, _id) < tuple_(literal(before[0], _at.type), literal(before[1], _id.type)))
        async with self._transactions.begin() as tx:
            rows = (await tx.connection.execute(query)).all()
        return [_event(row) for row in rows]

    async def waiting_ids(self, wanted: Wanted, *, limit: int) -> Sequence[str]:
        """As the port promises."""
        waiting, tried_at = select(_id).where(QUARANTINE.c.state == "waiting", *_fits(wanted)), QUARANTINE.c.decided_at
        untried = waiting.where(tried_at.is_(None)).order_by(_at, _id)
        tried = waiting.where(tried_at.is_not(None)).order_by(tried_at, _at, _id)
        ids: list[str] = []
        async with self._transactions.begin() as tx:
            for query in (untried, tried):  # of the first an index knows the order
                if len(ids) < limit:
                    ids += (await tx.connection.execute(query.limit(limit - len(ids)))).scalars()
        return ids

    async def classes(self, wanted: Wanted) -> Sequence[QuarantineClass]:
        """How many of each class, the greatest first."""
        kind = (QUARANTINE.c.slug, QUARANTINE.c.type, QUARANTINE.c.state)
        counted = (
            func.count().label("events"),
            func.sum(QUARANTINE.c.times).label("times"),
            func.min(_at).label("oldest_at"),
            func.max(func.coalesce(QUARANTINE.c.last_at, _at)).label("newest_at"),
        )
        query = select(*kind, *counted).where(*_fits(wanted)).group_by(*kind)
        async with self._transactions.begin() as tx:
            await tx.connection.execute(_COUNTS_ALL)
            rows = await tx.connection.execute(query.order_by(func.count().desc(), *kind).limit(_GREATEST_CLASSES))
            return [QuarantineClass(**row._mapping) for row in rows]  # noqa: SLF001  # a Row's public mapping

    async def mend(self, quarantine_id: str, mended: bytes, *, sealed_under: str) -> bool:
        """Keep what is to be sent in its place."""
        return await self._change(quarantine_id, {"mended": mended, "mended_sealed_under": sealed_under})

    async def decide(self, decision: Decision) -> bool:
        """Note what was done."""
        done = {"state": decision.state, "decided_by": decision.by, "decided_at": decision.at}
        return await self._change(decision.quarantine_id, {**done, "outcome": _storable(decision.outcome)})

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Remove the oldest, up to `limit` of them."""
        oldest = select(_id).where(_at < before).order_by(_at).limit(limit).with_for_update(skip_locked=True)
        async with self._transactions.begin() as tx:
            return (await tx.connection.execute(delete(QUARANTINE).where(_id.in_(oldest)))).rowcount

    async def _change(self, quarantine_id: str, changes: dict[str, object]) -> bool:
        waits = (_id == quarantine_id, QUARANTINE.c.state == "waiting")
        async with self._transactions.begin() as tx:
            return bool((await tx.connection.execute(update(QUARANTINE).where(*waits).values(changes))).rowcount)


def _fits(wanted: Wanted) -> list[ColumnElement[bool]]:
    columns = QUARANTINE.c
    named = ("slug", "type", "source", "state")
    fits = [columns[name] == getattr(wanted, name) for name in named if getattr(wanted, name) is not None]
    if wanted.store_id != "*":
        fits.append(columns.store_id == wanted.store_id)
    if wanted.since is not None:
        fits.append(func.coalesce(columns.last_at, columns.at) >= wanted.since)
    return fits


def _event(row: Row[Any]) -> QuarantinedEvent:
    return QuarantinedEvent(**{"raw": b"", **row._mapping})  # noqa: SLF001  # a Row's public mapping


def _storable(text: str) -> str:
    """Text that PostgreSQL can hold, whatever a parser quoted."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "�")[:2_000]

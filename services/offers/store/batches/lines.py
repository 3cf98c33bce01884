"""Imports in PostgreSQL: lines as they came in, bodies that are whole, lines that became no voucher."""

from collections.abc import Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.batches import MOST_ERRORS, BadLine
from services.offers.ports.batches import Body, Chunk, Lines

_ADD = text("""
    INSERT INTO batch_lines (batch_id, part, upload_id, chunk, line_nos, lookups)
    SELECT batch_id, CAST(:part AS integer), CAST(:upload_id AS text), CAST(:chunk AS integer), CAST(:line_nos AS bigint[]),
           CAST(:lookups AS bytea[])
    FROM batches WHERE batch_id = :batch_id AND state = 'receiving' FOR SHARE
""")
_BODY = text("""
    SELECT part, upload_id, body_digest, lines, quarantined FROM batch_parts WHERE batch_id = :batch_id AND part = :part
""")
_PUT_BODY = text("""
    INSERT INTO batch_parts (batch_id, part, upload_id, body_digest, lines, quarantined)
    VALUES (:batch_id, :part, :upload_id, :body_digest, :lines, :quarantined)
    ON CONFLICT (batch_id, part) DO UPDATE SET
        (upload_id, body_digest, lines, quarantined)
        = (excluded.upload_id, excluded.body_digest, excluded.lines, excluded.quarantined)
""")
_DROP_OTHERS = text("""
    DELETE FROM batch_lines WHERE batch_id = :batch_id AND part = :part AND (upload_id <> :upload_id OR chunk >= :chunks)
""")
_FORGET_ERRORS = text("DELETE FROM batch_errors WHERE batch_id = :batch_id AND part = :part")
_RECEIVED = text("""
    SELECT coalesce(sum(lines), 0)::bigint AS lines, coalesce(sum(quarantined), 0)::bigint AS quarantined
    FROM batch_parts WHERE batch_id = :batch_id
""")
_NEXT = text("""
    SELECT part, upload_id, chunk, line_nos, lookups FROM batch_lines JOIN batch_parts USING (batch_id, part, upload_id)
    WHERE batch_id = :batch_id ORDER BY part, chunk LIMIT 1
""")
_THIS = "batch_id = :batch_id AND part = :part AND upload_id = :upload_id AND chunk = :chunk"
_USED = text(f"""
    UPDATE batch_lines SET line_nos = line_nos[CAST(:count AS integer) + 1 :], lookups = lookups[CAST(:count AS integer) + 1 :]
    WHERE {_THIS}
""")  # noqa: S608  # our own words
_DROP = text(f"DELETE FROM batch_lines WHERE {_THIS}")  # noqa: S608  # our own words
_FORGET = text("DELETE FROM batch_lines WHERE batch_id = :batch_id")
_QUARANTINE = text("""
    INSERT INTO batch_errors (batch_id, part, line_no, reason)
    SELECT :batch_id, part, line_no, reason
    FROM unnest(CAST(:parts AS integer[]), CAST(:line_nos AS bigint[]), CAST(:reasons AS text[])) AS bad (part, line_no, reason)
    ORDER BY part, line_no
    LIMIT greatest(0, :most - (SELECT count(*) FROM batch_errors WHERE batch_id = :batch_id))
    ON CONFLICT DO NOTHING
""")
_ERRORS = text("SELECT part, line_no, reason FROM batch_errors WHERE batch_id = :batch_id ORDER BY part, line_no")


class BatchLines:
    """The part of BatchStore that is about lines, within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    async def add_lines(self, batch_id: str, chunk: Chunk) -> None:
        """As the port promises."""
        lines = {"line_nos": list(chunk.lines.line_nos), "lookups": list(chunk.lines.lookups)}
        await self._connection.execute(_ADD, _names(batch_id, chunk) | lines)

    async def body(self, batch_id: str, part: int) -> Body | None:
        """As the port promises."""
        row = (await self._connection.execute(_BODY, {"batch_id": batch_id, "part": part})).one_or_none()
        if row is None:
            return None
        return Body(
            part=row.part,
            upload_id=row.upload_id,
            body_digest=bytes(row.body_digest),
            lines=row.lines,
            quarantined=row.quarantined,
        )

    async def put_body(self, batch_id: str, body: Body, errors: Sequence[BadLine], chunks: int) -> None:
        """As the port promises."""
        names = {"batch_id": batch_id, "part": body.part, "upload_id": body.upload_id}
        counted = {"body_digest": body.body_digest, "lines": body.lines, "quarantined": body.quarantined}
        await self._connection.execute(_PUT_BODY, names | counted)
        await self._connection.execute(_DROP_OTHERS, names | {"chunks": chunks})
        await self._connection.execute(_FORGET_ERRORS, {"batch_id": batch_id, "part": body.part})
        await self.quarantine(batch_id, errors)

    async def received(self, batch_id: str) -> tuple[int, int]:
        """As the port promises."""
        row = (await self._connection.execute(_RECEIVED, {"batch_id": batch_id})).one()
        return row.lines, row.quarantined

    async def next_chunk(self, batch_id: str) -> Chunk | None:
        """As the port promises."""
        row = (await self._connection.execute(_NEXT, {"batch_id": batch_id})).one_or_none()
        if row is None:
            return None
        lines = Lines(row.line_nos, [bytes(lookup) for lookup in row.lookups])
        return Chunk(part=row.part, upload_id=row.upload_id, chunk=row.chunk, lines=lines)

    async def used(self, batch_id: str, chunk: Chunk, count: int) -> None:
        """As the port promises."""
        if count < len(chunk.lines.line_nos):
            await self._connection.execute(_USED, _names(batch_id, chunk) | {"count": count})
        else:
            await self._connection.execute(_DROP, _names(batch_id, chunk))

    async def forget_lines(self, batch_id: str) -> None:
        """As the port promises."""
        await self._connection.execute(_FORGET, {"batch_id": batch_id})

    async def quarantine(self, batch_id: str, errors: Sequence[BadLine]) -> None:
        """As the port promises."""
        names = {
            "batch_id": batch_id,
            "parts": [bad.part for bad in errors],
            "line_nos": [bad.line_no for bad in errors],
            "reasons": [bad.reason for bad in errors],
            "most": MOST_ERRORS,
        }
        if errors:
            await self._connection.execute(_QUARANTINE, names)

    async def errors(self, batch_id: str) -> Sequence[BadLine]:
        """As the port promises."""
        rows = await self._connection.execute(_ERRORS, {"batch_id": batch_id})
        return [BadLine(row.part, row.line_no, row.reason) for row in rows]


def _names(batch_id: str, chunk: Chunk) -> dict[str, object]:
    return {"batch_id": batch_id, "part": chunk.part, "upload_id": chunk.upload_id, "chunk": chunk.chunk}

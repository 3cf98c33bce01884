"""Answers kept for repeats, a row for each key that a caller named; 0090 has the table."""

from datetime import datetime

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.ports.repeating import Answer, KeptAnswer

_LOCK_BYTES = 8
# The lock may be free again a moment after the row was looked for in vain; then `keep` finds the row and says no.
_CLAIM = text("""
    SELECT pg_try_advisory_xact_lock(:lock) AS ours, kept.asked, kept.status, kept.media_type, kept.answer
    FROM (SELECT) AS one LEFT JOIN kept_answers AS kept ON kept.name = :name
""")
_KEEP = text("""
    INSERT INTO kept_answers (name, asked, status, media_type, answer, answered_at)
    VALUES (:name, :asked, :status, :media_type, :answer, :answered_at) ON CONFLICT (name) DO NOTHING
""")
_FORGET = text("""
    DELETE FROM kept_answers WHERE name IN (
        SELECT name FROM kept_answers WHERE answered_at < :before ORDER BY answered_at LIMIT :most FOR UPDATE SKIP LOCKED)
""")


class PostgresAnswers:
    """Fits AnswerStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def claim(self, name: bytes) -> KeptAnswer | bool:
        """As the port promises."""
        lock = int.from_bytes(name[:_LOCK_BYTES], "big", signed=True)
        row = (await self._tx.connection.execute(_CLAIM, {"lock": lock, "name": name})).one()
        if row.asked is None:
            return bool(row.ours)
        answer = Answer(status=row.status, media_type=row.media_type, body=bytes(row.answer))
        return KeptAnswer(answer=answer, asked=bytes(row.asked))

    async def keep(self, name: bytes, answered: KeptAnswer, answered_at: datetime) -> bool:
        """As the port promises."""
        names = {
            "name": name,
            "asked": answered.asked,
            "status": answered.answer.status,
            "media_type": answered.answer.media_type,
            "answer": answered.answer.body,
            "answered_at": answered_at,
        }
        return (await self._tx.connection.execute(_KEEP, names)).rowcount == 1

    async def forget(self, before: datetime, most: int) -> int:
        """As the port promises."""
        return (await self._tx.connection.execute(_FORGET, {"before": before, "most": most})).rowcount

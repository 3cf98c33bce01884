"""Misses of codes, one row per lane, store or caller that missed lately."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.brakes.brake import Brakes
from services.offers.domain.fraud.guessing import Misses
from services.offers.ports.fraud.guessing import Opening

_OPENING = text("""
    SELECT (SELECT reached_at FROM play_clock) AS reached_at,
           (SELECT max(locked_until) FROM code_misses WHERE subject = ANY(CAST(:subjects AS text[]))) AS locked_until,
           (SELECT array_agg(scope || ':' || entity_id) FROM brakes WHERE released_at IS NULL AND redemptions) AS brakes
""")
# The update changes nothing: it makes the row, or waits for whoever holds it.
_LOCK = text("""
    INSERT INTO code_misses AS known (subject, misses, since)
    SELECT subject, 0, :now FROM unnest(CAST(:subjects AS text[])) AS asked (subject) ORDER BY subject
    ON CONFLICT (subject) DO UPDATE SET misses = known.misses
    RETURNING subject, misses, since, locked_until
""")
_PUT = text("""
    UPDATE code_misses SET misses = :misses, since = :since, locked_until = :locked_until WHERE subject = :subject
""")
_FORGET = text("""
    DELETE FROM code_misses WHERE since < :before AND (locked_until IS NULL OR locked_until < :before)
""")


class PostgresMisses:
    """Fits MissStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def opening(self, subjects: Collection[str]) -> Opening:
        """As the port promises."""
        row = (await self._tx.connection.execute(_OPENING, {"subjects": list(subjects)})).one()
        return Opening(reached_at=row.reached_at, locked_until=row.locked_until, brakes=Brakes.of(row.brakes))

    async def lock(self, subjects: Collection[str], now: datetime) -> Mapping[str, Misses]:
        """As the port promises."""
        rows = await self._tx.connection.execute(_LOCK, {"subjects": list(subjects), "now": now})
        return {row.subject: Misses(count=row.misses, since=row.since, locked_until=row.locked_until) for row in rows}

    async def put(self, misses: Mapping[str, Misses]) -> None:
        """As the port promises."""
        rows = [
            {"subject": subject, "misses": each.count, "since": each.since, "locked_until": each.locked_until}
            for subject, each in sorted(misses.items())
        ]
        await self._tx.connection.execute(_PUT, rows)

    async def forget(self, before: datetime) -> int:
        """As the port promises."""
        return (await self._tx.connection.execute(_FORGET, {"before": before})).rowcount

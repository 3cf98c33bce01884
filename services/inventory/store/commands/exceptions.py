"""What waits for a person, and what people decided, on PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.commands.verdicts import Ruling, Verdict
from services.inventory.ports import ExceptionRow
from services.inventory.store.commands.rows import COLUMNS, command_of

_WAITS = "stage IN ('proposed', 'approved') AND status = 'sent' AND jsonb_exists(holds, 'approval')"
# A need that has passed is nobody's task any more, whoever said no to it.
_ALARMED = "alarm IS NOT NULL AND (alarm NOT IN ('no-source', 'no-room') OR needed_at >= :now)"
_QUEUE = text(f"""
    WITH waiting AS (
        SELECT {COLUMNS}, coalesce(stake_cents, 0) AS money, {_WAITS} AS waits_for_approval FROM commands
        WHERE ({_WAITS}) OR ({_ALARMED})
    )
    SELECT waiting.*, coalesce(called.reason, waiting.holds ->> 'approval', '') AS why, coalesce(called.at, decided_at) AS since
    FROM waiting LEFT JOIN LATERAL (
        SELECT log.reason, log.at FROM command_log AS log
        WHERE log.command_id = waiting.command_id AND log.change = 'escalated' ORDER BY log.log_id DESC LIMIT 1
    ) AS called ON waiting.alarm IS NOT NULL AND NOT waiting.waits_for_approval
    WHERE (CAST(:which AS text) IS NULL OR :which = alarm OR (:which = 'approval' AND waits_for_approval))
      AND (CAST(:after_id AS text) IS NULL OR (-money, command_id COLLATE "C") > (-CAST(:after_money AS bigint), :after_id))
    ORDER BY -money, command_id COLLATE "C" LIMIT :page
""")  # noqa: S608  # our own columns and conditions
_DECIDED = text("""
    SELECT ruling, packs, reason, decided_by FROM command_decisions WHERE command_id = :command_id AND version = :version
""")
_NOTE = text("""
    INSERT INTO command_decisions (command_id, version, ruling, packs, reason, decided_by, decided_at)
    VALUES (:command_id, :version, :ruling, :packs, :reason, :decided_by, :decided_at)
""")
_REACHED = text("SELECT max(reached_at) FROM reviews")


class PostgresExceptions:
    """Fits ExceptionStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def queue(
        self, which: str | None, now: datetime, after: tuple[int, str] | None, limit: int
    ) -> Sequence[ExceptionRow]:
        """Most money first."""
        money, command_id = after or (0, None)
        parameters = {"which": which, "now": now, "after_money": money, "after_id": command_id, "page": limit}
        rows = await self._tx.connection.execute(_QUEUE, parameters)
        return [ExceptionRow(command=command_of(row), reason=row.why, since=row.since) for row in rows]

    async def decided(self, command_id: str, version: int) -> Verdict | None:
        """What was decided on this version."""
        found = await self._tx.connection.execute(_DECIDED, {"command_id": command_id, "version": version})
        row = found.one_or_none()
        if row is None:
            return None
        return Verdict(ruling=Ruling(row.ruling), by=row.decided_by, packs=row.packs, reason=row.reason)

    async def note(self, command_id: str, version: int, verdict: Verdict, at: datetime) -> None:
        """Remember a decision."""
        values = {
            "command_id": command_id,
            "version": version,
            "ruling": verdict.ruling.value,
            "packs": verdict.packs,
            "reason": verdict.reason,
            "decided_by": verdict.by,
            "decided_at": at,
        }
        await self._tx.connection.execute(_NOTE, values)

    async def reached_at(self) -> datetime | None:
        """The event time of the last review."""
        reached: datetime | None = (await self._tx.connection.execute(_REACHED)).scalar_one()
        return reached

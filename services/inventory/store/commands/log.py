"""The log of what happened to commands, on PostgreSQL: written beside each change, numbered after the commit, read by position."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.commands.changes import Change, What
from services.inventory.ports import LogFilter, LoggedChange, LogPage
from services.inventory.store.columns import columns
from services.inventory.store.commands.rows import command_of

_COPIED: Mapping[str, str] = {
    "command_id": "text",
    "version": "integer",
    "kind": "text",
    "item_id": "text",
    "store_id": "text",
    "from_store_id": "text",
    "supplier_id": "text",
    "lane_id": "text",
    "quantity_milli": "bigint",
    "packs": "integer",
    "cost_cents": "bigint",
    "promised_milli": "bigint",
    "shipped_milli": "bigint",
    "received_milli": "bigint",
    "decided_at": "timestamptz",
    "needed_at": "timestamptz",
    "valid_until": "timestamptz",
    "expected_at": "timestamptz",
    "attempts": "integer",
    "explanation": "text",
}
_COLUMNS: Mapping[str, str] = {
    "at": "timestamptz",
    "change": "text",
    "actor": "text",
    "reason": "text",
    "state": "text",
    **_COPIED,
}
_READ = f"position, at, change, actor, reason, state AS status, {', '.join(_COPIED)}"
_ADD = text(f"""
    INSERT INTO command_log ({", ".join(_COLUMNS)})
    SELECT * FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())})
""")  # noqa: S608  # our own columns
# Two statements on purpose: what the numbering before this one committed must be seen by the snapshot of the second.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext(:lock_name))")
_NUMBER = text("""
    WITH waiting AS (SELECT log_id FROM command_log WHERE position IS NULL ORDER BY log_id LIMIT :page),
    numbered AS (SELECT log_id, nextval('command_log_positions') AS position FROM waiting ORDER BY log_id)
    UPDATE command_log SET position = numbered.position FROM numbered WHERE command_log.log_id = numbered.log_id
""")
_ENDS = text(
    "SELECT coalesce(max(position), 0) AS head, coalesce(min(position), 1) AS first FROM command_log WHERE position IS NOT NULL"
)
_PAGE = text(f"""
    SELECT {_READ} FROM command_log
    WHERE position > :after AND position <= :head
      AND (CAST(:changes AS text[]) IS NULL OR change = ANY(CAST(:changes AS text[])))
      AND (CAST(:kind AS text) IS NULL OR kind = :kind)
      AND (CAST(:item_id AS text) IS NULL OR item_id = :item_id)
      AND (CAST(:store_id AS text) IS NULL OR :store_id IN (store_id, from_store_id))
      AND (CAST(:supplier_id AS text) IS NULL OR supplier_id = :supplier_id)
    ORDER BY position LIMIT :page
""")  # noqa: S608  # our own columns
_HISTORY = text(f"SELECT {_READ} FROM command_log WHERE command_id = :command_id ORDER BY log_id")  # noqa: S608  # our own columns
UNNUMBERED = text("SELECT EXISTS (SELECT FROM command_log WHERE position IS NULL)")
_FORGET = text("""
    DELETE FROM command_log WHERE log_id IN (
        SELECT log_id FROM command_log WHERE position IS NOT NULL AND at < :before ORDER BY at LIMIT :most)
""")


class PostgresCommandLog:
    """Fits CommandLog."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, changes: Sequence[Change]) -> None:
        """Write changes, in order."""
        if changes:
            await self._tx.connection.execute(_ADD, columns(tuple(_COLUMNS), [_row(change) for change in changes]))

    async def number(self, limit: int = 1_000) -> int:
        """Give positions to committed entries."""
        await self._tx.connection.execute(_ONE_AT_A_TIME, {"lock_name": f"{self._tx.schema}.command_log"})
        done = await self._tx.connection.execute(_NUMBER, {"page": limit})
        return int(done.rowcount)

    async def ends(self) -> tuple[int, int]:
        """The first position that is kept, and the last."""
        row = (await self._tx.connection.execute(_ENDS)).one()
        return int(row.first), int(row.head)

    async def read(self, after: int, wanted: LogFilter, limit: int) -> LogPage:
        """Entries above `after`."""
        _, head = await self.ends()
        parameters = {
            "after": after,
            "head": head,
            "changes": sorted(wanted.changes) if wanted.changes else None,
            "kind": wanted.kind,
            "item_id": wanted.item_id,
            "store_id": wanted.store_id,
            "supplier_id": wanted.supplier_id,
            "page": limit,
        }
        found = [_entry(row) for row in await self._tx.connection.execute(_PAGE, parameters)]
        is_full = len(found) == limit
        return LogPage(entries=found, reached=found[-1].position if is_full else max(head, after), is_full=is_full)

    async def history(self, command_id: str) -> Sequence[LoggedChange]:
        """All that happened to one command, in order."""
        return [_entry(row) for row in await self._tx.connection.execute(_HISTORY, {"command_id": command_id})]

    async def forget(self, before: datetime, most: int) -> int:
        """Remove entries that are older, the oldest first."""
        return int((await self._tx.connection.execute(_FORGET, {"before": before, "most": most})).rowcount)


def _row(change: Change) -> list[Any]:
    command = change.command
    copied = [getattr(command, name) for name in _COPIED]
    copied[list(_COPIED).index("kind")] = command.kind.value
    return [change.at, change.what.value, change.actor, change.reason, command.status.word, *copied]


def _entry(row: Any) -> LoggedChange:
    command = command_of(row, names=(*_COPIED, "status"))
    change = Change(command=command, what=What(row.change), actor=row.actor, at=row.at, reason=row.reason)
    return LoggedChange(position=row.position or 0, change=change)

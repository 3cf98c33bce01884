"""Commands and answers on PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.command import STATUSES, Answer, Command, Kind
from services.inventory.store.columns import columns

_COLUMNS: Mapping[str, str] = {
    "command_id": "text",
    "version": "integer",
    "kind": "text",
    "status": "text",
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
    "explanation": "text",
}
COLUMNS = ", ".join(_COLUMNS)
_LOCK = text(f"""
    SELECT {COLUMNS} FROM commands WHERE command_id = ANY(CAST(:command_ids AS text[])) ORDER BY command_id FOR UPDATE
""")  # noqa: S608  # our own columns
_ITEMS = text("SELECT command_id, item_id FROM commands WHERE command_id = ANY(CAST(:command_ids AS text[]))")
_SAVE = text(f"""
    INSERT INTO commands ({COLUMNS})
    SELECT * FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())})
    ON CONFLICT (command_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in list(_COLUMNS)[1:])}
""")  # noqa: S608  # our own columns
_REMEMBER = text("""
    INSERT INTO acknowledgements (command_id, version, status, quantity_milli, expected_at, reason, answered_at)
    SELECT * FROM unnest(CAST(:command_id AS text[]), CAST(:version AS integer[]), CAST(:status AS text[]),
                         CAST(:quantity_milli AS bigint[]), CAST(:expected_at AS timestamptz[]), CAST(:reason AS text[]),
                         CAST(:answered_at AS timestamptz[])) AS new (command_id, version, status)
    ORDER BY 1, 2, 3
    ON CONFLICT (command_id, version, status) DO NOTHING
    RETURNING command_id, version, status
""")


class PostgresCommands:
    """Fits CommandStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def lock(self, command_ids: Collection[str]) -> Mapping[str, Command]:
        """Those that exist, locked until the commit."""
        if not command_ids:
            return {}
        rows = await self._tx.connection.execute(_LOCK, {"command_ids": sorted(set(command_ids))})
        return {row.command_id: command_of(row) for row in rows}

    async def items_of(self, command_ids: Collection[str]) -> Mapping[str, str]:
        """The item of each command that exists."""
        if not command_ids:
            return {}
        rows = await self._tx.connection.execute(_ITEMS, {"command_ids": sorted(set(command_ids))})
        return {row.command_id: row.item_id for row in rows}

    async def save(self, commands: Collection[Command]) -> None:
        """Insert or replace, in the order of ids."""
        if not commands:
            return
        rows = [_row(command) for command in sorted(commands, key=lambda one: one.command_id)]
        await self._tx.connection.execute(_SAVE, columns(tuple(_COLUMNS), rows))

    async def remember(self, answers: Sequence[tuple[Answer, str | None, datetime]]) -> Sequence[Answer]:
        """Note answers; returns those not noted before, of repeats within the call the first."""
        if not answers:
            return ()
        first: dict[tuple[str, int, str], tuple[Answer, str | None, datetime]] = {}
        for answer, reason, at in answers:
            first.setdefault((answer.command_id, answer.version, answer.status), (answer, reason, at))
        names = ("command_id", "version", "status", "quantity_milli", "expected_at", "reason", "answered_at")
        rows = [(*key, one.quantity_milli, one.expected_at, reason, at) for key, (one, reason, at) in first.items()]
        found = await self._tx.connection.execute(_REMEMBER, columns(names, rows))
        new = {(row.command_id, row.version, row.status) for row in found}
        return [answer for key, (answer, _, _) in first.items() if key in new]


def command_of(row: Any) -> Command:
    """The command in a row."""
    fields = dict(row._mapping)  # noqa: SLF001  # a Row's public mapping
    return Command(**{**fields, "kind": Kind(row.kind), "status": STATUSES[row.status]})


def _row(command: Command) -> list[Any]:
    values = {name: getattr(command, name) for name in _COLUMNS}
    return list((values | {"kind": command.kind.value, "status": command.status.word}).values())

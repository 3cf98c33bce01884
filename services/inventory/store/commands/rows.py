"""Commands and answers on PostgreSQL."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.commands.approval import Usual
from services.inventory.domain.commands.basis import Basis, DepotNeed, Exchange, Need
from services.inventory.domain.commands.command import STATUSES, Answer, Command, Hold, Kind
from services.inventory.domain.commands.settling import Place
from services.inventory.store.columns import columns, tuples_of

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
    "stage": "text",
    "holds": "jsonb",
    "approved_by": "text",
    "sent_at": "timestamptz",
    "attempts": "integer",
    "changed_at": "timestamptz",
    "alarm": "text",
    "refused": "jsonb",
    "stake_cents": "bigint",
    "basis": "jsonb",
}
_FIELDS = tuple(name for name in _COLUMNS if name != "stage")
COLUMNS = ", ".join("state AS status" if name == "status" else name for name in _FIELDS)
"""What command_of reads."""
_LOCK = text(f"""
    SELECT {COLUMNS} FROM commands WHERE command_id = ANY(CAST(:command_ids AS text[])) ORDER BY command_id FOR UPDATE
""")  # noqa: S608  # our own columns
_ITEMS = text("SELECT command_id, item_id FROM commands WHERE command_id = ANY(CAST(:command_ids AS text[]))")
_JSON = frozenset(name for name, kind in _COLUMNS.items() if kind == "jsonb")
_SAVE = text(f"""
    INSERT INTO commands ({", ".join(_COLUMNS)})
    SELECT {", ".join(f"CAST({name} AS jsonb)" if name in _JSON else name for name in _COLUMNS)}
    FROM unnest({", ".join(f"CAST(:{name} AS {'text' if name in _JSON else kind}[])" for name, kind in _COLUMNS.items())})
         AS new ({", ".join(_COLUMNS)})
    ON CONFLICT (command_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in list(_COLUMNS)[1:])}
""")  # noqa: S608  # our own columns
# Beside the index: what old commands asked for counts whatever became of them, unless nobody ever saw them.
_USUAL = text("""
    SELECT wanted.kind, wanted.item_id, wanted.store_id, count(*) AS commands, avg(commands.quantity_milli)::bigint AS quantity_milli
    FROM unnest(CAST(:kind AS text[]), CAST(:item_id AS text[]), CAST(:store_id AS text[]), CAST(:command_id AS text[]))
         AS wanted (kind, item_id, store_id, command_id)
    JOIN commands ON commands.item_id = wanted.item_id AND commands.store_id = wanted.store_id
     AND commands.kind = wanted.kind AND commands.command_id <> wanted.command_id
    WHERE commands.needed_at >= :since AND commands.sent_at IS NOT NULL
    GROUP BY 1, 2, 3
""")
_WAITING = text(f"""
    SELECT {COLUMNS} FROM commands
    WHERE stage IN ('proposed', 'approved') AND status = 'sent'
      AND (CAST(:hold AS text) IS NULL OR jsonb_exists(holds, :hold))
      AND (CAST(:lane_id AS text) IS NULL OR lane_id = :lane_id)
    ORDER BY command_id LIMIT :page
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
        return {row.command_id: command_of(row) for row in tuples_of(rows)}

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

    async def usual(self, commands: Collection[Command], since: datetime) -> Mapping[Place, Usual]:
        """What was asked for since then, by kind, item and store."""
        names = ("kind", "item_id", "store_id", "command_id")
        wanted = [(one.kind.value, one.item_id, one.store_id, one.command_id) for one in commands]
        rows = await self._tx.connection.execute(_USUAL, {**columns(names, wanted), "since": since})
        return {
            (row.kind, row.item_id, row.store_id): Usual(commands=row.commands, quantity_milli=row.quantity_milli)
            for row in rows
        }

    async def waiting(self, hold: str | None, lane_id: str | None = None, limit: int = 10_000) -> Sequence[Command]:
        """Proposals in the order of ids."""
        parameters = {"hold": hold, "lane_id": lane_id, "page": limit}
        return [command_of(row) for row in await self._tx.connection.execute(_WAITING, parameters)]


def command_of(row: Any, names: Sequence[str] = _FIELDS) -> Command:
    """The command in a row, as far as these of its columns say."""
    values = {name: getattr(row, name) for name in names}
    for name, read in _READERS.items():
        if name in values:
            values[name] = read(values[name])
    if values.get("basis") is not None:
        values["basis"] = msgspec.convert(values["basis"], _shape(values["kind"], values["basis"]), strict=False)
    return Command(**values)


def _shape(kind: Kind, basis: Mapping[str, Any]) -> type[Basis]:
    if kind is not Kind.REORDER:
        return Exchange
    return DepotNeed if "unserved" in basis else Need


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "kind": Kind,
    "status": STATUSES.__getitem__,
    "holds": lambda holds: tuple(Hold(by, reason) for by, reason in sorted(holds.items())),
    "refused": tuple,
}


_BY_LINKS = {"predecessor", "stands_in_milli", "served_else"}


def _row(command: Command) -> list[Any]:
    status = command.status
    own = {
        "kind": command.kind.value,
        "status": status.known_before,
        "stage": status.word if status.word != status.known_before else None,
        "holds": _json({hold.by: hold.reason for hold in command.holds}),
        "refused": _json(command.refused),
        "basis": None if command.basis is None else _basis(command.basis),
    }
    return [own[name] if name in own else getattr(command, name) for name in _COLUMNS]


def _basis(basis: Basis) -> str:
    """Its figures; what links add is left out where there are none."""
    figures = msgspec.to_builtins(basis)
    return _json({name: value for name, value in figures.items() if value or name not in _BY_LINKS})


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()

"""Trading partners, their interchanges and orders on PostgreSQL."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text

from libs.common.errors import Conflict
from libs.common.persistence import Transaction
from services.inventory.domain.edi.documents import Format, Partner, Party
from services.inventory.ports.edi import Interchange, KnownPartner, WrittenOrder

_PARTNER = (
    "partner_id", "supplier_id", "format", "our_id", "our_qualifier", "their_id", "their_qualifier", "character_set",
    "currency", "time_zone", "is_test", "store_codes",
)  # fmt: skip
_VALUES = ", ".join(f"CAST(:{name} AS jsonb)" if name == "store_codes" else f":{name}" for name in _PARTNER)
_PUT = text(f"""
    INSERT INTO edi_partners ({", ".join(_PARTNER)}, cursor, created_at) VALUES ({_VALUES}, :cursor, :now)
    ON CONFLICT (partner_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _PARTNER[1:])}
""")  # noqa: S608  # our own columns
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext(:lock_name))")
_TAKEN = text("SELECT partner_id FROM edi_partners WHERE supplier_id = :supplier_id AND partner_id <> :partner_id")
_SELECT = f"SELECT {', '.join(_PARTNER)}, cursor, last_control FROM edi_partners"  # noqa: S608  # our own columns
_PARTNERS = text(f"{_SELECT} ORDER BY partner_id")
_ONE = text(f"{_SELECT} WHERE partner_id = :partner_id")
_LOCK = text(f"{_SELECT} WHERE partner_id = :partner_id FOR UPDATE")
_ADVANCE = text("UPDATE edi_partners SET cursor = :cursor, last_control = :last_control WHERE partner_id = :partner_id")
_HEAD = "interchange_id, partner_id, direction, kind, state, control_reference, detail, outcome, at"
_ADD = text("""
    INSERT INTO edi_interchanges (partner_id, direction, kind, state, control_reference, detail, raw, digest, outcome, at, changed_at)
    VALUES (:partner_id, :direction, :kind, :state, :control_reference, :detail, :raw, :digest, CAST(:outcome AS jsonb), :at, :at)
    RETURNING interchange_id
""")
_SEEN = text(f"""
    SELECT {_HEAD}, raw FROM edi_interchanges WHERE partner_id = :partner_id AND direction = 'in' AND digest = :digest
""")  # noqa: S608  # our own columns
_BY_REFERENCE = text(f"""
    SELECT {_HEAD}, raw FROM edi_interchanges
    WHERE partner_id = :partner_id AND direction = :direction AND control_reference = :reference AND state <> 'refused'
""")  # noqa: S608  # our own columns
_INTERCHANGE = text(f"SELECT {_HEAD}, raw FROM edi_interchanges WHERE interchange_id = :interchange_id")  # noqa: S608  # our own columns
_LOCKED = text(f"SELECT {_HEAD}, raw FROM edi_interchanges WHERE interchange_id = :interchange_id FOR UPDATE")  # noqa: S608  # our own columns
_JUDGE = text("""
    UPDATE edi_interchanges SET state = :state, control_reference = :control_reference, detail = :detail,
                                outcome = CAST(:outcome AS jsonb), changed_at = :now
    WHERE interchange_id = :interchange_id
""")
_INTERCHANGES = text(f"""
    SELECT {_HEAD}, ''::bytea AS raw FROM edi_interchanges
    WHERE partner_id = :partner_id AND interchange_id > :after
      AND (CAST(:direction AS text) IS NULL OR direction = :direction)
      AND (CAST(:state AS text) IS NULL OR state = :state)
    ORDER BY interchange_id LIMIT :page
""")  # noqa: S608  # our own columns
_MOVE = text("""
    UPDATE edi_interchanges SET state = :state, detail = :detail, changed_at = :now WHERE interchange_id = :interchange_id
""")
_NOTE = text("""
    INSERT INTO edi_orders (partner_id, order_number, version, command_id, item_id, interchange_id)
    VALUES (:partner_id, :order_number, :version, :command_id, :item_id, :interchange_id)
    ON CONFLICT (partner_id, order_number, version) DO NOTHING
""")
_ORDERS = text("""
    SELECT order_number, version, command_id, item_id, edi_orders.interchange_id, state <> 'waiting' AS is_fetched
    FROM edi_orders JOIN edi_interchanges USING (interchange_id)
    WHERE edi_orders.partner_id = :partner_id AND order_number = ANY(CAST(:order_numbers AS text[]))
    ORDER BY order_number, version
""")
_UNITS = text("SELECT item_id, unit FROM items WHERE item_id = ANY(CAST(:item_ids AS text[]))")
_WAITING = text("""
    SELECT partner_id, count(*)::float8 AS waiting FROM edi_interchanges WHERE state = 'waiting' GROUP BY partner_id
""")
_encode = msgspec.json.Encoder().encode


class PostgresEdi:
    """Fits EdiStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put_partner(self, partner: Partner, cursor: int, now: datetime) -> None:
        """Make or change one; a change leaves its cursor where it is."""
        named = {"supplier_id": partner.supplier_id, "partner_id": partner.partner_id}
        # Of two that name one supplier at once the second must see the first.
        await self._tx.connection.execute(_ONE_AT_A_TIME, {"lock_name": f"{self._tx.schema}.edi_partners"})
        taken = (await self._tx.connection.execute(_TAKEN, named)).scalar_one_or_none()
        if taken is not None:
            raise Conflict(f"the partner {taken} has this supplier", slug="supplier-taken")
        values = {
            **named,
            "format": partner.format.value,
            "our_id": partner.ours.id,
            "our_qualifier": partner.ours.qualifier,
            "their_id": partner.theirs.id,
            "their_qualifier": partner.theirs.qualifier,
            "character_set": partner.character_set,
            "currency": partner.currency,
            "time_zone": partner.time_zone,
            "is_test": partner.is_test,
            "store_codes": _encode(partner.store_codes).decode(),
        }
        await self._tx.connection.execute(_PUT, {**values, "cursor": cursor, "now": now})

    async def partners(self) -> Sequence[KnownPartner]:
        """All of them."""
        return [_partner(row) for row in await self._tx.connection.execute(_PARTNERS)]

    async def partner(self, partner_id: str, *, lock: bool = False) -> KnownPartner | None:
        """One of them."""
        found = await self._tx.connection.execute(_LOCK if lock else _ONE, {"partner_id": partner_id})
        row = found.one_or_none()
        return None if row is None else _partner(row)

    async def advance(self, partner_id: str, cursor: int, last_control: int) -> None:
        """Note how far a locked partner is."""
        values = {"partner_id": partner_id, "cursor": cursor, "last_control": last_control}
        await self._tx.connection.execute(_ADVANCE, values)

    async def add(self, interchange: Interchange) -> int:
        """Keep an interchange; its id."""
        values = {
            "partner_id": interchange.partner_id,
            "direction": interchange.direction,
            "kind": interchange.kind,
            "state": interchange.state,
            "control_reference": interchange.control_reference,
            "detail": interchange.detail,
            "raw": interchange.raw,
            "digest": _digest(interchange.raw),
            "outcome": _encode(interchange.outcome).decode(),
            "at": interchange.at,
        }
        return int((await self._tx.connection.execute(_ADD, values)).scalar_one())

    async def seen(self, partner_id: str, raw: bytes) -> Interchange | None:
        """An interchange with these bytes that came in before."""
        return await self._one(_SEEN, partner_id=partner_id, digest=_digest(raw))

    async def by_reference(self, partner_id: str, direction: str, control_reference: str) -> Interchange | None:
        """The one of this control reference that is in force."""
        return await self._one(_BY_REFERENCE, partner_id=partner_id, direction=direction, reference=control_reference)

    async def interchange(self, interchange_id: int, *, lock: bool = False) -> Interchange | None:
        """One of them."""
        return await self._one(_LOCKED if lock else _INTERCHANGE, interchange_id=interchange_id)

    async def judge(self, interchange: Interchange, now: datetime) -> None:
        """Replace what one that came in was found to be."""
        values = {
            "interchange_id": interchange.interchange_id,
            "state": interchange.state,
            "control_reference": interchange.control_reference,
            "detail": interchange.detail,
            "outcome": _encode(interchange.outcome).decode(),
            "now": now,
        }
        await self._tx.connection.execute(_JUDGE, values)

    async def interchanges(
        self, partner_id: str, direction: str | None, state: str | None, after: int, limit: int
    ) -> Sequence[Interchange]:
        """Those above `after`."""
        wanted = {"partner_id": partner_id, "direction": direction, "state": state, "after": after, "page": limit}
        return [Interchange(**row._mapping) for row in await self._tx.connection.execute(_INTERCHANGES, wanted)]  # noqa: SLF001  # a Row's public mapping

    async def move(self, interchange_id: int, state: str, detail: str, now: datetime) -> None:
        """Give one another state."""
        values = {"interchange_id": interchange_id, "state": state, "detail": detail, "now": now}
        await self._tx.connection.execute(_MOVE, values)

    async def note_orders(self, partner_id: str, orders: Collection[WrittenOrder]) -> None:
        """Remember which orders stand for which commands."""
        rows = [
            {
                "partner_id": partner_id,
                "order_number": order.order_number,
                "version": order.version,
                "command_id": order.command_id,
                "item_id": order.item_id,
                "interchange_id": order.interchange_id,
            }
            for order in orders
        ]
        if rows:
            await self._tx.connection.execute(_NOTE, rows)

    async def orders(self, partner_id: str, order_numbers: Collection[str]) -> Sequence[WrittenOrder]:
        """All versions of these orders."""
        wanted = {"partner_id": partner_id, "order_numbers": sorted(set(order_numbers))}
        return [WrittenOrder(**row._mapping) for row in await self._tx.connection.execute(_ORDERS, wanted)]  # noqa: SLF001  # a Row's public mapping

    async def units(self, item_ids: Collection[str]) -> Mapping[str, str]:
        """The unit in which each item is counted."""
        found = await self._tx.connection.execute(_UNITS, {"item_ids": sorted(set(item_ids))})
        return {row.item_id: row.unit for row in found}

    async def waiting(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """What metrics show."""
        found = await self._tx.connection.execute(_WAITING)
        return {"edi_waiting": {(row.partner_id,): row.waiting for row in found}}

    async def _one(self, query: Any, **wanted: Any) -> Interchange | None:
        row = (await self._tx.connection.execute(query, wanted)).one_or_none()
        return None if row is None else Interchange(**row._mapping)  # noqa: SLF001  # a Row's public mapping


def _digest(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def _partner(row: Any) -> KnownPartner:
    return KnownPartner(
        partner=Partner(
            partner_id=row.partner_id,
            supplier_id=row.supplier_id,
            format=Format(row.format),
            ours=Party(row.our_id, row.our_qualifier),
            theirs=Party(row.their_id, row.their_qualifier),
            character_set=row.character_set,
            currency=row.currency,
            time_zone=row.time_zone,
            is_test=row.is_test,
            store_codes=row.store_codes,
        ),
        cursor=row.cursor,
        last_control=row.last_control,
    )

"""Links between items on PostgreSQL, and their snapshot for the day that is closed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec
from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.closing.links import ClosingLinks, ItemLink, Tie
from services.inventory.domain.commands.command import Command
from services.inventory.ports.links import LinkRow
from services.inventory.store.commands.rows import COLUMNS, command_of

START_UP_DAYS = 84
"""For so long after its first day an item may sell as those that it looks like."""

_COLUMNS = "link_id, kind, item_id, other_ids, first_day, ratio, handed_day, served, missed"
_ONE_AT_A_TIME = text("LOCK TABLE item_links IN SHARE ROW EXCLUSIVE MODE")
_IN_FORCE = text(f"SELECT {_COLUMNS} FROM item_links WHERE NOT cancelled ORDER BY link_id")  # noqa: S608  # our own columns
# Tied to other items, a link begins anew.
_KEEP = text(
    """
    INSERT INTO item_links (link_id, kind, item_id, other_ids, first_day, ratio, cancelled, occurred_at, event_id)
    VALUES (:link_id, :kind, :item_id, :other_ids, :first_day, :ratio, :cancelled, :occurred_at, :event_id)
    ON CONFLICT (link_id) DO UPDATE
    SET kind = excluded.kind, item_id = excluded.item_id, other_ids = excluded.other_ids, first_day = excluded.first_day,
        ratio = excluded.ratio, cancelled = excluded.cancelled, occurred_at = excluded.occurred_at, event_id = excluded.event_id,
        handed_day = CASE WHEN same.same AND NOT excluded.cancelled THEN item_links.handed_day END,
        served = CASE WHEN same.same THEN item_links.served ELSE 0 END,
        missed = CASE WHEN same.same THEN item_links.missed ELSE 0 END
    WHERE (item_links.occurred_at, item_links.event_id) < (excluded.occurred_at, excluded.event_id)
""".replace(
        "same.same",
        "(item_links.kind, item_links.item_id, item_links.other_ids) = (excluded.kind, excluded.item_id, excluded.other_ids)",
    )
)
_ACTIVE = text(f"""
    SELECT {_COLUMNS} FROM item_links
    WHERE NOT cancelled AND coalesce(first_day <= :day + 1, true)
      AND (kind <> 'looks_like' OR EXISTS (SELECT FROM stock WHERE stock.item_id = item_links.item_id
                                           HAVING min(stock.first_day) > :day - {START_UP_DAYS}))
    ORDER BY link_id
""")  # noqa: S608  # our own columns
# The new item stands wherever the old one does: nothing of it was there before, so its book begins with nothing.
_SHELVES = text("""
    INSERT INTO stock (item_id, store_id, first_day)
    SELECT items.item_id, old.store_id, :day FROM stock AS old
    JOIN items ON items.item_id = :new_id AND items.stock_keeping
    WHERE old.item_id = :old_id AND old.first_day <= :day ORDER BY old.store_id
    ON CONFLICT (item_id, store_id) DO NOTHING
""")
_TOUCH = text("""
    INSERT INTO agenda (item_id, due_at) SELECT item_id, '-infinity' FROM items WHERE item_id = :new_id
    ON CONFLICT (item_id) DO UPDATE SET due_at = excluded.due_at
""")
_LIST = text("""
    INSERT INTO item_learning (item_id) SELECT items.item_id FROM items
    WHERE items.item_id = :new_id AND items.stock_keeping
      AND EXISTS (SELECT FROM stock WHERE stock.item_id = items.item_id)
    ON CONFLICT (item_id) DO NOTHING
""")
_LISTED = text("SELECT item_id FROM item_learning WHERE item_id = ANY(CAST(:item_ids AS text[]))")
_SNAPSHOT = text("UPDATE closes SET links = CAST(:links AS jsonb) WHERE day = :day")
_OF_CLOSE = text("SELECT links FROM closes WHERE day = :day")
_CLAIM = text("""
    SELECT item_id FROM item_learning
    WHERE item_id = ANY(CAST(:item_ids AS text[])) AND learned_day < :day ORDER BY item_id FOR UPDATE
""")
_OPEN_COMMANDS = text(f"""
    SELECT {COLUMNS} FROM commands
    WHERE item_id = ANY(CAST(:item_ids AS text[])) AND status NOT IN ('rejected', 'closed', 'expired') ORDER BY command_id
""")  # noqa: S608  # our own columns
_LEARNED = text(
    "UPDATE item_links SET handed_day = :handed_day, served = :served, missed = :missed WHERE link_id = :link_id"
)


class Snapshot(msgspec.Struct, frozen=True):
    """What `closes.links` holds."""

    links: list[ItemLink]
    listed: list[str]


class PostgresLinks:
    """Fits LinkStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def in_force(self) -> Sequence[ItemLink]:
        """As the port promises."""
        await self._tx.connection.execute(_ONE_AT_A_TIME)
        return [_link(row) for row in await self._tx.connection.execute(_IN_FORCE)]

    async def keep(self, row: LinkRow) -> None:
        """Keep what is newer."""
        own = asdict(row.link)
        values = {name: own[name] for name in ("link_id", "item_id", "first_day", "ratio")}
        more = {"kind": row.link.tie.value, "other_ids": list(row.link.other_ids), "cancelled": row.cancelled}
        at = {"occurred_at": row.occurred_at, "event_id": row.event_id}
        await self._tx.connection.execute(_KEEP, {**values, **more, **at})

    async def of_close(self, day: int) -> ClosingLinks:
        """Those that the day was opened with."""
        kept = (await self._tx.connection.execute(_OF_CLOSE, {"day": day})).scalar()
        if kept is None:
            return ClosingLinks()
        snapshot = msgspec.convert(kept, Snapshot)
        return ClosingLinks.of(snapshot.links, set(snapshot.listed))

    async def claim(self, day: int, item_ids: Sequence[str]) -> Sequence[str]:
        """As the port promises; only who holds a family's first item asks for the others, so nobody waits in a circle."""
        if not item_ids:
            return ()
        found = await self._tx.connection.execute(_CLAIM, {"day": day, "item_ids": list(item_ids)})
        return sorted(found.scalars())

    async def open_commands(self, item_ids: Collection[str]) -> Mapping[str, Sequence[Command]]:
        """As the port promises, in the order of ids."""
        found: dict[str, list[Command]] = {}
        if item_ids:
            for row in await self._tx.connection.execute(_OPEN_COMMANDS, {"item_ids": sorted(item_ids)}):
                found.setdefault(row.item_id, []).append(command_of(row))
        return found

    async def learned(self, links: Sequence[ItemLink]) -> None:
        """As the port promises, in the order of ids."""
        values = [
            {"link_id": one.link_id, "handed_day": one.handed_day, "served": one.served, "missed": one.missed}
            for one in sorted(links, key=lambda one: one.link_id)
        ]
        if values:
            await self._tx.connection.execute(_LEARNED, values)


async def open_with_links(tx: Transaction, day: int) -> None:
    """As the day is opened: give new items their shelves and keep the links in force, so that all who close it see the same."""
    links = [_link(row) for row in await tx.connection.execute(_ACTIVE, {"day": day})]
    if not links:
        return
    for link in links:
        if link.tie is Tie.SUPERSEDES:
            new = {"new_id": link.item_id}
            await tx.connection.execute(_TOUCH, new)
            await tx.connection.execute(_SHELVES, {**new, "old_id": link.other_ids[0], "day": day})
            await tx.connection.execute(_LIST, new)
    named = sorted({item_id for link in links for item_id in link.item_ids})
    listed = sorted((await tx.connection.execute(_LISTED, {"item_ids": named})).scalars())
    snapshot = msgspec.json.encode(Snapshot(links, listed)).decode()
    await tx.connection.execute(_SNAPSHOT, {"day": day, "links": snapshot})


def _link(row: Any) -> ItemLink:
    return ItemLink(
        link_id=row.link_id,
        tie=Tie(row.kind),
        item_id=row.item_id,
        other_ids=tuple(row.other_ids),
        first_day=row.first_day,
        ratio=row.ratio,
        handed_day=row.handed_day,
        served=row.served,
        missed=row.missed,
    )

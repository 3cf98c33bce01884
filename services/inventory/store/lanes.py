"""Rounds of lanes, on PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.catalog import Lane, ShelfFacts
from services.inventory.domain.lanes.stage import Shelving
from services.inventory.domain.policies.classes import PolicyBook
from services.inventory.ports.lanes import LaneRound
from services.inventory.store.catalog import ITEM_FACTS, item_facts
from services.inventory.store.columns import columns
from services.inventory.store.policies import read_book, read_lanes

_WAITING = text("""
    SELECT lane_id, min(decided_at) AS since FROM commands
    WHERE stage IN ('proposed', 'approved') AND status = 'sent' AND jsonb_exists(holds, 'lane:' || lane_id)
    GROUP BY lane_id ORDER BY lane_id
""")
_BEGIN = text("""
    INSERT INTO lane_rounds (lane_id, closed_at, decided_at) VALUES (:lane_id, :closed_at, :now) ON CONFLICT DO NOTHING
""")
_SHELVINGS = text(f"""
    SELECT {ITEM_FACTS}, wanted.store_id, shelf_facts.capacity_milli, shelf_facts.presentation_milli
    FROM unnest(CAST(:item_id AS text[]), CAST(:store_id AS text[])) AS wanted (item_id, store_id)
    JOIN items ON items.item_id = wanted.item_id
    LEFT JOIN shelf_facts ON shelf_facts.item_id = wanted.item_id AND shelf_facts.store_id = wanted.store_id
""")  # noqa: S608  # our own expression
_KEEP = text("""
    UPDATE lane_rounds SET proposals = :proposals, sent = :sent, order_cents = :order_cents, value_cents = :value_cents,
                           gap_cents = :gap_cents, bound_by = :bound_by
    WHERE lane_id = :lane_id AND closed_at = :closed_at
""")
_ROUNDS = text("""
    SELECT lane_id, closed_at, decided_at, proposals, sent, order_cents, value_cents, gap_cents, bound_by FROM lane_rounds
    WHERE CAST(:lane_id AS text) IS NULL OR lane_id = :lane_id ORDER BY closed_at DESC, lane_id LIMIT :page
""")


class PostgresLaneRounds:
    """Fits LaneRoundStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def waiting_lanes(self) -> Mapping[str, datetime]:
        """Lanes whose proposals wait for their round, and since when the first does."""
        return {row.lane_id: row.since for row in await self._tx.connection.execute(_WAITING)}

    async def lanes(self) -> Mapping[str, Lane]:
        """All lanes by id."""
        return {lane.lane_id: lane for lane in await read_lanes(self._tx)}

    async def begin(self, lane_id: str, closed_at: datetime, now: datetime) -> bool:
        """Take this round: True once."""
        names = {"lane_id": lane_id, "closed_at": closed_at, "now": now}
        return (await self._tx.connection.execute(_BEGIN, names)).rowcount == 1

    async def shelvings(self, shelves: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Shelving]:
        """Items and shelf plan, by item and store."""
        rows = await self._tx.connection.execute(_SHELVINGS, columns(("item_id", "store_id"), sorted(set(shelves))))
        return {
            (row.item_id, row.store_id): Shelving(
                facts=item_facts(row),
                shelf=ShelfFacts(capacity_milli=row.capacity_milli, presentation_milli=row.presentation_milli),
            )
            for row in rows
        }

    async def book(self) -> PolicyBook:
        """The policies in force."""
        return await read_book(self._tx)

    async def keep(self, decided: LaneRound) -> None:
        """Write what a round came to."""
        names = asdict(decided)
        del names["decided_at"]
        await self._tx.connection.execute(_KEEP, {**names, "bound_by": list(decided.bound_by)})

    async def rounds(self, lane_id: str | None, limit: int) -> Sequence[LaneRound]:
        """The latest rounds, newest first."""
        rows = await self._tx.connection.execute(_ROUNDS, {"lane_id": lane_id, "page": limit})
        return [LaneRound(**{**row._mapping, "bound_by": tuple(row.bound_by)}) for row in rows]  # noqa: SLF001  # a Row's public mapping

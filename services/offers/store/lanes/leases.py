"""Leases in PostgreSQL: a row of a lane, a row of each campaign that it is lent money of, the money in the campaign's budget."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import TextClause, text

from libs.common.persistence import Transaction
from services.offers.domain.lanes.lease import Lease, Leased
from services.offers.domain.money import ledger
from services.offers.domain.money.budget import Budget
from services.offers.ports.lanes.leases import Exposure, KnownLease
from services.offers.ports.money import Cause
from services.offers.store.money.ledger import find_budget, post

LEASE_COLUMNS = """
    leases.lease_id, leases.store_id, leases.terminal_id, leases.granted_at, leases.ends_at, leases.kept_until, leases.ended_at,
    leases.entries
"""
"""What `lease_of` reads."""

_PUT = text("""
    INSERT INTO leases (lease_id, store_id, terminal_id, asked, asked_by, granted_at, ends_at, kept_until)
    VALUES (:lease_id, :store_id, :terminal_id, :asked, :asked_by, :granted_at, :ends_at, :kept_until)
    ON CONFLICT (lease_id) DO NOTHING
""")
_READ = f"""
    SELECT {LEASE_COLUMNS}, asked, asked_by, campaign_id, currency, accept_up_to_cents, granted_cents, left_cents
    FROM leases LEFT JOIN leased USING (lease_id)
"""  # noqa: S608  # columns of our own
_ONE = text(_READ + "WHERE lease_id = :lease_id ORDER BY campaign_id")
_OPEN = text(f"""
    {_READ} WHERE lease_id IN (
        SELECT lease_id FROM leases WHERE ended_at IS NULL
          AND (CAST(:lease_id AS text) IS NULL OR (granted_at, lease_id) > (CAST(:granted_at AS timestamptz), :lease_id))
        ORDER BY granted_at, lease_id LIMIT :limit)
    ORDER BY granted_at, lease_id, campaign_id
""")  # noqa: S608  # columns of our own
_LOCK = text("SELECT lease_id FROM leases WHERE lease_id = :lease_id FOR UPDATE")
_LOCK_DUE = text("""
    SELECT lease_id FROM leases WHERE ended_at IS NULL AND kept_until <= :now
    ORDER BY kept_until, lease_id LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_LANE_LEFT = text("""
    SELECT coalesce(sum(left_cents), 0)::bigint FROM leased JOIN leases USING (lease_id)
    WHERE store_id = :store_id AND terminal_id = :terminal_id AND ended_at IS NULL AND campaign_id = :campaign_id
""")
_LEND = text("""
    INSERT INTO leased (lease_id, campaign_id, currency, accept_up_to_cents, granted_cents, left_cents)
    VALUES (:lease_id, :campaign_id, :currency, :accept_up_to_cents, :cents, :cents)
""")
_END = text("UPDATE leases SET ended_at = :now WHERE lease_id = :lease_id AND ended_at IS NULL")
_NOTHING_LEFT = text("UPDATE leased SET left_cents = 0 WHERE lease_id = :lease_id")
_ADDS_ALL = text("SELECT set_config('statement_timeout', '30s', true)")  # every open lease of the chain
_EXPOSURE = text("""
    SELECT campaign_id, store_id, currency, count(*) AS leases, sum(left_cents)::bigint AS left_cents,
           count(*) FILTER (WHERE ends_at <= :now) AS over
    FROM leases JOIN leased USING (lease_id) WHERE ended_at IS NULL
    GROUP BY campaign_id, store_id, currency ORDER BY campaign_id, store_id
""")
_REACHED = text("SELECT reached_at FROM play_clock")


class PostgresLaneLeases:
    """Fits LeaseStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def reached_at(self) -> datetime | None:
        """As the port promises."""
        reached: datetime | None = (await self._tx.connection.execute(_REACHED)).scalar_one_or_none()
        return reached

    async def put(self, lease: Lease, asked: bytes, asked_by: str) -> bool:
        """As the port promises."""
        names = {
            "lease_id": lease.lease_id,
            "store_id": lease.store_id,
            "terminal_id": lease.terminal_id,
            "asked": asked,
            "asked_by": asked_by,
            "granted_at": lease.granted_at,
            "ends_at": lease.ends_at,
            "kept_until": lease.kept_until,
        }
        return (await self._tx.connection.execute(_PUT, names)).rowcount == 1

    async def one(self, lease_id: str) -> KnownLease | None:
        """As the port promises."""
        found = await self._read(_ONE, {"lease_id": lease_id})
        return found[0] if found else None

    async def lock(self, lease_id: str) -> KnownLease | None:
        """As the port promises."""
        await self._tx.connection.execute(_LOCK, {"lease_id": lease_id})
        return await self.one(lease_id)

    async def open(self, after: Lease | None, limit: int) -> Sequence[KnownLease]:
        """As the port promises."""
        last = {"lease_id": after.lease_id if after else None, "granted_at": after.granted_at if after else None}
        return await self._read(_OPEN, last | {"limit": limit})

    async def budget(self, campaign_id: str) -> Budget | None:
        """As the port promises."""
        return await find_budget(self._tx, campaign_id)

    async def lane_left_cents(self, lease: Lease, campaign_id: str) -> int:
        """As the port promises."""
        names = {"store_id": lease.store_id, "terminal_id": lease.terminal_id, "campaign_id": campaign_id}
        return int((await self._tx.connection.execute(_LANE_LEFT, names)).scalar_one())

    async def lend(self, lease: Lease, leased: Leased) -> None:
        """As the port promises."""
        names = {
            "lease_id": lease.lease_id,
            "campaign_id": leased.campaign_id,
            "currency": leased.currency,
            "accept_up_to_cents": leased.accept_up_to_cents,
            "cents": leased.granted_cents,
        }
        await self._tx.connection.execute(_LEND, names)
        cause = Cause(lease.lease_id, lease.granted_at)
        await post(self._tx, leased.campaign_id, ledger.leased(leased.granted_cents), cause)

    async def end(self, known: KnownLease, now: datetime) -> None:
        """As the port promises."""
        lease_id = known.lease.lease_id
        if (await self._tx.connection.execute(_END, {"lease_id": lease_id, "now": now})).rowcount != 1:
            return
        await self._tx.connection.execute(_NOTHING_LEFT, {"lease_id": lease_id})
        for each in known.leased:
            await post(self._tx, each.campaign_id, ledger.lease_ended(each.left_cents), Cause(lease_id, now))

    async def lock_due(self, now: datetime) -> KnownLease | None:
        """As the port promises."""
        lease_id = (await self._tx.connection.execute(_LOCK_DUE, {"now": now})).scalar_one_or_none()
        return await self.one(lease_id) if lease_id is not None else None

    async def exposure(self, now: datetime) -> Sequence[Exposure]:
        """As the port promises."""
        await self._tx.connection.execute(_ADDS_ALL)
        return [Exposure(**row) for row in (await self._tx.connection.execute(_EXPOSURE, {"now": now})).mappings()]

    async def _read(self, statement: TextClause, names: dict[str, Any]) -> list[KnownLease]:
        rows = await self._tx.connection.execute(statement, names)
        return [_known(list(of_one)) for _, of_one in groupby(rows, key=lambda row: row.lease_id)]


def lease_of(row: Any) -> Lease:
    """The lease in a row that has LEASE_COLUMNS."""
    return Lease(
        lease_id=row.lease_id,
        store_id=row.store_id,
        terminal_id=row.terminal_id,
        granted_at=row.granted_at,
        ends_at=row.ends_at,
        kept_until=row.kept_until,
        ended_at=row.ended_at,
        entries=row.entries,
    )


def _known(rows: Sequence[Any]) -> KnownLease:
    leased = [
        Leased(
            campaign_id=row.campaign_id,
            currency=row.currency,
            accept_up_to_cents=row.accept_up_to_cents,
            granted_cents=row.granted_cents,
            left_cents=row.left_cents,
        )
        for row in rows
        if row.campaign_id is not None
    ]
    return KnownLease(lease=lease_of(rows[0]), asked=bytes(rows[0].asked), asked_by=rows[0].asked_by, leased=leased)

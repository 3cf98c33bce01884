"""Brakes in PostgreSQL: one small table that every checkout's two statements read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from libs.common.persistence import OutboxMessage, Transaction, append
from services.offers.domain.brakes.brake import Brake, Brakes, PulledFor, Release, Scope, Target
from services.offers.ports.brakes import KnownBrake

ISSUES_AS = "offers-checkouts"
"""The name of the sessions whose statements issue vouchers."""
MAKES_AS = "offers-batches"
"""That of a transaction that makes vouchers of a batch."""
_REDEEMS_AS = "offers-api"

_COLUMNS = """
    brake_id, scope, entity_id, redemptions, cause, reason, pulled_by, of_store, pulled_at, released_by, release_reason, released_at
"""
_EXISTS = text("""
    SELECT CASE CAST(:scope AS text)
           WHEN 'campaign' THEN EXISTS (SELECT FROM budgets WHERE campaign_id = :entity_id)
           WHEN 'store' THEN EXISTS (SELECT FROM stores WHERE store_id = :entity_id)
           ELSE true END
""")
_PUT = text("""
    INSERT INTO brakes (brake_id, scope, entity_id, redemptions, cause, reason, pulled_by, of_store)
    VALUES (:brake_id, :scope, :entity_id, :redemptions, :cause, :reason, :pulled_by, :of_store)
    ON CONFLICT (brake_id) DO NOTHING
""")
_ONE = text(f"SELECT {_COLUMNS} FROM brakes WHERE brake_id = :brake_id FOR UPDATE")  # noqa: S608  # columns of our own
_ALL = text(f"""
    SELECT {_COLUMNS} FROM brakes WHERE released_at IS NULL OR NOT :in_force ORDER BY pulled_at DESC, brake_id
""")  # noqa: S608  # columns of our own
_RELEASE = text("""
    UPDATE brakes SET released_by = :by, release_reason = :reason, released_at = now()
    WHERE brake_id = :brake_id AND released_at IS NULL
""")
_IN_FORCE = text("SELECT scope || ':' || entity_id FROM brakes WHERE released_at IS NULL")
_NOW = text("SELECT clock_timestamp()")
_UNDER_WAY = text("""
    SELECT EXISTS (SELECT FROM pg_stat_activity
                   WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
                     AND application_name = ANY(CAST(:names AS text[])) AND xact_start <= :since)
""")


class PostgresBrakes:
    """Fits BrakeStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def exists(self, target: Target) -> bool:
        """As the port promises."""
        names = {"scope": target.scope, "entity_id": target.entity_id}
        return bool((await self._tx.connection.execute(_EXISTS, names)).scalar_one())

    async def put(self, brake: Brake) -> bool:
        """As the port promises."""
        names = {
            "brake_id": brake.brake_id,
            "scope": brake.target.scope,
            "entity_id": brake.target.entity_id,
            "redemptions": brake.redemptions,
            "cause": brake.pulled_for,
            "reason": brake.reason,
            "pulled_by": brake.pulled_by,
            "of_store": brake.of_store,
        }
        return (await self._tx.connection.execute(_PUT, names)).rowcount == 1

    async def one(self, brake_id: str) -> KnownBrake | None:
        """As the port promises."""
        row = (await self._tx.connection.execute(_ONE, {"brake_id": brake_id})).one_or_none()
        return _known(row) if row else None

    async def all(self, *, in_force: bool) -> Sequence[KnownBrake]:
        """As the port promises."""
        return [_known(row) for row in await self._tx.connection.execute(_ALL, {"in_force": in_force})]

    async def release(self, brake_id: str, by: str, reason: str) -> None:
        """As the port promises."""
        await self._tx.connection.execute(_RELEASE, {"brake_id": brake_id, "by": by, "reason": reason})

    async def in_force(self) -> Brakes:
        """As the port promises."""
        return Brakes.of((await self._tx.connection.execute(_IN_FORCE)).scalars().all())

    async def now(self) -> datetime:
        """As the port promises."""
        now: datetime = (await self._tx.connection.execute(_NOW)).scalar_one()
        return now

    async def under_way(self, since: datetime, *, redemptions: bool) -> bool:
        """As the port promises: a session's transaction is shown with its start before it takes its snapshot."""
        names = [ISSUES_AS, MAKES_AS, _REDEEMS_AS] if redemptions else [ISSUES_AS, MAKES_AS]
        found = await self._tx.connection.execute(_UNDER_WAY, {"since": since, "names": names})
        return bool(found.scalar_one())

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """As the port promises."""
        await append(self._tx, messages)


def _known(row: Any) -> KnownBrake:
    return KnownBrake(
        brake=Brake(
            brake_id=row.brake_id,
            target=Target(scope=Scope(row.scope), entity_id=row.entity_id),
            redemptions=row.redemptions,
            pulled_for=PulledFor(row.cause),
            reason=row.reason,
            pulled_by=row.pulled_by,
            of_store=row.of_store,
        ),
        pulled_at=row.pulled_at,
        released=Release(by=row.released_by, reason=row.release_reason, at=row.released_at)
        if row.released_at
        else None,
    )

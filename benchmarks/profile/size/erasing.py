"""How the sweep of an erasure finds a customer's deltas and receipts: its time and its plan; what it deletes is rolled back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.profile.running import Servers
from libs.common.persistence import Timeouts, make_engine
from services.profile.store.forgetting import DELTAS, sweep

ALL_DELTAS = 1 << 62
_AT = datetime(2030, 1, 1, tzinfo=UTC)
_FIND = text("SELECT count(*) FROM facet_deltas WHERE identifier = ANY(CAST(:identifiers AS text[]))")


@dataclass(frozen=True, slots=True)
class Scanned:
    """The time of the sweep, that of finding the deltas without their index, what would be deleted, and the plan's ways into the table."""

    took_ms: float
    scanning_ms: float
    deleted: int
    plan: Sequence[str]


async def scanned(servers: Servers, identifiers: Sequence[str]) -> Scanned:
    """Sweep these identifiers as an erasure does, and take it back."""
    engine = make_engine(
        servers.postgres.url("profile"), schema="profile", application_name="bench", timeouts=Timeouts.migrate()
    )
    try:
        async with engine.connect() as connection:
            plan = await plans(connection, identifiers)
            began = time.perf_counter()
            deleted = await sweep(connection, identifiers, _AT, ALL_DELTAS)
            took_ms = 1_000 * (time.perf_counter() - began)
            await connection.rollback()
            for way in ("indexscan", "bitmapscan"):
                await connection.execute(text(f"SET LOCAL enable_{way} = off"))
            began = time.perf_counter()
            await connection.execute(_FIND, {"identifiers": list(identifiers)})
            scanning_ms = 1_000 * (time.perf_counter() - began)
            await connection.rollback()
    finally:
        await engine.dispose()
    return Scanned(took_ms, scanning_ms, sum(deleted.values()), plan)


async def plans(connection: AsyncConnection, identifiers: Sequence[str]) -> Sequence[str]:
    """The lines of the plan that say how the sweep gets at deltas."""
    asked = {"identifiers": list(identifiers), "deltas_below": ALL_DELTAS}
    explained = await connection.execute(text(f"EXPLAIN {DELTAS.text}"), asked)
    return [str(line).strip() for line in explained.scalars() if "Scan" in str(line)]

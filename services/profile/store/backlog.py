"""How much waits to be done; read by the worker for its gauges."""

from dataclasses import dataclass

from sqlalchemy import text

from libs.common.persistence import Transaction

_BACKLOG = text("""
    SELECT (SELECT count(*) FROM (SELECT 1 FROM dirty_customers LIMIT 100000) AS waiting) AS dirty_marks,
           coalesce(extract(epoch FROM clock_timestamp()
                    - (SELECT marked_at FROM dirty_customers ORDER BY id LIMIT 1)), 0)::float8 AS dirty_oldest_seconds,
           (SELECT count(*) FROM (SELECT 1 FROM parked LIMIT 100000) AS waiting) AS parked,
           (SELECT count(*) FROM (SELECT 1 FROM learning_queue LIMIT 1000000) AS waiting) AS queued_baskets
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Rows that wait; large numbers are counted up to a bound."""

    dirty_marks: int
    dirty_oldest_seconds: float
    parked: int
    queued_baskets: int


async def backlog(tx: Transaction) -> Backlog:
    """What waits now."""
    row = (await tx.connection.execute(_BACKLOG)).one()
    return Backlog(**row._mapping)  # noqa: SLF001  # a Row's public mapping

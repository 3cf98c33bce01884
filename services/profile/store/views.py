"""Looks at customers, searches and freshness on PostgreSQL; the chain of looks is made and checked by the database itself."""

from collections.abc import Collection, Sequence
from dataclasses import asdict

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.profile.ports.views import ChainCheck, FoundRow, Freshness, KeptLook, LookRow, PageRow
from services.profile.store.pages import page_of, page_seen

_NOTE = text("""
    INSERT INTO audit (key_id, viewed_at, roles, action, customer_id, request_id)
    VALUES (:key_id, :viewed_at, :roles, :action, :customer_id, :request_id)
""")
_LOOKS = text("""
    SELECT id, key_id, sequence, viewed_at, roles, action, customer_id, request_id FROM audit
    WHERE id < :before AND (CAST(:customer_ids AS text[]) IS NULL OR customer_id = ANY(CAST(:customer_ids AS text[])))
      AND (CAST(:key_id AS text) IS NULL OR key_id = :key_id)
    ORDER BY id DESC LIMIT :most
""")
# The look before the page is read too: the first one of the page holds a hash over it.
_CHECK = text("""
    WITH page AS (
        SELECT audit AS seen FROM audit WHERE key_id = :key_id AND sequence >= :after ORDER BY sequence LIMIT :most + 1
    ), chain AS (
        SELECT (seen).sequence AS sequence,
               (seen).hash = audit_hash(lag((seen).hash) OVER in_order, seen) AS follows,
               (seen).sequence = coalesce(lag((seen).sequence) OVER in_order, 0) + 1 AS complete
        FROM page WINDOW in_order AS (ORDER BY (seen).sequence)
    )
    SELECT count(*) AS checked, min(sequence) FILTER (WHERE NOT (follows AND complete)) AS broken, max(sequence) AS newest
    FROM chain WHERE sequence > :after
""")
# Two ways to walk, each along an index in the index's own order: by id, and within a segment.
_SEGMENTS = """
    ARRAY(SELECT segment_id FROM segment_members AS m WHERE m.customer_id = found.customer_id ORDER BY segment_id) AS segments
"""
_BY_ID = text(f"""
    SELECT found.customer_id, found.version, {_SEGMENTS} FROM (
        SELECT customer_id, version FROM customers
        WHERE body IS NOT NULL AND customer_id LIKE :pattern AND customer_id ~>~ :after
        ORDER BY customer_id USING ~<~ LIMIT :most
    ) AS found ORDER BY found.customer_id USING ~<~
""")  # noqa: S608  # a constant
_IN_SEGMENT = text(f"""
    SELECT found.customer_id, customers.version, {_SEGMENTS} FROM (
        SELECT customer_id FROM segment_members
        WHERE segment_id = :segment_id AND customer_id > :after AND customer_id LIKE :pattern
        ORDER BY customer_id LIMIT :most
    ) AS found JOIN customers USING (customer_id) ORDER BY found.customer_id
""")  # noqa: S608  # a constant
_FRESHNESS = text("""
    SELECT coalesce(max(customers.version), 0) AS version,
           coalesce(max(customers.published_version), 0) AS published_version,
           max(customers.accepted_at) AS accepted_at,
           (SELECT count(*) FROM (SELECT customer_id FROM dirty_customers WHERE shown ORDER BY id LIMIT 10000) AS waiting
            WHERE waiting.customer_id = ANY(CAST(:own_ids AS text[]))) AS waiting_count,
           (SELECT count(*) FROM parked WHERE identifier = ANY(CAST(:identifiers AS text[]))) AS parked_count
    FROM customers WHERE customer_id = :customer_id AND body IS NOT NULL
""")


class PostgresViews:
    """Fits ViewStore."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    async def note(self, look: LookRow) -> None:
        """As the port promises."""
        await self._connection.execute(_NOTE, asdict(look))

    async def page(self, customer_id: str) -> PageRow | None:
        """As the port promises."""
        return await page_of(self._connection, customer_id)

    async def seen(self, look: LookRow) -> PageRow | None:
        """As the port promises."""
        return await page_seen(self._connection, look)

    async def looks(
        self, customer_ids: Collection[str] | None, key_id: str | None, before: int, limit: int
    ) -> Sequence[KeptLook]:
        """As the port promises."""
        rows = await self._connection.execute(
            _LOOKS,
            {
                "customer_ids": None if customer_ids is None else list(customer_ids),
                "key_id": key_id,
                "before": before,
                "most": limit,
            },
        )
        return [
            KeptLook(
                id=row.id,
                sequence=row.sequence,
                look=LookRow(
                    key_id=row.key_id,
                    viewed_at=row.viewed_at,
                    roles=row.roles,
                    action=row.action,
                    customer_id=row.customer_id,
                    request_id=row.request_id,
                ),
            )
            for row in rows
        ]

    async def check_chain(self, key_id: str, after: int, limit: int) -> ChainCheck:
        """As the port promises."""
        wanted = {"key_id": key_id, "after": after, "most": limit}
        row = (await self._connection.execute(_CHECK, wanted)).one()
        return ChainCheck(checked_count=row.checked, broken_sequence=row.broken, newest_sequence=row.newest)

    async def search(self, prefix: str, segment_id: str | None, after: str, limit: int) -> Sequence[FoundRow]:
        """As the port promises; `prefix` holds no wildcard."""
        told = {"pattern": f"{prefix}%", "after": after, "most": limit}
        if segment_id is None:
            rows = await self._connection.execute(_BY_ID, told)
        else:
            rows = await self._connection.execute(_IN_SEGMENT, told | {"segment_id": segment_id})
        return [
            FoundRow(customer_id=row.customer_id, version=row.version, segments=tuple(row.segments)) for row in rows
        ]

    async def freshness(
        self, customer_id: str, own_customer_ids: Collection[str], identifiers: Collection[str]
    ) -> Freshness:
        """As the port promises."""
        row = (
            await self._connection.execute(
                _FRESHNESS,
                {
                    "customer_id": customer_id,
                    "own_ids": list(own_customer_ids),
                    "identifiers": list(identifiers),
                },
            )
        ).one()
        return Freshness(
            version=row.version,
            published_version=row.published_version,
            accepted_at=row.accepted_at,
            waiting_count=row.waiting_count,
            parked_count=row.parked_count,
        )

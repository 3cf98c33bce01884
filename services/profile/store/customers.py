"""Dirty marks and newest customer views on PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction
from libs.common.persistence.messages import encode_headers
from services.profile.domain.facet_codec import decode
from services.profile.ports import ConsentRow, CustomerRow, FacetEffects, FacetRow

_CLAIM = text("""
    DELETE FROM dirty_customers WHERE id IN (
        SELECT id FROM dirty_customers ORDER BY id LIMIT :mark_limit FOR UPDATE SKIP LOCKED
    ) RETURNING customer_id
""")
_CURRENT = text("SELECT DISTINCT customer_id FROM facets WHERE own_customer_id = ANY(CAST(:own_ids AS text[]))")
_MAKE = text("""
    INSERT INTO customers (customer_id, version, headers) SELECT unnest(CAST(:customer_ids AS text[])), 0, ''
    ON CONFLICT DO NOTHING
""")
_LOCK = text("""
    SELECT customer_id, version FROM customers
    WHERE customer_id = ANY(CAST(:current AS text[]))
       OR (customer_id = ANY(CAST(:superseded AS text[])) AND body IS NOT NULL)
    ORDER BY customer_id FOR UPDATE
""")
_FACETS = text("SELECT * FROM facets WHERE customer_id = ANY(CAST(:customer_ids AS text[])) ORDER BY identifier")
_CONSENTS = text("SELECT * FROM consents WHERE identifier = ANY(CAST(:identifiers AS text[]))")
_SAVE = text("""
    UPDATE customers SET version = new.version, accepted_at = new.accepted_at, headers = new.headers, body = new.body
    FROM unnest(CAST(:customer_ids AS text[]), CAST(:versions AS bigint[]), CAST(:accepted AS timestamptz[]),
                CAST(:headers AS bytea[]), CAST(:bodies AS bytea[]))
         AS new (customer_id, version, accepted_at, headers, body)
    WHERE customers.customer_id = new.customer_id
""")
_SNAPSHOT = text("""
    SELECT version, body FROM customers WHERE customer_id = :customer_id AND body IS NOT NULL
""")


class PostgresCustomers:
    """Fits CustomerStore."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    async def claim_dirty(self, limit: int) -> Collection[str]:
        """As the port promises."""
        rows = await self._connection.execute(_CLAIM, {"mark_limit": limit})
        return set(rows.scalars())

    async def current_ids(self, own_customer_ids: Collection[str]) -> Collection[str]:
        """As the port promises."""
        rows = await self._connection.execute(_CURRENT, {"own_ids": list(own_customer_ids)})
        return set(rows.scalars())

    async def lock_versions(self, current: Collection[str], superseded: Collection[str]) -> Mapping[str, int]:
        """As the port promises."""
        await self._connection.execute(_MAKE, {"customer_ids": sorted(current)})
        rows = await self._connection.execute(_LOCK, {"current": list(current), "superseded": list(superseded)})
        return {row.customer_id: row.version for row in rows}

    async def facets(self, customer_ids: Collection[str]) -> Mapping[str, Sequence[FacetRow]]:
        """As the port promises."""
        rows = await self._connection.execute(_FACETS, {"customer_ids": list(customer_ids)})
        found: dict[str, list[FacetRow]] = defaultdict(list)
        for row in rows:
            effects = FacetEffects(
                receipts_count=row.receipts_count,
                lines_count=row.lines_count,
                amount_cents=row.amount_cents,
                returns_count=row.returns_count,
                refund_cents=row.refund_cents,
                contacts_count=row.contacts_count,
                currency=row.currency,
                accepted_at=row.accepted_at,
            )
            found[row.customer_id].append(
                FacetRow(
                    identifier=row.identifier,
                    own_customer_id=row.own_customer_id,
                    customer_id=row.customer_id,
                    facet=decode(row.state),
                    effects=effects,
                )
            )
        return found

    async def consents(self, identifiers: Collection[str]) -> Mapping[str, Sequence[ConsentRow]]:
        """As the port promises."""
        rows = await self._connection.execute(_CONSENTS, {"identifiers": list(identifiers)})
        found: dict[str, list[ConsentRow]] = defaultdict(list)
        for row in rows:
            found[row.identifier].append(ConsentRow(**row._mapping))  # noqa: SLF001  # a Row's public mapping
        return found

    async def save(self, rows: Collection[CustomerRow]) -> None:
        """As the port promises."""
        if not rows:
            return
        await self._connection.execute(
            _SAVE,
            {
                "customer_ids": [row.customer_id for row in rows],
                "versions": [row.version for row in rows],
                "accepted": [row.accepted_at for row in rows],
                "headers": [encode_headers(row.message.headers) if row.message else b"" for row in rows],
                "bodies": [row.message.value if row.message else None for row in rows],
            },
        )

    async def snapshot(self, customer_id: str) -> tuple[int, bytes] | None:
        """As the port promises."""
        row = (await self._connection.execute(_SNAPSHOT, {"customer_id": customer_id})).one_or_none()
        return None if row is None else (row.version, row.body)

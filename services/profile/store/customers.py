"""Dirty marks and newest customer views on PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction
from libs.common.persistence.messages import encode_headers
from services.profile.domain.delta import Effects, decode_delta, effects_of, plus
from services.profile.ports import ConsentRow, CustomerRow, FacetRow, FoldedFacet, GrownFacet, Mark
from services.profile.store.facets import PENDING, RememberedDeltas, facet_with

EFFECTS = Effects.__struct_fields__

_DIRTY = text("""
    SELECT customer_id FROM dirty_customers
    WHERE (SELECT clock_timestamp() - marked_at FROM dirty_customers ORDER BY id LIMIT 1)
          >= make_interval(secs => :waited_seconds)
    ORDER BY id LIMIT :mark_limit FOR UPDATE SKIP LOCKED
""")
_CURRENT = text("SELECT DISTINCT customer_id FROM facets WHERE own_customer_id = ANY(CAST(:own_ids AS text[]))")
_MEMBERS = text("""
    SELECT own_customer_id, customer_id FROM facets
    WHERE customer_id IN (SELECT customer_id FROM facets WHERE own_customer_id = ANY(CAST(:own_ids AS text[])))
""")
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
_LOCK_FACETS = text(f"""
    SELECT identifier, own_customer_id, customer_id, state, {", ".join(EFFECTS)}
    FROM facets WHERE customer_id = ANY(CAST(:customer_ids AS text[])) ORDER BY identifier FOR UPDATE
""")  # noqa: S608 - our own words
# A mark that another folder holds is left to it: it waits for our customers, and sees then what it finds.
_TAKE = text("""
    DELETE FROM dirty_customers WHERE id IN (
        SELECT id FROM dirty_customers WHERE customer_id = ANY(CAST(:own_ids AS text[])) FOR UPDATE SKIP LOCKED
    ) RETURNING customer_id, delta_id, shown
""")
_DELTAS = text("SELECT delta_id, body FROM facet_deltas WHERE delta_id = ANY(CAST(:delta_ids AS bigint[]))")
_SAVE_FACETS = text("""
    UPDATE facets SET
        state = new.state,
        receipts_count = facets.receipts_count + new.receipts_count,
        lines_count = facets.lines_count + new.lines_count,
        amount_cents = facets.amount_cents + new.amount_cents,
        returns_count = facets.returns_count + new.returns_count,
        refund_cents = facets.refund_cents + new.refund_cents,
        contacts_count = facets.contacts_count + new.contacts_count,
        currency = least(facets.currency, new.currency),
        accepted_at = greatest(facets.accepted_at, new.accepted_at)
    FROM unnest(CAST(:identifiers AS text[]), CAST(:states AS bytea[]), CAST(:receipts_count AS bigint[]),
                CAST(:lines_count AS bigint[]), CAST(:amount_cents AS bigint[]), CAST(:returns_count AS bigint[]),
                CAST(:refund_cents AS bigint[]), CAST(:contacts_count AS bigint[]),
                CAST(:currency AS text[]), CAST(:accepted_at AS timestamptz[]))
         AS new (identifier, state, receipts_count, lines_count, amount_cents, returns_count, refund_cents,
                 contacts_count, currency, accepted_at)
    WHERE facets.identifier = new.identifier
""")
_FACETS = text(f"""
    SELECT *, {PENDING} FROM facets WHERE customer_id = ANY(CAST(:customer_ids AS text[])) ORDER BY identifier
""")  # noqa: S608 - our own words
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

    def __init__(self, tx: Transaction, remembered: RememberedDeltas | None = None) -> None:
        self._connection = tx.connection
        self._remembered = remembered

    async def dirty(self, limit: int, waited_seconds: float) -> Collection[str]:
        """As the port promises."""
        wanted = {"mark_limit": limit, "waited_seconds": waited_seconds}
        return set((await self._connection.execute(_DIRTY, wanted)).scalars())

    async def current_ids(self, own_customer_ids: Collection[str]) -> Collection[str]:
        """As the port promises."""
        rows = await self._connection.execute(_CURRENT, {"own_ids": list(own_customer_ids)})
        return set(rows.scalars())

    async def members(self, own_customer_ids: Collection[str]) -> Mapping[str, str]:
        """As the port promises."""
        rows = await self._connection.execute(_MEMBERS, {"own_ids": list(own_customer_ids)})
        return {row.own_customer_id: row.customer_id for row in rows}

    async def lock_versions(self, current: Collection[str], superseded: Collection[str]) -> Mapping[str, int]:
        """As the port promises."""
        await self._connection.execute(_MAKE, {"customer_ids": sorted(current)})
        rows = await self._connection.execute(_LOCK, {"current": list(current), "superseded": list(superseded)})
        return {row.customer_id: row.version for row in rows}

    async def lock_facets(self, customer_ids: Collection[str]) -> Sequence[FoldedFacet]:
        """As the port promises."""
        rows = await self._connection.execute(_LOCK_FACETS, {"customer_ids": list(customer_ids)})
        return [
            FoldedFacet(
                identifier=identifier,
                own_customer_id=own_id,
                customer_id=customer_id,
                state=state,
                effects=Effects(*known),
            )
            for identifier, own_id, customer_id, state, *known in rows
        ]

    async def take_marks(self, own_customer_ids: Collection[str]) -> Sequence[Mark]:
        """As the port promises."""
        rows = (await self._connection.execute(_TAKE, {"own_ids": list(own_customer_ids)})).all()
        deltas = await self._deltas([delta_id for _, delta_id, _ in rows if delta_id is not None])
        return [
            Mark(own_customer_id=own_id, delta=deltas.get(delta_id), shown=shown) for own_id, delta_id, shown in rows
        ]

    async def _deltas(self, delta_ids: Collection[int]) -> Mapping[int, bytes]:
        take = self._remembered.take if self._remembered is not None else _nothing
        known = {delta_id: body for delta_id in delta_ids if (body := take(delta_id)) is not None}
        missing = [delta_id for delta_id in delta_ids if delta_id not in known]
        if missing:
            known |= {row.delta_id: row.body for row in await self._connection.execute(_DELTAS, {"delta_ids": missing})}
        return known

    async def save_facets(self, grown: Collection[GrownFacet]) -> None:
        """As the port promises."""
        if not grown:
            return
        columns = {name: [getattr(facet.added, name) for facet in grown] for name in EFFECTS}
        columns |= {"identifiers": [facet.identifier for facet in grown], "states": [facet.state for facet in grown]}
        await self._connection.execute(_SAVE_FACETS, columns)

    async def facets(self, customer_ids: Collection[str]) -> Mapping[str, Sequence[FacetRow]]:
        """As the port promises."""
        rows = await self._connection.execute(_FACETS, {"customer_ids": list(customer_ids)})
        found: dict[str, list[FacetRow]] = defaultdict(list)
        for row in rows:
            pending = [decode_delta(body) for body in row.pending]
            found[row.customer_id].append(
                FacetRow(
                    identifier=row.identifier,
                    own_customer_id=row.own_customer_id,
                    customer_id=row.customer_id,
                    facet=facet_with(row.state, pending),
                    effects=reduce(plus, map(effects_of, pending), _effects(row)),
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


def _nothing(_: int) -> None:
    """For processes that remember none."""


def _effects(row: Any) -> Effects:
    return Effects(**{name: getattr(row, name) for name in EFFECTS})

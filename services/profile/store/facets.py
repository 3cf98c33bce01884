"""Facets on PostgreSQL: made, then locked in the order of identifiers, saved by one statement."""

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.profile.domain.facet import EMPTY, Facet
from services.profile.domain.facet_codec import decode, encode
from services.profile.ports import FacetEffects

# Made before anything is locked: a writer that computes from "not there yet" would overwrite another's first state.
_MAKE = text("""
    INSERT INTO facets (identifier, own_customer_id, customer_id, state)
    SELECT identifier, own_id, own_id, :empty
    FROM unnest(CAST(:identifiers AS text[]), CAST(:own_ids AS text[])) AS new (identifier, own_id)
    ON CONFLICT DO NOTHING
""")
_LOCK = text("""
    SELECT identifier, state FROM facets WHERE identifier = ANY(CAST(:identifiers AS text[]))
    ORDER BY identifier FOR UPDATE
""")
_SAVE = text("""
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
    FROM unnest(CAST(:identifiers AS text[]), CAST(:states AS bytea[]), CAST(:receipts AS bigint[]),
                CAST(:lines AS bigint[]), CAST(:amounts AS bigint[]), CAST(:returns AS bigint[]),
                CAST(:refunds AS bigint[]), CAST(:contacts AS bigint[]),
                CAST(:currencies AS text[]), CAST(:accepted AS timestamptz[]))
         AS new (identifier, state, receipts_count, lines_count, amount_cents, returns_count, refund_cents,
                 contacts_count, currency, accepted_at)
    WHERE facets.identifier = new.identifier
""")
_MARK = text("INSERT INTO dirty_customers (customer_id) SELECT unnest(CAST(:own_ids AS text[]))")
_IDENTIFIERS = text("""
    SELECT own_customer_id, identifier FROM facets WHERE own_customer_id = ANY(CAST(:own_ids AS text[]))
""")
_STATES = text("SELECT identifier, state FROM facets WHERE identifier = ANY(CAST(:identifiers AS text[]))")


class PostgresFacets:
    """Fits FacetStore."""

    def __init__(self, tx: Transaction) -> None:
        self._connection = tx.connection

    async def lock(self, own_ids: Mapping[str, str]) -> Mapping[str, Facet]:
        """As the port promises."""
        if not own_ids:
            return {}
        identifiers = sorted(own_ids)
        await self._connection.execute(
            _MAKE,
            {
                "identifiers": identifiers,
                "own_ids": [own_ids[identifier] for identifier in identifiers],
                "empty": encode(EMPTY),
            },
        )
        rows = await self._connection.execute(_LOCK, {"identifiers": identifiers})
        return {row.identifier: decode(row.state) for row in rows}

    async def save(self, changes: Mapping[str, tuple[Facet, FacetEffects]]) -> None:
        """As the port promises."""
        if not changes:
            return
        effects = [added for _, added in changes.values()]
        await self._connection.execute(
            _SAVE,
            {
                "identifiers": list(changes),
                "states": [encode(facet) for facet, _ in changes.values()],
                "receipts": [added.receipts_count for added in effects],
                "lines": [added.lines_count for added in effects],
                "amounts": [added.amount_cents for added in effects],
                "returns": [added.returns_count for added in effects],
                "refunds": [added.refund_cents for added in effects],
                "contacts": [added.contacts_count for added in effects],
                "currencies": [added.currency for added in effects],
                "accepted": [added.accepted_at for added in effects],
            },
        )

    async def mark_dirty(self, own_customer_ids: Iterable[str]) -> None:
        """As the port promises."""
        own_ids = sorted(set(own_customer_ids))
        if own_ids:
            await self._connection.execute(_MARK, {"own_ids": own_ids})

    async def identifiers_of(self, own_customer_ids: Collection[str]) -> Mapping[str, str]:
        """As the port promises."""
        if not own_customer_ids:
            return {}
        rows = await self._connection.execute(_IDENTIFIERS, {"own_ids": list(own_customer_ids)})
        return {row.own_customer_id: row.identifier for row in rows}

    async def of_identifiers(self, identifiers: Collection[str]) -> Mapping[str, Facet]:
        """As the port promises."""
        if not identifiers:
            return {}
        rows = await self._connection.execute(_STATES, {"identifiers": list(identifiers)})
        return {row.identifier: decode(row.state) for row in rows}

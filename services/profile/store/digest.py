"""Fingerprints and the digest of one schema's state, in a single pass with bounded memory; for rebuilds and for tests of faults."""

from collections.abc import AsyncIterator, Mapping

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.profile.domain.delta import Effects
from services.profile.domain.digest import FACETS, DigestOfPieces, Fingerprint, StateDigest, facet_fingerprint
from services.profile.store.customers import EFFECTS
from services.profile.store.facets import PENDING

VIEWS = "views"
"""A part of its own: views follow the facets only when nothing is dirty."""
_AT_ONCE = 500
_FACETS = text(f'SELECT facets.*, {PENDING} FROM facets ORDER BY identifier COLLATE "C"')  # noqa: S608 - our own words


def _grouped(table: str, key: str, columns: str, where: str = "true") -> str:
    """One fingerprint for all rows of `table` with the same key."""
    line = f"ROW({columns})::text"
    return f"""
        SELECT {key} AS key, sha256(convert_to(string_agg({line}, E'\\n' ORDER BY {line} COLLATE "C"), 'UTF8')) AS content
        FROM {table} WHERE {where} GROUP BY {key} ORDER BY {key} COLLATE "C"
    """  # noqa: S608 - our own words


_HAPPENED = "extract(epoch FROM occurred_at), event_id"
_PARTS: Mapping[str, str] = {
    "consents": _grouped("consents", "identifier", f"purpose, channel, granted, {_HAPPENED}"),
    "consent_words": _grouped(
        "consent_words", "identifier", f"purpose, channel, granted, basis, evidence, {_HAPPENED}"
    ),
    "links": _grouped("links", "first_customer_id", f"second_customer_id, linked, {_HAPPENED}"),
    # Who became another and himself again needs no row: whether there is one depends on the batches.
    "identity_changes": _grouped(
        "identity_changes", "customer_id", "now_customer_id", "now_customer_id <> customer_id"
    ),
    "items": _grouped("items", "item_id", f"category, item_type, rankable, {_HAPPENED}"),
    "stores": _grouped("stores", "store_id", f"time_zone, currency, {_HAPPENED}"),
    "receipts": _grouped("receipts", "left(receipt_key::text, 2)", "receipt_key, voided", "sold"),
    "parked": _grouped("parked", "receipt_id", "event_id"),
    "suppressions": _grouped("suppressions", "identifier", "customer_id, extract(epoch FROM erased_at)"),
    VIEWS: _grouped(
        "customers",
        "customer_id",
        "convert_from(body, 'UTF8')::jsonb - '{version,accepted_at,value,segments}'::text[]",
        # Of a facet that holds nothing there is a view too: as of the epoch.
        "body IS NOT NULL AND convert_from(body, 'UTF8')::jsonb ->> 'as_of' NOT LIKE '1970-01-01T00:00:00%'",
    ),
}
PARTS = (FACETS, *_PARTS)
_OF_CUSTOMERS = frozenset({"identity_changes", VIEWS})


async def state_digest(tx: Transaction, *, views: bool = True) -> StateDigest:
    """The digest of what the events so far have made of this schema, folded or not, as the transaction sees it.

    With `views` it also holds the customers' views, and is a function of the events only when every mark is folded.
    """
    gathered = DigestOfPieces(part for part in PARTS if views or part != VIEWS)
    async for piece in fingerprints(tx, views=views):
        gathered.add(piece)
    return gathered.digest()


async def fingerprints(tx: Transaction, *, views: bool = True) -> AsyncIterator[Fingerprint]:
    """Every piece of state, part by part, in the order of keys: what `state_digest` is made of."""
    async for piece in _facets(tx):
        yield piece
    for part, query in _PARTS.items():
        if part == VIEWS and not views:
            continue
        rows = await tx.connection.stream(text(query), execution_options={"yield_per": _AT_ONCE})
        async for row in rows:
            yield Fingerprint(part, row.key, bytes(row.content), row.key if part in _OF_CUSTOMERS else None)


async def _facets(tx: Transaction) -> AsyncIterator[Fingerprint]:
    rows = await tx.connection.stream(_FACETS, execution_options={"yield_per": _AT_ONCE})
    async for row in rows:
        effects = Effects(**{name: getattr(row, name) for name in EFFECTS})
        linked_to = None if row.customer_id == row.own_customer_id else row.customer_id
        content = facet_fingerprint(linked_to, row.state, effects, row.pending)
        if content is not None:
            yield Fingerprint(FACETS, row.identifier, content, row.customer_id)

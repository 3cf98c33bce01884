"""The deleting itself: what hangs on a person's keys at once, what only a scan finds afterwards."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.profile.domain.contact import PackedPurchase, Purchase
from services.profile.domain.delta import decode_delta
from services.profile.store.receipts import receipt_key

_OF_IDENTIFIERS = "= ANY(CAST(:identifiers AS text[]))"
_OF_CUSTOMERS = "= ANY(CAST(:customer_ids AS text[]))"

# In the order in which a folder locks: marks, customers; facets last.
_BY_KEY: Mapping[str, TextClause] = {
    "dirty_marks": text(f"DELETE FROM dirty_customers WHERE customer_id {_OF_CUSTOMERS}"),  # noqa: S608  # our own words
    "views": text(f"""
        UPDATE customers SET version = version + 1, body = NULL, headers = '', accepted_at = NULL
        WHERE customer_id {_OF_CUSTOMERS} AND body IS NOT NULL RETURNING customer_id, version
    """),  # noqa: S608  # our own words
    "facets": text(f"DELETE FROM facets WHERE identifier {_OF_IDENTIFIERS}"),  # noqa: S608  # our own words
    "consents": text(f"DELETE FROM consents WHERE identifier {_OF_IDENTIFIERS}"),  # noqa: S608  # our own words
    "consent_words": text(f"DELETE FROM consent_words WHERE identifier {_OF_IDENTIFIERS}"),  # noqa: S608  # our own words
    "links": text(f"DELETE FROM links WHERE first_customer_id {_OF_CUSTOMERS} OR second_customer_id {_OF_CUSTOMERS}"),  # noqa: S608  # our own words
    "identity_changes": text(f"""
        UPDATE identity_changes SET now_customer_id = NULL, version = version + 1
        WHERE customer_id {_OF_CUSTOMERS} AND now_customer_id IS NOT NULL
    """),  # noqa: S608  # our own words
}
# These tables hold what waits, and are short: an index for a rare deletion would cost more than it saves.
_BY_SCAN: Mapping[str, TextClause] = {
    "queued_baskets": text(f"""
        DELETE FROM learning_queue WHERE identifier {_OF_IDENTIFIERS} AND least(occurred_at, accepted_at) <= :erased_at
    """),  # noqa: S608  # our own words
    "parked_returns": text("""
        DELETE FROM parked WHERE EXISTS (
            SELECT FROM unnest(CAST(:identifiers AS text[])) AS gone WHERE position(convert_to(gone, 'UTF8') IN body) > 0
        )
    """),
}


DELTAS = text(f"""
    DELETE FROM facet_deltas WHERE identifier {_OF_IDENTIFIERS} AND delta_id < :deltas_below RETURNING delta_id, body
""")  # noqa: S608  # our own words
_RECEIPTS = text("""
    DELETE FROM receipts
    WHERE receipt_key IN (SELECT encode(key, 'hex')::uuid FROM unnest(CAST(:keys AS bytea[])) AS key)
      AND delta_id = ANY(CAST(:delta_ids AS bigint[]))
""")
_EARLIER_RECEIPTS = text(f"DELETE FROM receipts WHERE identifier {_OF_IDENTIFIERS}")  # noqa: S608  # our own words


async def erase_by_key(
    connection: AsyncConnection, identifiers: Sequence[str], customer_ids: Sequence[str]
) -> tuple[dict[str, int], dict[str, int]]:
    """Delete what hangs on these keys; returns how many rows of each kind, and the versions of views that became tombstones."""
    names = {"identifiers": list(identifiers), "customer_ids": list(customer_ids)}
    removed: dict[str, int] = {}
    versions: dict[str, int] = {}
    for kind, statement in _BY_KEY.items():
        told = {name: value for name, value in names.items() if f":{name}" in statement.text}
        done = await connection.execute(statement, told)
        removed[kind] = done.rowcount
        if done.returns_rows:
            versions |= {row.customer_id: row.version for row in done}
    return removed, versions


async def sweep(
    connection: AsyncConnection, identifiers: Sequence[str], erased_at: datetime, deltas_below: int
) -> dict[str, int]:
    """Delete what else tables hold from before the erasure; returns how many rows of each kind."""
    names = {"identifiers": list(identifiers), "erased_at": erased_at}
    deltas = (await connection.execute(DELTAS, {"identifiers": list(identifiers), "deltas_below": deltas_below})).all()
    sold = [contact for row in deltas for contact in decode_delta(row.body).contacts]
    # A receipt is found by its own key: an index by delta would be written with every sale.
    keys = sorted({receipt_key(one.receipt_id) for one in sold if isinstance(one, PackedPurchase | Purchase)})
    receipts = await connection.execute(_RECEIPTS, {"keys": keys, "delta_ids": [row.delta_id for row in deltas]})
    earlier = await connection.execute(_EARLIER_RECEIPTS, {"identifiers": list(identifiers)})
    return {"deltas": len(deltas), "receipts": receipts.rowcount + earlier.rowcount} | {
        kind: (
            await connection.execute(
                statement, {name: value for name, value in names.items() if f":{name}" in statement.text}
            )
        ).rowcount
        for kind, statement in _BY_SCAN.items()
    }

"""The deleting itself: what hangs on a person's keys at once, what only a scan finds afterwards."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

_OF_IDENTIFIERS = "= ANY(CAST(:identifiers AS text[]))"
_OF_CUSTOMERS = "= ANY(CAST(:customer_ids AS text[]))"

# In the order in which a folder locks: marks, customers; facets last.
_BY_KEY: Mapping[str, TextClause] = {
    "dirty_marks": text(f"DELETE FROM dirty_customers WHERE customer_id {_OF_CUSTOMERS}"),  # noqa: S608  # our own words
    "views": text(f"""
        UPDATE customers SET version = version + 1, body = NULL, headers = '', accepted_at = NULL
        WHERE customer_id {_OF_CUSTOMERS} AND body IS NOT NULL
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
# These tables are written with every event and read by other keys: an index for a rare deletion would cost more than it saves.
_BY_SCAN: Mapping[str, TextClause] = {
    "queued_baskets": text(
        f"DELETE FROM learning_queue WHERE identifier {_OF_IDENTIFIERS} AND occurred_at <= :erased_at"  # noqa: S608  # our own words
    ),
    "parked_returns": text("""
        DELETE FROM parked WHERE EXISTS (
            SELECT FROM unnest(CAST(:identifiers AS text[])) AS gone WHERE position(convert_to(gone, 'UTF8') IN body) > 0
        )
    """),
}


DELTAS_AND_RECEIPTS = text(f"""
    WITH deltas AS (
        DELETE FROM facet_deltas WHERE identifier {_OF_IDENTIFIERS} AND delta_id < :deltas_below RETURNING delta_id
    ), receipts AS (
        DELETE FROM receipts WHERE delta_id IN (SELECT delta_id FROM deltas) OR identifier {_OF_IDENTIFIERS} RETURNING 1
    )
    SELECT (SELECT count(*) FROM deltas) AS deltas, (SELECT count(*) FROM receipts) AS receipts
""")  # noqa: S608  # our own words


async def erase_by_key(
    connection: AsyncConnection, identifiers: Sequence[str], customer_ids: Sequence[str]
) -> dict[str, int]:
    """Delete what hangs on these keys; returns how many rows of each kind."""
    names = {"identifiers": list(identifiers), "customer_ids": list(customer_ids)}
    return {
        kind: (
            await connection.execute(
                statement, {name: value for name, value in names.items() if f":{name}" in statement.text}
            )
        ).rowcount
        for kind, statement in _BY_KEY.items()
    }


async def sweep(
    connection: AsyncConnection, identifiers: Sequence[str], erased_at: datetime, deltas_below: int
) -> dict[str, int]:
    """Delete what tables without such a key hold from before the erasure; returns how many rows of each kind."""
    names = {"identifiers": list(identifiers), "erased_at": erased_at}
    of_deltas = {"identifiers": list(identifiers), "deltas_below": deltas_below}
    told = (await connection.execute(DELTAS_AND_RECEIPTS, of_deltas)).one()
    return dict(told._mapping) | {  # noqa: SLF001  # a Row's public mapping
        kind: (
            await connection.execute(
                statement, {name: value for name, value in names.items() if f":{name}" in statement.text}
            )
        ).rowcount
        for kind, statement in _BY_SCAN.items()
    }

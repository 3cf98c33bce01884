"""One digest of the end state over named columns of every service: no times, no ids of messages, no codes.

Two plays of the same slice in lockstep, with the same seed, end in the same digest.
"""

import hashlib
from collections.abc import Mapping, Sequence

import asyncpg

COLUMNS: Mapping[str, Sequence[str]] = {
    "profile.facets": ("identifier", "receipts_count", "lines_count", "amount_cents", "refund_cents", "md5(state)"),
    "profile.learner_states": ("learner", "baskets_count", "md5(state)"),
    "profile.learner_customers": ("identifier", "md5(state)"),
    "offers.budgets": ("campaign_id", "cap_cents", "reserved_cents", "spent_cents"),
    "offers.vouchers": (
        "campaign_id",
        "customer_id",
        "store_id",
        "category",
        "kind",
        "tier",
        "state",
        "greatest_value_cents",
        "given_cents",
    ),
    "inventory.stock": ("store_id", "item_id", "on_hand", "sold_units"),
    "inventory.commands": ("item_id", "store_id", "kind", "version", "quantity", "status"),
}


async def digests(connection: asyncpg.Connection) -> Mapping[str, str]:
    """The digest of each table, and of all of them as `all`."""
    found = {table: await _digest(connection, table, columns) for table, columns in COLUMNS.items()}
    joined = "".join(f"{table}={digest}\n" for table, digest in sorted(found.items()))
    return {**found, "all": hashlib.sha256(joined.encode()).hexdigest()[:16]}


async def _digest(connection: asyncpg.Connection, table: str, columns: Sequence[str]) -> str:
    row = f"ROW({', '.join(columns)})::text"
    query = f"SELECT sha256(coalesce(string_agg(line, E'\\n' ORDER BY line), '')::bytea) FROM (SELECT {row} AS line FROM {table})"  # noqa: S608 - our own names
    digest: bytes = await connection.fetchval(query)
    return digest.hex()[:16]

"""Which events already had their effect; called by consumers that deduplicate and by handlers of HTTP-borne ids."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b

from sqlalchemy import text

from libs.common.persistence.arrays import plain_array
from libs.common.persistence.transaction import Transaction

# Repeats are rare, so they are what comes back.
_MARK = text("""
    WITH given AS (
        SELECT event_key FROM unnest(CAST(CAST(:event_keys AS text) AS uuid[])) AS event_key
    ), marked AS (
        INSERT INTO inbox (event_key) SELECT event_key FROM given ON CONFLICT DO NOTHING RETURNING event_key
    )
    SELECT event_key FROM given WHERE event_key NOT IN (SELECT event_key FROM marked)
""")
_FORGET = text("""
    DELETE FROM inbox WHERE event_key = ANY(CAST(CAST(:event_keys AS text) AS uuid[]))
""")
_PRUNE = text("""
    DELETE FROM inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbox WHERE seen_at < :before LIMIT :most))
""")
# To find those may take reading all of them, and more than a statement of a worker usually may.
_PRUNE_PATIENCE = text("SET LOCAL statement_timeout = '10min'")
PRUNED_TOGETHER = 200_000


def _event_keys(scope: str, event_ids: Iterable[str]) -> list[str]:
    """128 bits of each (scope, id), in hexadecimal: a sixth of the index that the text would need."""
    begun, keys = blake2b(f"{len(scope)}:{scope}".encode(), digest_size=16), []
    for event_id in event_ids:
        whole = begun.copy()
        whole.update(event_id.encode())
        keys.append(whole.hexdigest())
    return keys


async def mark_seen(tx: Transaction, event_ids: Iterable[str], *, scope: str = "") -> set[str]:
    """Remember `event_ids` and return those that were new; all of it undone when the transaction rolls back.

    `scope` keeps readers apart that each need the effect (a consumer uses its group). Waits for another
    transaction that is marking the same id, so of two concurrent ones exactly one sees it as new.
    """
    given = list(event_ids)
    by_key = dict(zip(_event_keys(scope, given), given, strict=True))
    if not by_key:
        return set()
    # One order for everybody: two transactions that mark the same ids cannot wait for each other.
    for repeat in (await tx.connection.execute(_MARK, {"event_keys": plain_array(sorted(by_key))})).scalars():
        del by_key[repeat.hex]
    return set(by_key.values())


async def forget(tx: Transaction, event_ids: Iterable[str], *, scope: str = "") -> None:
    """Make these ids new again: for events that were refused and had no effect."""
    await tx.connection.execute(_FORGET, {"event_keys": plain_array(_event_keys(scope, event_ids))})


async def prune_inbox(tx: Transaction, *, before: datetime, most: int = PRUNED_TOGETHER) -> int:
    """Forget ids seen before `before`, which must lie further back than any repeat can come; returns how many: from `most` on ask again."""
    await tx.connection.execute(_PRUNE_PATIENCE)
    return (await tx.connection.execute(_PRUNE, {"before": before, "most": most})).rowcount

"""Which events already had their effect; called by consumers that deduplicate and by handlers of HTTP-borne ids."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from libs.common.persistence.transaction import Transaction

_MARK = text("""
    INSERT INTO inbox (event_key) SELECT unnest(CAST(:event_keys AS uuid[])) ON CONFLICT DO NOTHING RETURNING event_key
""")
_FORGET = text("DELETE FROM inbox WHERE event_key = ANY(CAST(:event_keys AS uuid[]))")
_PRUNE = text("DELETE FROM inbox WHERE seen_at < :before")


def _event_key(scope: str, event_id: str) -> UUID:
    """128 bits of (scope, id): a sixth of the index that the text would need."""
    return UUID(bytes=hashlib.blake2b(f"{len(scope)}:{scope}{event_id}".encode(), digest_size=16).digest())


async def mark_seen(tx: Transaction, event_ids: Iterable[str], *, scope: str = "") -> set[str]:
    """Remember `event_ids` and return those that were new; all of it undone when the transaction rolls back.

    `scope` keeps readers apart that each need the effect (a consumer uses its group). Waits for another
    transaction that is marking the same id, so of two concurrent ones exactly one sees it as new.
    """
    by_key = {_event_key(scope, event_id): event_id for event_id in event_ids}
    if not by_key:
        return set()
    # One order for everybody: two transactions that mark the same ids cannot wait for each other.
    rows = await tx.connection.execute(_MARK, {"event_keys": sorted(by_key)})
    return {by_key[UUID(str(row.event_key))] for row in rows}


async def forget(tx: Transaction, event_ids: Iterable[str], *, scope: str = "") -> None:
    """Make these ids new again: for events that were refused and had no effect."""
    await tx.connection.execute(_FORGET, {"event_keys": [_event_key(scope, event_id) for event_id in event_ids]})


async def prune_inbox(tx: Transaction, *, before: datetime) -> int:
    """Forget ids seen before `before`, which must lie further back than any repeat can come; returns how many."""
    return (await tx.connection.execute(_PRUNE, {"before": before})).rowcount

"""What of the work on snapshots is still to be done; read by the worker's progress round."""

from sqlalchemy import text

from libs.common.persistence import Transaction, stored_offsets
from services.profile.domain.progress import Standing
from services.profile.tables import CUSTOMERS

_MOST_VIEWS = 20_000
_SAME_LOG = text("SELECT EXISTS (SELECT FROM version_relays WHERE relay = :relay AND incarnation = :incarnation)")
_MARKS = text("SELECT min(id) AS oldest, max(id) AS newest FROM dirty_customers")
_UNPUBLISHED = text("""
    SELECT customer_id, version, published_version FROM customers
    WHERE version > published_version ORDER BY customer_id LIMIT :most
""")


async def standing(tx: Transaction, group: str, incarnation: str) -> Standing | None:
    """How far the work is, in the order that Standing wants; None while views are not sent to this log yet."""
    offsets = await stored_offsets(tx, group, incarnation)
    marks = (await tx.connection.execute(_MARKS)).one()
    names = {"relay": CUSTOMERS.name, "incarnation": incarnation}
    if not (await tx.connection.execute(_SAME_LOG, names)).scalar_one():
        return None
    views = (await tx.connection.execute(_UNPUBLISHED, {"most": _MOST_VIEWS})).all()
    return Standing(
        offsets=offsets,
        oldest_mark=marks.oldest,
        newest_mark=marks.newest,
        unpublished={row.customer_id: (row.version, row.published_version) for row in views}
        if len(views) < _MOST_VIEWS
        else None,
    )

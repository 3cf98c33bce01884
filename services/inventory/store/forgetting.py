"""What is over and old enough to be forgotten, on PostgreSQL: oldest first, never more at once than a transaction should hold."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import TextClause, text

from libs.common.persistence import Transaction

TOGETHER = 10_000
"""Rows of one transaction."""


class Past(StrEnum):
    """What grows with every day that a chain trades, and is forgotten."""

    RECEIPTS = "receipts"
    """What each moved, for its void: one that comes after this finds nothing to take back."""

    COMMANDS = "commands"
    """Those that are over, with what was answered and decided. What is needed later or changed since stays."""

    COUNT_REQUESTS = "count_requests"
    """Those that something ended; an open one stays."""

    LANE_ROUNDS = "lane_rounds"


# A row that somebody changes at this moment is left for the next time: nobody is waited for.
_FORGET: dict[Past, TextClause] = {
    Past.RECEIPTS: text("""
        DELETE FROM receipts WHERE (store_id, receipt_id) IN (
            SELECT store_id, receipt_id FROM receipts WHERE heard_on < :day ORDER BY heard_on LIMIT :most FOR UPDATE SKIP LOCKED)
    """),
    Past.COMMANDS: text("""
        WITH over AS MATERIALIZED (
            SELECT command_id FROM commands
            WHERE status IN ('rejected', 'closed', 'expired') AND needed_at < :before AND coalesce(changed_at, decided_at) < :before
            ORDER BY needed_at LIMIT :most FOR UPDATE SKIP LOCKED
        ), unsaid AS (
            DELETE FROM acknowledgements WHERE command_id IN (SELECT command_id FROM over)
        ), undecided AS (
            DELETE FROM command_decisions WHERE command_id IN (SELECT command_id FROM over)
        )
        DELETE FROM commands WHERE command_id IN (SELECT command_id FROM over)
    """),
    Past.COUNT_REQUESTS: text("""
        DELETE FROM count_requests WHERE request_id IN (
            SELECT request_id FROM count_requests AS asked WHERE asked_at < :before AND NOT EXISTS (
                SELECT FROM stock WHERE (stock.item_id, stock.store_id) = (asked.item_id, asked.store_id)
                  AND greatest(moved_day, floor(extract(epoch FROM counted_at) / 86400)::integer) = asked.silent_since)
            ORDER BY asked_at LIMIT :most FOR UPDATE SKIP LOCKED)
    """),
    Past.LANE_ROUNDS: text("""
        DELETE FROM lane_rounds WHERE (lane_id, closed_at) IN (
            SELECT lane_id, closed_at FROM lane_rounds WHERE closed_at < :before ORDER BY closed_at LIMIT :most FOR UPDATE SKIP LOCKED)
    """),
}


async def forget_past(tx: Transaction, past: Past, before: datetime, most: int = TOGETHER) -> int:
    """Forget what was over before that moment, `most` at the most; how many: from `most` on ask again."""
    wanted = {"day": (before - timedelta(days=1)).date()} if past is Past.RECEIPTS else {"before": before}
    return (await tx.connection.execute(_FORGET[past], {**wanted, "most": most})).rowcount

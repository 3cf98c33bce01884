"""Checking the books, and handing them out."""

from collections.abc import Sequence
from datetime import datetime

from libs.common.errors import NotFound
from services.offers.metrics import OffersMetrics
from services.offers.ports.money import Books, LedgerStore, Posted


async def check_books(store: LedgerStore, metrics: OffersMetrics, now: datetime) -> int:
    """Add up what is new of every campaign and compare it with its budget; returns how many campaigns disagree.

    What agrees need not be added up again; what does not is looked at from the same place each time.
    """
    books = await store.books()
    for each in books:
        metrics.ledger_difference_cents.labels(each.campaign_id, each.currency).set(each.difference_cents)
        metrics.ledger_missing.labels(each.campaign_id).set(each.missing)
    agreeing = [each for each in books if each.agree]
    await store.keep_sums(agreeing, now)
    metrics.ledger_checked_at.set(now.timestamp())
    return len(books) - len(agreeing)


async def books_of(store: LedgerStore, campaign_id: str) -> Books:
    """One campaign's books; raises NotFound."""
    found = await store.books(campaign_id=campaign_id)
    if not found:
        raise NotFound(f"no campaign {campaign_id!r}")
    return found[0]


async def journal_of(store: LedgerStore, campaign_id: str, *, after: int, limit: int) -> Sequence[Posted]:
    """The next transfers of a campaign, in order; raises NotFound for an unknown one."""
    page = await store.journal(campaign_id, after=after, limit=limit)
    if not page:
        await books_of(store, campaign_id)
    return page

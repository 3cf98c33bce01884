"""What a till says became of a receipt's coupons: apart from their issue, which an answer of 200 alone says."""

from datetime import datetime

import msgspec

from services.offers.domain.checkout.answer import answered
from services.offers.domain.checkout.reprint import Keys
from services.offers.metrics import OffersMetrics
from services.offers.ports.receipts import PrintOutcome, ReceiptStore, StoredCheckout


class Printed(msgspec.Struct, frozen=True):
    """How it stands."""

    checkout_id: str
    outcome: PrintOutcome


async def note_printed(
    store: ReceiptStore, checkout_id: str, outcome: PrintOutcome, told_at: datetime
) -> tuple[Printed, bool]:
    """How it stands afterwards, and whether this was news: what was printed stays so, whatever a late message says."""
    news = await store.note_outcome(checkout_id, outcome, told_at)
    return Printed(checkout_id, await store.outcome(checkout_id) or outcome), news


def count_printed(metrics: OffersMetrics, stored: StoredCheckout, outcome: PrintOutcome, keys: Keys) -> None:
    """Count the outcome, and the paper that a customer who said no has saved; for that the keys must be known."""
    metrics.printings.labels(outcome.value).inc()
    if outcome is PrintOutcome.DECLINED:
        _, receipt = answered(stored.proposal, stored.granted, keys.codes, keys.signing)
        metrics.paper_millimetres.labels(outcome.value).inc(receipt.paper_mm)

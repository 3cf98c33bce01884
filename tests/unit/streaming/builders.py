"""Events for tests of streaming."""

from datetime import UTC, datetime

from libs.common.contracts import Event, new_event
from libs.common.contracts.stock import MovementReason, StockMoved

MOMENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def movement(number: int, *, item: str | None = None, source: str = "urn:test:till") -> Event:
    """Event `number`: one piece of an item moved."""
    return new_event(
        StockMoved(
            store_id="store-1",
            item_id=item or f"item-{number % 50}",
            change=1,
            reason=MovementReason.ADJUSTMENT,
        ),
        event_id=f"event-{number}",
        source=source,
        occurred_at=MOMENT,
    )

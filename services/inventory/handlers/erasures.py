"""What inventory answers to an erasure: it knows goods and places, and nobody; only what it could not read may name somebody."""

from collections.abc import Sequence
from datetime import datetime

from libs.common.contracts import Event, new_event
from libs.common.contracts.privacy import Erased, ErasureRequested
from libs.common.contracts.topics import PROFILE_ERASED
from libs.common.persistence import OutboxMessage
from services.inventory.handlers import SOURCE
from services.inventory.ports import InventoryStore


async def answer_erasures(store: InventoryStore, events: Sequence[Event], now: datetime) -> int:
    """Drop the dead letters under these persons' keys, and answer; returns how many erasures."""
    asked = [event.data for event in events if isinstance(event.data, ErasureRequested)]
    for request in asked:
        keys = [*request.customer_ids, *(identifier.key for identifier in request.identifiers)]
        body = Erased(
            erasure_id=request.erasure_id,
            service="inventory",
            removed={"dead_letters": await store.forget_dead_letters(keys)},
        )
        event = new_event(body, event_id=f"{request.erasure_id}:inventory", source=SOURCE, occurred_at=now)
        await store.append([OutboxMessage.of(event, PROFILE_ERASED)])
    return len(asked)

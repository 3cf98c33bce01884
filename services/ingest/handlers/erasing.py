"""Forgetting persons: their keys go, and with them whatever was sealed, wherever it lies; so do their events in quarantine."""

from collections.abc import Sequence
from datetime import datetime

from libs.common.contracts import Event, new_event
from libs.common.contracts.privacy import Erased, ErasureRequested
from libs.common.contracts.topics import PROFILE_ERASED
from libs.common.persistence import OutboxMessage
from services.ingest.ports import ErasureStore

SOURCE = "urn:the-usual:ingest"


async def on_erasures(store: ErasureStore, events: Sequence[Event], now: datetime) -> int:
    """Forget whom these events name, and answer each; returns how many erasures there were."""
    asked = [event.data for event in events if isinstance(event.data, ErasureRequested)]
    for request in asked:
        removed = await store.erase([identifier.key for identifier in request.identifiers])
        body = Erased(erasure_id=request.erasure_id, service="ingest", removed=removed)
        event = new_event(body, event_id=f"{request.erasure_id}:ingest", source=SOURCE, occurred_at=now)
        await store.tell(OutboxMessage.of(event, PROFILE_ERASED))
    return len(asked)

"""Where the worker keeps copies of what others publish."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from libs.common.contracts import Event


class ReadModel(Protocol):
    """Copies of what others publish, within one transaction. A version not above the known one changes nothing."""

    async def apply_snapshots(self, events: Sequence[Event], gone: Sequence[str]) -> None:
        """Newest views of customers; `gone` are customer ids whose view was removed."""
        ...

    async def apply_identities(self, events: Sequence[Event], gone: Sequence[str]) -> None:
        """Old customer ids and what they became; vouchers follow."""
        ...

    async def apply_models(self, events: Sequence[Event]) -> None:
        """The newest of the models that checkouts ask."""
        ...

    async def apply_availability(self, events: Sequence[Event], gone: Sequence[str]) -> None:
        """What each store has; `gone` are keys `store:item`."""
        ...

    async def apply_catalogue(self, events: Sequence[Event], gone: Sequence[str]) -> None:
        """Items and stores; `gone` are keys `item:id`, `store:id`."""
        ...

    async def feed_reached(self, topic: str, partition: int, fresh_at: datetime) -> None:
        """Note up to when a feed is complete; an earlier moment changes nothing."""
        ...

    async def feed_complete_until(self, topic: str) -> datetime | None:
        """Up to when all of a feed is complete, None where nothing is known."""
        ...

    async def clock_reached(self, reached_at: datetime) -> None:
        """Move the play's clock, never back."""
        ...

    async def new_event_ids(self, event_ids: Sequence[str]) -> set[str]:
        """Those of `event_ids` that had no effect yet, marked as seen."""
        ...

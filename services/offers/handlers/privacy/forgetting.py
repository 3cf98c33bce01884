"""Forgetting a customer, keeping forgotten ones from coming back with old views, and telling what is held of one."""

from collections.abc import Sequence
from datetime import datetime

from libs.common.contracts import Event, new_event
from libs.common.contracts.privacy import Erased, ErasureRequested
from libs.common.contracts.profile import IdentityChanged, ProfileSnapshot
from libs.common.contracts.topics import PROFILE_ERASED
from libs.common.errors import InvalidInput
from libs.common.persistence import OutboxMessage
from services.offers.handlers.privacy.history import History, decision_view, voucher_view
from services.offers.handlers.vouchers.facts import SOURCE
from services.offers.ports.privacy import NewErasure, PrivacyStore

GREATEST_HISTORY = 10_000
"""Decisions, and vouchers, that one answer holds; of somebody with more nothing is shown rather than a part."""


async def on_erasures(store: PrivacyStore, events: Sequence[Event], noted_at: datetime) -> None:
    """Forget at once; the answer follows when nothing under way can know the customer any more."""
    for event in events:
        if isinstance(event.data, ErasureRequested):
            await store.erase(
                NewErasure(
                    erasure_id=event.data.erasure_id,
                    customer_ids=event.data.customer_ids,
                    identifiers=[identifier.key for identifier in event.data.identifiers],
                    erased_at=event.data.erased_at,
                    noted_at=noted_at,
                )
            )


async def answer_erasure(store: PrivacyStore, noted_before: datetime, now: datetime) -> int:
    """Finish and answer one erasure that was noted before; returns how many there were."""
    finished = await store.finish(noted_before)
    if finished is None:
        return 0
    body = Erased(erasure_id=finished.erasure_id, service="offers", removed=finished.removed)
    event = new_event(body, event_id=f"{finished.erasure_id}:offers", source=SOURCE, occurred_at=now)
    await store.tell(OutboxMessage.of(event, PROFILE_ERASED))
    return 1


async def unsuppressed(store: PrivacyStore, events: Sequence[Event]) -> Sequence[Event]:
    """The snapshots and identity changes that may have an effect: none of a forgotten customer from before the erasure."""
    erased = await store.suppressed(
        {event.data.customer_id for event in events if isinstance(event.data, ProfileSnapshot | IdentityChanged)}
    )
    if not erased:
        return events
    return [event for event in events if not _is_of_before(event, erased.get(event.partition_key))]


async def history_of(store: PrivacyStore, customer_id: str) -> History:
    """All decisions and vouchers of a customer id, newest first; raises InvalidInput when they are too many for an answer."""
    decisions = await store.decisions(customer_id, GREATEST_HISTORY + 1)
    vouchers = await store.vouchers(customer_id, GREATEST_HISTORY + 1)
    if max(len(decisions), len(vouchers)) > GREATEST_HISTORY:
        raise InvalidInput("more than one answer can hold", slug="history-too-long")
    return History(
        customer_id=customer_id,
        decisions=tuple(map(decision_view, decisions)),
        vouchers=tuple(map(voucher_view, vouchers)),
    )


def _is_of_before(event: Event, erased_at: datetime | None) -> bool:
    if erased_at is None:
        return False
    happened_at = event.data.as_of if isinstance(event.data, ProfileSnapshot) else event.occurred_at
    return happened_at <= erased_at

"""What the worker does with each topic: keep copies, undo what goods that came back had got, move the play's clock."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from libs.common.clock import Clock
from libs.common.contracts import Event
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.pos import Return, Void
from libs.common.contracts.profile import ProfileCompleted, ProfileSnapshot
from libs.common.contracts.topics import PROFILE_PROGRESS
from libs.common.errors import RetryableError
from services.offers.handlers.lanes.returns import give_back_offline
from services.offers.handlers.money.clock import MoneyClock
from services.offers.handlers.returns.quotes import summed
from services.offers.handlers.returns.taking_back import give_back_returned, roll_back_receipt
from services.offers.handlers.returns.undoing import undo_returns
from services.offers.handlers.vouchers.expiry import EXPIRED_TOGETHER, expire_vouchers
from services.offers.metrics import OffersMetrics
from services.offers.ports.feeds import ReadModel
from services.offers.ports.lanes.journals import OfflineStore
from services.offers.ports.money import Cause
from services.offers.ports.privacy import PrivacyStore
from services.offers.ports.redemption.redemptions import RedemptionStore
from services.offers.ports.returns import Reversal
from services.offers.ports.vouchers import ExpiryStore


class FeedStores(Protocol):
    """The stores of one transaction."""

    @property
    def read_model(self) -> ReadModel:
        """Copies."""
        ...

    @property
    def redemptions(self) -> RedemptionStore:
        """Vouchers and budgets."""
        ...

    @property
    def privacy(self) -> PrivacyStore:
        """Who was forgotten."""
        ...

    @property
    def offline(self) -> OfflineStore:
        """What lanes gave without a network."""
        ...

    @property
    def expiry(self) -> ExpiryStore:
        """Open vouchers."""
        ...


async def on_snapshots(stores: FeedStores, events: Sequence[Event], gone: Sequence[str]) -> Sequence[datetime]:
    """Newest views of customers; returns when the door had accepted what they show, for the freshness figure."""
    await stores.read_model.apply_snapshots(events, gone)
    return [event.data.accepted_at for event in events if isinstance(event.data, ProfileSnapshot)]


async def on_progress(stores: FeedStores, events: Sequence[Event]) -> None:
    """Profile's word on until when its snapshots are complete: it counts once they are read that far."""
    stated = [event.data.complete_until for event in events if isinstance(event.data, ProfileCompleted)]
    if stated:
        await stores.read_model.feed_reached(PROFILE_PROGRESS.name, 0, max(stated))


async def on_receipts(stores: FeedStores, events: Sequence[Event], clock: MoneyClock) -> None:
    """Returns and voids of receipts on which a voucher gave; sales change nothing here.

    Each counts once, whatever repeats: its event id is remembered with its effect.
    """
    takes_back = [event for event in events if isinstance(event.data, (Return, Void)) and event.data.counts]
    if not takes_back:
        return
    await _enter(stores.redemptions, [event.data for event in takes_back])
    new_ids = await stores.read_model.new_event_ids([event.event_id for event in takes_back])
    for event in takes_back:
        if event.event_id in new_ids:
            new_ids.discard(event.event_id)
            await _take_back(stores, event, clock)


async def on_tick(stores: FeedStores, events: Sequence[Event], metrics: OffersMetrics) -> None:
    """Event time moved on: vouchers whose time is over end now."""
    reached = [event.data.reached_at for event in events if isinstance(event.data, PlayTicked)]
    if not reached:
        return
    await stores.read_model.clock_reached(max(reached))
    while await expire_vouchers(stores.expiry, max(reached), metrics) == EXPIRED_TOGETHER:
        continue


def observe_freshness(metrics: OffersMetrics, clock: Clock, accepted: Sequence[datetime]) -> None:
    """Note how old these views were when checkouts could first read them."""
    now = clock.now()
    for at in accepted:
        metrics.freshness_seconds.observe(max(0.0, (now - at).total_seconds()))


async def _enter(store: RedemptionStore, facts: Sequence[object]) -> None:
    """Enter all receipts of these at once: those that goods came back to, and returns', which may be voided themselves."""
    voided = {fact.voided_receipt_id for fact in facts if isinstance(fact, Void)}
    returns = [fact for fact in facts if isinstance(fact, Return) and fact.original_receipt_id is not None]
    receipts = voided | {fact.receipt_id for fact in returns} | {fact.original_receipt_id or "" for fact in returns}
    receipts |= set(await store.returned_with(sorted(voided)))
    await store.lock_receipts(sorted(receipts))
    if not receipts.issuperset(await store.returned_with(sorted(voided))):
        raise RetryableError("a return came in while its void was about to", slug="return-meanwhile")


async def _take_back(stores: FeedStores, event: Event, clock: MoneyClock) -> None:
    fact, store, cause = event.data, stores.redemptions, Cause(event.event_id, event.occurred_at)
    if isinstance(fact, Void):
        await roll_back_receipt(store, fact.voided_receipt_id, event.event_id, clock, event.occurred_at)
        await undo_returns(store, fact.voided_receipt_id, event.event_id, event.occurred_at)
        await give_back_offline(stores.offline, fact.voided_receipt_id, None, cause)
    elif isinstance(fact, Return) and fact.original_receipt_id is not None:
        voided_at = (await store.so_far(fact.receipt_id)).voided_at
        if voided_at is not None and event.occurred_at <= voided_at:
            return
        returned: list[tuple[str, Decimal]] = [(line.item_id, line.quantity) for line in fact.lines]
        back = Reversal(
            event_id=event.event_id,
            receipt_id=fact.original_receipt_id,
            goods=summed(returned),
            occurred_at=event.occurred_at,
            return_receipt_id=fact.receipt_id,
        )
        await give_back_returned(store, back, clock)
        await give_back_offline(stores.offline, fact.original_receipt_id, returned, cause)

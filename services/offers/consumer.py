"""From a batch of a topic to its handler."""

from collections.abc import Awaitable, Callable, Mapping

from libs.common.contracts.topics import (
    INGEST_CATALOG,
    INGEST_PLAY,
    INGEST_POS,
    INVENTORY_AVAILABILITY,
    PROFILE_ERASURES,
    PROFILE_IDENTITY,
    PROFILE_MODELS,
    PROFILE_PROGRESS,
    PROFILE_SNAPSHOTS,
)
from libs.common.persistence import Transaction
from libs.common.streaming import Batch
from services.offers.handlers.feeds import (
    FeedStores,
    observe_freshness,
    on_progress,
    on_receipts,
    on_snapshots,
    on_tick,
)
from services.offers.handlers.money.clock import MoneyClock
from services.offers.handlers.privacy.forgetting import on_erasures, unsuppressed
from services.offers.metrics import OffersMetrics

GROUP = "offers"
TOPICS = (
    PROFILE_SNAPSHOTS,
    PROFILE_PROGRESS,
    PROFILE_IDENTITY,
    PROFILE_MODELS,
    PROFILE_ERASURES,
    INVENTORY_AVAILABILITY,
    INGEST_CATALOG,
    INGEST_POS,
    INGEST_PLAY,
)


Handler = Callable[[Transaction, FeedStores, Batch], Awaitable[None]]


class Feeds:
    """Calls the handler of each topic; `on_batch` is what the consumer wants."""

    def __init__(
        self, stores_of: Callable[[Transaction], FeedStores], clock: MoneyClock, metrics: OffersMetrics
    ) -> None:
        self._stores_of = stores_of
        self._clock = clock
        self._metrics = metrics
        self._handlers: Mapping[str, Handler] = {
            PROFILE_SNAPSHOTS.name: self._snapshots,
            PROFILE_PROGRESS.name: self._progress,
            PROFILE_IDENTITY.name: self._identities,
            PROFILE_MODELS.name: self._models,
            PROFILE_ERASURES.name: self._erasures,
            INVENTORY_AVAILABILITY.name: self._availability,
            INGEST_CATALOG.name: self._catalogue,
            INGEST_POS.name: self._receipts,
            INGEST_PLAY.name: self._ticks,
        }

    async def on_batch(self, tx: Transaction, batch: Batch) -> None:
        """Apply one batch within its transaction."""
        await self._handlers[batch.topic](tx, self._stores_of(tx), batch)

    async def _snapshots(self, tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        events = await unsuppressed(stores.privacy, batch.events)
        accepted = await on_snapshots(stores, events, batch.tombstones)
        tx.on_commit(lambda: observe_freshness(self._metrics, self._clock.clock, accepted))

    async def _progress(self, _tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await on_progress(stores, batch.events)

    async def _identities(self, _tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        events = await unsuppressed(stores.privacy, batch.events)
        await stores.read_model.apply_identities(events, batch.tombstones)

    async def _models(self, _tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await stores.read_model.apply_models(batch.events)

    async def _erasures(self, _tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await on_erasures(stores.privacy, batch.events, self._clock.clock.now())

    async def _availability(self, _tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await stores.read_model.apply_availability(batch.events, batch.tombstones)

    async def _catalogue(self, _tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await stores.read_model.apply_catalogue(batch.events, batch.tombstones)

    async def _receipts(self, _tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await on_receipts(stores, batch.events, self._clock)

    async def _ticks(self, _tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await on_tick(stores, batch.events, self._metrics)

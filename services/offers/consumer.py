"""From a batch of a topic to its handler."""

from collections.abc import Callable

from libs.common.clock import Clock
from libs.common.contracts.topics import (
    INGEST_CATALOG,
    INGEST_PLAY,
    INGEST_POS,
    INVENTORY_AVAILABILITY,
    PROFILE_IDENTITY,
    PROFILE_MODELS,
    PROFILE_SNAPSHOTS,
)
from libs.common.persistence import Transaction
from libs.common.streaming import Batch, BatchHandler
from services.offers.handlers.feeds import FeedStores, observe_freshness, on_receipts, on_snapshots, on_tick
from services.offers.metrics import OffersMetrics

GROUP = "offers"
TOPICS = (
    PROFILE_SNAPSHOTS,
    PROFILE_IDENTITY,
    PROFILE_MODELS,
    INVENTORY_AVAILABILITY,
    INGEST_CATALOG,
    INGEST_POS,
    INGEST_PLAY,
)


def make_handler(stores_of: Callable[[Transaction], FeedStores], clock: Clock, metrics: OffersMetrics) -> BatchHandler:
    """What the consumer calls with each batch."""

    async def snapshots(tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        partition = batch.partition.partition
        accepted = await on_snapshots(stores, batch.events, batch.tombstones, topic=batch.topic, partition=partition)
        tx.on_commit(lambda: observe_freshness(metrics, clock, accepted))

    async def identities(_tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await stores.read_model.apply_identities(batch.events, batch.tombstones)

    async def models(_tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await stores.read_model.apply_models(batch.events)

    async def availability(_tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await stores.read_model.apply_availability(batch.events, batch.tombstones)

    async def catalogue(_tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await stores.read_model.apply_catalogue(batch.events, batch.tombstones)

    async def receipts(_tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await on_receipts(stores, batch.events)

    async def ticks(_tx: Transaction, stores: FeedStores, batch: Batch) -> None:
        await on_tick(stores, batch.events, metrics)

    handlers = {
        PROFILE_SNAPSHOTS.name: snapshots,
        PROFILE_IDENTITY.name: identities,
        PROFILE_MODELS.name: models,
        INVENTORY_AVAILABILITY.name: availability,
        INGEST_CATALOG.name: catalogue,
        INGEST_POS.name: receipts,
        INGEST_PLAY.name: ticks,
    }

    async def on_batch(tx: Transaction, batch: Batch) -> None:
        await handlers[batch.topic](tx, stores_of(tx), batch)

    return on_batch

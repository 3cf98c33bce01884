"""Topic to handler; no rules, no SQL."""

from collections import Counter
from functools import partial

from libs.common.clock import Clock
from libs.common.contracts.inventory import Acknowledged
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.topics import (
    INGEST_CATALOG,
    INGEST_POS,
    INGEST_STOCK,
    INGEST_WEB,
    INVENTORY_ACKNOWLEDGEMENTS,
    INVENTORY_DEMAND,
    OFFERS_VOUCHERS,
    PROFILE_ERASURES,
)
from libs.common.contracts.web import Searched
from libs.common.persistence import Transaction, mark_seen
from libs.common.streaming import Batch, BatchHandler
from services.inventory.handlers.assortment.searching import take_assortment, take_searches
from services.inventory.handlers.catalog import take_catalog
from services.inventory.handlers.closing.days import Closer
from services.inventory.handlers.closing.links import take_links
from services.inventory.handlers.commands.acknowledgements import Acknowledgement, Effect, acknowledge
from services.inventory.handlers.erasures import answer_erasures
from services.inventory.handlers.reviewing import Reviewer
from services.inventory.handlers.stock.movements import take_demand, take_stock
from services.inventory.handlers.stock.receipts import take_receipts
from services.inventory.handlers.vouchers import take_presented, take_vouchers
from services.inventory.metrics import InventoryMetrics
from services.inventory.ports import InventoryStore
from services.inventory.ports.stores import StoreOf

TOPICS = (
    INGEST_POS,
    INVENTORY_DEMAND,
    INGEST_STOCK,
    INGEST_CATALOG,
    OFFERS_VOUCHERS,
    INVENTORY_ACKNOWLEDGEMENTS,
    PROFILE_ERASURES,
)
ASSORTMENT_TOPICS = (INGEST_CATALOG, INGEST_WEB)


def facts_handler(store_of: StoreOf, metrics: InventoryMetrics, clock: Clock) -> BatchHandler:
    """What the worker does with a batch of facts, by its topic."""

    async def handle(tx: Transaction, batch: Batch) -> None:
        store = store_of(tx)
        match batch.topic:
            case INGEST_POS.name:
                kind, count = "receipt_line", await take_receipts(store, batch.events)
                await take_presented(store, batch.events)
            case INVENTORY_DEMAND.name:
                kind, count = "demand", await take_demand(store, batch.events)
                tx.on_commit(partial(_measure_freshness, metrics, clock, batch))
            case INGEST_STOCK.name:
                kind, count = "stock", await take_stock(store, batch.events)
            case INGEST_CATALOG.name:
                kind, count = "catalog", await take_catalog(store, batch.events)
                await _take_links(store, batch)
            case OFFERS_VOUCHERS.name:
                kind, count = "voucher", await take_vouchers(store, batch.events)
            case PROFILE_ERASURES.name:
                kind, count = "erasure", await answer_erasures(store, batch.events, clock.now())
            case _:
                kind, count = "acknowledgement", await _acknowledge(tx, store, batch, metrics)
        tx.on_commit(partial(metrics.facts.labels(kind).inc, count))

    return handle


def assortment_handler(store_of: StoreOf, metrics: InventoryMetrics) -> BatchHandler:
    """What the assortment's consumer does with searches and master data.

    Of all that happens on the website only searches are looked at, so only they are marked as seen. Master data needs no marks.
    """

    async def handle(tx: Transaction, batch: Batch) -> None:
        store = store_of(tx)
        if batch.topic == INGEST_CATALOG.name:
            await take_assortment(store.assortment, batch.events)
            return
        searches = {event.event_id: event for event in batch.events if isinstance(event.data, Searched)}
        new = await mark_seen(tx, searches, scope=batch.group)
        counted = await take_searches(store.assortment, [event for name, event in searches.items() if name in new])
        for outcome, count in zip(("understood", "not_understood"), counted, strict=True):
            tx.on_commit(partial(metrics.searches.labels(outcome).inc, count))

    return handle


def ticks_handler(store_of: StoreOf, closer: Closer, reviewer: Reviewer) -> BatchHandler:
    """What the reviewing consumer does with ticks: the days before the newest are closed, then a review as of it.

    Whoever is behind decides as of now, as a live reviewer does. A tick's offset moves when all of it is decided.
    """

    async def handle(tx: Transaction, batch: Batch) -> None:
        waiting = store_of(tx)

        async def between(done: int) -> None:
            if done:
                batch.progressed()
            await waiting.still_there()

        ticks = [event.data.reached_at for event in batch.events if isinstance(event.data, PlayTicked)]
        if ticks:
            await closer.run(max(ticks), between)
            await reviewer.run(max(ticks), between)

    return handle


async def _take_links(store: InventoryStore, batch: Batch) -> None:
    for event, reason in await take_links(store, batch.events):
        batch.reject(event, reason, slug="impossible-link")


async def _acknowledge(tx: Transaction, store: InventoryStore, batch: Batch, metrics: InventoryMetrics) -> int:
    given = [
        (event, Acknowledgement(body=event.data, answered_at=event.occurred_at))
        for event in batch.events
        if isinstance(event.data, Acknowledged)
    ]
    effects = await acknowledge(store, [one for _, one in given])
    for (event, _), effect in zip(given, effects, strict=True):
        if effect is Effect.UNKNOWN:
            batch.reject(event, "no such command for this item", "unknown-command")
    tx.on_commit(partial(_count_effects, metrics, Counter(effects)))
    return len(given)


def _count_effects(metrics: InventoryMetrics, effects: Counter[Effect]) -> None:
    for effect, count in effects.items():
        metrics.acknowledgements.labels(effect.value).inc(count)


def _measure_freshness(metrics: InventoryMetrics, clock: Clock, batch: Batch) -> None:
    """The oldest of the batch speaks for it: one figure a batch is enough for a quantile over batches."""
    accepted = [event.received_at for event in batch.events if event.received_at is not None]
    if accepted:
        metrics.freshness_seconds.observe(max((clock.now() - min(accepted)).total_seconds(), 0.0))

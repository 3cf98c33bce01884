"""Topic to handler; no rules, no SQL."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from libs.common.contracts import Event
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.topics import (
    INGEST_CATALOG,
    INGEST_CONSENT,
    INGEST_PLAY,
    OFFERS_VOUCHERS,
    PROFILE_ERASED,
)
from libs.common.persistence import Transaction
from libs.common.streaming import Batch, BatchHandler
from services.profile.handlers.catalog import take_catalog, unknown_zone
from services.profile.handlers.erasing import take_answers
from services.profile.handlers.identity import links_itself, take_consents_and_links
from services.profile.handlers.intake import take_contacts, take_vouchers
from services.profile.handlers.learning import queue_baskets
from services.profile.handlers.memory import NeedsLearning
from services.profile.handlers.suppressing import unsuppressed
from services.profile.metrics import ProfileMetrics
from services.profile.ports import ProfileStore

StoreOf = Callable[[Transaction], ProfileStore]


def worker_handler(store_of: StoreOf, metrics: ProfileMetrics) -> BatchHandler:
    """What the worker does with a batch, by its topic."""

    async def handle(tx: Transaction, batch: Batch) -> None:
        store = store_of(tx)
        kinds: Counter[str] = Counter()
        match batch.topic:
            case INGEST_CATALOG.name:
                await take_catalog(store, _without(batch, batch.events, unknown_zone, "unknown-time-zone"))
            case PROFILE_ERASED.name:
                await take_answers(store, batch.events)
            case _:
                kinds = await _of_persons(store, batch)
        tx.on_commit(partial(_count, metrics, kinds))

    return handle


async def _of_persons(store: ProfileStore, batch: Batch) -> Counter[str]:
    """What tells of persons: those who were forgotten are left out, under a lock that keeps anybody from being forgotten."""
    events = await unsuppressed(store, batch.events)
    forgotten = Counter(suppressed=len(batch.events) - len(events))
    match batch.topic:
        case INGEST_CONSENT.name:
            await take_consents_and_links(store, _without(batch, events, links_itself, "linked-with-itself"))
            return forgotten
        case OFFERS_VOUCHERS.name:
            return forgotten + await take_vouchers(store, events)
        case _:
            return forgotten + await take_contacts(store, events)


def learner_handler(store_of: StoreOf, learning: NeedsLearning) -> BatchHandler:
    """What the learner does: baskets get in line; with a tick event time has reached the latest of the batch."""

    async def handle(tx: Transaction, batch: Batch) -> None:
        if batch.topic != INGEST_PLAY.name:
            store = store_of(tx)
            await queue_baskets(store, await unsuppressed(store, batch.events))
            return
        ticks = [event.data.reached_at for event in batch.events if isinstance(event.data, PlayTicked)]
        if ticks:
            await learning.reached(tx, store_of(tx), max(ticks))

    return handle


def _without(batch: Batch, events: Sequence[Event], is_wrong: Callable[[Event], bool], slug: str) -> Sequence[Event]:
    """The events but those that can never be applied; they are set aside."""
    right = []
    for event in events:
        if is_wrong(event):
            batch.reject(event, slug.replace("-", " "), slug)
        else:
            right.append(event)
    return right


def _count(metrics: ProfileMetrics, kinds: Counter[str]) -> None:
    for kind, count in kinds.items():
        metrics.contacts.labels(kind).inc(count)

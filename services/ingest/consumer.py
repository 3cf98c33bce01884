"""Topic to handler: the worker reads who is to be forgotten."""

from collections.abc import Callable

from libs.common.clock import Clock
from libs.common.contracts.topics import PROFILE_ERASURES
from libs.common.persistence import Transaction
from libs.common.streaming import Batch, BatchHandler
from services.ingest.handlers.erasing import on_erasures
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import ErasureStore

GROUP = "ingest"
TOPICS = (PROFILE_ERASURES,)


def erasures_handler(
    store_of: Callable[[Transaction], ErasureStore], metrics: IngestMetrics, clock: Clock
) -> BatchHandler:
    """What the worker does with a batch."""

    async def handle(tx: Transaction, batch: Batch) -> None:
        erased = await on_erasures(store_of(tx), batch.events, clock.now())
        tx.on_commit(lambda: metrics.persons_erased.inc(erased))

    return handle

"""A process that makes batches until it is killed: `python -m tests.support.batch_worker URL TOGETHER`."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from libs.common.clock import SystemClock
from libs.common.persistence import Transactions, make_engine
from services.offers.bootstrap.parts import SERVICE
from services.offers.domain.codes.code import CodeKey
from services.offers.handlers.batches.making import BatchMaker
from services.offers.metrics import OffersMetrics
from services.offers.store.batches.rows import PostgresBatches
from tests.support.offers_running import CODES


async def work(url: str, together: int) -> None:
    """Chunk by chunk; rests where the other has the batch."""
    transactions = Transactions(make_engine(url, schema=SERVICE, application_name="batches"), SERVICE)

    @asynccontextmanager
    async def begin() -> AsyncIterator[PostgresBatches]:
        async with transactions.begin() as tx:
            yield PostgresBatches(tx)

    async def key() -> CodeKey:
        return CODES

    maker = BatchMaker(begin, key, SystemClock(), OffersMetrics(CollectorRegistry()), together)
    while True:
        if not await maker.step():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.01)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], int(sys.argv[2])))

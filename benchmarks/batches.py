"""A batch of vouchers from request to rows: the generator alone, and the whole job into PostgreSQL, which waits for its disk.

By CPU time a figure is what one core does if it does nothing else; the job's counts the worker and the server, every process.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client import CollectorRegistry

from benchmarks.profile.running import cpu_seconds
from benchmarks.report import Figure
from libs.common.clock import SystemClock
from libs.common.persistence import Timeouts, Transactions, make_engine, run_migrations
from libs.laptop.embedded_postgres import EmbeddedPostgres
from services.offers.bootstrap.batches import batch_stores_of
from services.offers.bootstrap.parts import SERVICE
from services.offers.domain.batches import Batch, Source, Validity, batch_of, made_codes
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.codes.code import CodeKey
from services.offers.handlers.batches.making import BatchMaker
from services.offers.handlers.batches.office import BatchAsked, start_batch
from services.offers.metrics import OffersMetrics
from services.offers.store.batches.rows import PostgresBatches
from services.offers.store.campaigns.versions import PostgresCampaigns

CODES = 100_000
ROUNDS = 3
_KEY = CodeKey(b"a key for benchmarks, 32 bytes!!")
_NOW = datetime(2026, 3, 10, tzinfo=UTC)
_VALIDITY = Validity(last_day=date(2026, 3, 31), time_zone="Europe/Berlin")
_CAMPAIGN = Campaign.model_validate(
    {
        "campaign_id": "spring",
        "title": "Spring",
        "kind": "amount",
        "amount_cents": 100,
        "greatest_value_cents": 100,
        "currency": "EUR",
        "cap_cents": 10**10,
        "guard_rails": {"greatest_value_cents": 100},
    }
)


def run() -> list[Figure]:
    """The job first: by CPU time, by the clock; then its generator."""
    return asyncio.run(_run())


async def _run() -> list[Figure]:
    with TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        await server.start()
        try:
            jobs = await _jobs(server)
        finally:
            await server.stop()
    batch = batch_of(_CAMPAIGN, "alone", Source.MADE, None, _VALIDITY, _NOW)
    alone = [_generated(batch) for _ in range(ROUNDS)]
    return [
        Figure("a batch, worker and PostgreSQL, by CPU time of one core", tuple(by_cpu for by_cpu, _ in jobs), "code"),
        Figure("the same by the clock", tuple(by_clock for _, by_clock in jobs), "code"),
        Figure("making the codes and their look-ups alone, by CPU time", tuple(alone), "code"),
    ]


def _generated(batch: Batch) -> float:
    before = time.process_time()
    made_codes(batch, 1, CODES, _KEY)
    return CODES / (time.process_time() - before)


async def _jobs(server: EmbeddedPostgres) -> list[tuple[float, float]]:
    engine = make_engine(
        server.url(SERVICE), schema=SERVICE, application_name="bench", timeouts=Timeouts.whole_tables()
    )
    try:
        await run_migrations(engine, f"services.{SERVICE}.migrations", SERVICE)
        transactions = Transactions(engine, SERVICE)
        async with transactions.begin() as tx:
            await PostgresCampaigns(tx).put(_CAMPAIGN, 1, "bench")
        return [await _job(transactions, server, f"batch-{number}") for number in range(ROUNDS)]
    finally:
        await engine.dispose()


async def _job(transactions: Transactions, server: EmbeddedPostgres, batch_id: str) -> tuple[float, float]:
    """Codes a second by CPU time, and by the clock."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[PostgresBatches]:
        async with transactions.begin() as tx:
            yield PostgresBatches(tx)

    async def key() -> CodeKey:
        return _KEY

    asked = BatchAsked(
        batch_id=batch_id, campaign_id="spring", codes=CODES, store_id=None, validity=_VALIDITY, asked_by="bench"
    )
    async with transactions.begin() as tx:
        await start_batch(batch_stores_of(tx), asked, _NOW, _NOW)
    maker = BatchMaker(begin, key, SystemClock(), OffersMetrics(CollectorRegistry()))
    started, server_before, own_before = time.perf_counter(), cpu_seconds(server.child), time.process_time()
    while await maker.step():
        pass
    seconds = time.perf_counter() - started
    cpu = time.process_time() - own_before + cpu_seconds(server.child) - server_before
    return CODES / cpu, CODES / seconds

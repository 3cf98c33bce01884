"""What the doors find in their databases: the tables of this release, and the chain."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from benchmarks.offers.chain import Chain
from libs.common.clock import SystemClock
from libs.common.contracts import Event
from libs.common.contracts.topics import PROFILE_SNAPSHOTS
from libs.common.persistence import Timeouts, Transactions, make_engine, run_migrations
from libs.common.pseudonyms import Pseudonyms
from services.offers.bootstrap import SERVICE
from services.offers.store.campaigns.versions import PostgresCampaigns
from services.offers.store.codes import ensure_code_key
from services.offers.store.feeds import PostgresReadModel
from services.offers.store.money.ledger import PostgresLedger

_AT_ONCE = 2_000
_KEY_BYTES = 32


async def fill(url: str, chain: Chain, pseudonyms: Pseudonyms, *, hot: bool) -> None:
    """Migrate, and tell all that a door must know."""
    now = SystemClock().now()
    async with _transactions(url) as transactions:
        await run_migrations(transactions.engine, f"services.{SERVICE}.migrations", SERVICE)
        for events in _portions(chain.catalogue(now)):
            async with transactions.begin() as tx:
                await PostgresReadModel(tx).apply_catalogue(events, ())
        for events in _portions(chain.availability(now)):
            async with transactions.begin() as tx:
                await PostgresReadModel(tx).apply_availability(events, ())
        for events in _portions(chain.customers(pseudonyms, now)):
            async with transactions.begin() as tx:
                await PostgresReadModel(tx).apply_snapshots(events, ())
        async with transactions.begin() as tx:
            await PostgresReadModel(tx).apply_models([chain.published_model(now)])
            for campaign in chain.campaigns(hot=hot):
                await PostgresCampaigns(tx).put(campaign, 1, "bench")
            await ensure_code_key(tx, secrets.token_bytes(_KEY_BYTES))


async def keep_fresh(url: str, every_seconds: float) -> None:
    """Say again and again that all profiles are there, as the worker does while its feed is quiet; until cancelled."""
    async with _transactions(url) as transactions:
        while True:
            async with transactions.begin() as tx:
                await PostgresReadModel(tx).feed_reached(PROFILE_SNAPSHOTS.name, 0, SystemClock().now())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), every_seconds)


async def check_books(url: str) -> None:
    """Raises ValueError when a campaign's budget and journal are apart."""
    async with _transactions(url) as transactions, transactions.begin() as tx:
        apart = [one.campaign_id for one in await PostgresLedger(tx).books() if not one.agree]
    if apart:
        raise ValueError(f"budget and journal are apart: {', '.join(apart)}")


@asynccontextmanager
async def _transactions(url: str) -> AsyncIterator[Transactions]:
    engine = make_engine(url, schema=SERVICE, application_name="bench", timeouts=Timeouts.migrate())
    try:
        yield Transactions(engine, SERVICE)
    finally:
        await engine.dispose()


def _portions(events: Iterable[Event]) -> Iterator[Sequence[Event]]:
    rest = iter(events)
    while some := list(islice(rest, _AT_ONCE)):
        yield some

"""Batches joined to their stores: what the doors begin, and the worker's round that makes them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from libs.common.persistence import Transaction
from services.offers.bootstrap.parts import Parts, code_key_of
from services.offers.domain.batches import CHUNK
from services.offers.domain.codes.code import CodeKey
from services.offers.handlers.batches.making import BatchMaker
from services.offers.store.batches.rows import PostgresBatches
from services.offers.store.campaigns.versions import PostgresCampaigns
from services.offers.store.revocation import PostgresRevocations


@dataclass(frozen=True, slots=True)
class _Stores:
    """Fits BatchStores."""

    batches: PostgresBatches
    campaigns: PostgresCampaigns
    revocations: PostgresRevocations


def batch_stores_of(tx: Transaction) -> _Stores:
    """The stores of one transaction."""
    return _Stores(PostgresBatches(tx), PostgresCampaigns(tx), PostgresRevocations(tx))


def batch_round(parts: Parts, together: int = CHUNK) -> Callable[[], Awaitable[int]]:
    """Makes the next chunk of a batch, so many vouchers together; says 0 (rest) when none is running."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[PostgresBatches]:
        async with parts.transactions.begin() as tx:
            yield PostgresBatches(tx)

    async def key() -> CodeKey:
        return await code_key_of(parts)

    return BatchMaker(begin, key, parts.clock, parts.metrics, together).step

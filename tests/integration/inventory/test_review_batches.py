"""How much a review takes at once on a real database: bounded by shelves, and a transaction that the database ended is done again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import pytest

from libs.common.errors import RetryableError
from libs.common.persistence import Transaction, Transactions
from services.inventory.bootstrap.roles import reviewer_of
from services.inventory.ports import InventoryStore
from services.inventory.store import store_of
from tests.integration.inventory.test_reviews import a_fortnight
from tests.support.inventory_events import at
from tests.support.inventory_running import running_inventory
from tests.support.postgres import Database


class Slow(Transactions):
    """Transaction number `slow` computes for longer than the database lets a transaction be silent."""

    slow = 3

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        async with super().begin() as tx:
            self.slow -= 1
            if self.slow == 0:
                await tx.connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 50")
                await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.3)
            yield tx


async def test_a_review_whose_transaction_the_database_ended_is_run_again_and_decides_what_one_run_decides(
    database: Database, other_database: Database
) -> None:
    async with running_inventory(database) as whole, running_inventory(other_database, review_batch_shelves=6) as cut:
        for service in (whole, cut):
            await service.take(a_fortnight())
        await whole.review(4.2)
        with pytest.raises(RetryableError):
            await replace(reviewer_of(cut.parts), transactions=Slow(cut.parts.engine, "inventory")).run(at(4.2))
        assert len(await cut.rows("SELECT 1 FROM plans")) == 2, "the batch before"
        await cut.review(4.2)
        assert await cut.state() == await whole.state()
        assert sorted(map(str, await cut.commands_sent())) == sorted(map(str, await whole.commands_sent()))


@pytest.mark.parametrize(("shelves", "at_once"), [(1, 1), (7, 2), (9, 3), (1_000, 12)])
async def test_a_batch_holds_no_more_shelves_than_it_may_and_at_least_one_item(
    database: Database, shelves: int, at_once: int
) -> None:
    async with running_inventory(database, review_batch_shelves=shelves) as service:
        await service.take(a_fortnight())
        reviewer, claims = reviewer_of(service.parts), []

        def store(tx: Transaction) -> InventoryStore:
            found = store_of(tx)
            claim = found.reviews.claim

            async def noted(now: datetime, limit: int, after: str = "") -> Sequence[str]:
                claims.append(len(claimed := await claim(now, limit, after)))
                return claimed

            reviews = cast("Any", found.reviews)
            reviews.claim = noted
            return found

        done = await replace(reviewer, store_of=store).run(at(4.2))
        assert done["claimed"] == sum(claims) == 12
        assert max(claims) == at_once

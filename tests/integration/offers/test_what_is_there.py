"""Of many questions in one statement, each is told what its own store has of its own items."""

import asyncio
from random import Random

from services.offers.bootstrap.parts import SERVICE
from services.offers.store.checkout.reads import SharedCheckoutReads
from services.offers.store.connections import connector
from services.offers.store.shared_statement import Limits
from tests.integration.offers.test_budgets_hold import looking
from tests.support.offers_running import tell_world
from tests.support.postgres import Database

STORES = ("s1", "s 2", "süd")
ITEMS = tuple(f"item {number}, grün" for number in range(40))


async def test_many_stores_are_asked_at_once_and_nobody_is_told_of_another(database: Database) -> None:
    await tell_world(database)
    random = Random(7)
    said = {(store, item): random.random() < 0.5 for store in STORES for item in ITEMS if random.random() < 0.8}
    async with looking(database) as transactions, transactions.begin() as tx:
        for (store_id, item_id), there in said.items():
            await tx.connection.exec_driver_sql(
                "INSERT INTO availability VALUES ($1, $2, 1, $3)", (store_id, item_id, there)
            )
    questions = [(random.choice((*STORES, "no such")), random.sample(ITEMS, random.randint(0, 12))) for _ in range(90)]
    connect = connector(database.url("offers"), schema=SERVICE, name="test", statement_seconds=10)
    reads = SharedCheckoutReads(connect, Limits(statement_seconds=10.0, connect_seconds=20.0))
    serving = asyncio.create_task(reads.statement.run())
    try:
        answers = await asyncio.gather(*(reads.there(store, items) for store, items in questions))
    finally:
        reads.statement.stop()
        await asyncio.wait_for(serving, 10)
    assert answers == [{item for item in items if said.get((store, item))} for store, items in questions]
    assert any(answers)

"""Laws of a transaction that a task shares with what it calls: all of it or nothing, and nobody else's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from sqlalchemy import text

from libs.common.errors import RetryableError
from libs.common.persistence import Transactions, make_engine, run_migrations
from tests.integration.streaming.harness import MIGRATIONS, SCHEMA
from tests.support.postgres import Database


@pytest.fixture
async def transactions(database: Database) -> AsyncIterator[Transactions]:
    engine = make_engine(database.url(SCHEMA), schema=SCHEMA, application_name="laws")
    await run_migrations(engine, MIGRATIONS, SCHEMA)
    async with Transactions(engine, SCHEMA).begin() as tx:
        await tx.connection.execute(text("CREATE TABLE said (word text PRIMARY KEY)"))
    yield Transactions(engine, SCHEMA)
    await engine.dispose()


async def say(transactions: Transactions, word: str) -> None:
    async with transactions.begin() as tx:
        await tx.connection.execute(text("INSERT INTO said VALUES (:word)"), {"word": word})


async def said(transactions: Transactions) -> list[str]:
    async with transactions.begin() as tx:
        return list((await tx.connection.execute(text("SELECT word FROM said ORDER BY word"))).scalars())


async def test_what_is_begun_within_commits_with_it_and_is_seen_by_nobody_before(transactions: Transactions) -> None:
    happened: list[str] = []
    async with transactions.shared() as tx:
        await say(transactions, "one")
        tx.on_commit(lambda: happened.append("committed"))
        await say(transactions, "two")
        assert await said(transactions) == ["one", "two"]
        assert await asyncio.create_task(said(transactions)) == [], "another task begins its own"
        assert happened == []
    assert (await said(transactions), happened) == (["one", "two"], ["committed"])
    await say(transactions, "after")
    assert await asyncio.create_task(said(transactions)) == ["after", "one", "two"]


async def fail(transactions: Transactions) -> None:
    async with transactions.begin() as tx:
        await tx.connection.execute(text("INSERT INTO said VALUES ('half')"))
        raise LookupError


async def time_out(transactions: Transactions) -> None:
    async with transactions.begin() as tx:
        await tx.connection.execute(text("SET LOCAL statement_timeout = '10ms'"))
        await tx.connection.execute(text("SELECT pg_sleep(5)"))


async def share(
    transactions: Transactions, *swallowed: type[Exception], part: Callable[[Transactions], Awaitable[None]] = fail
) -> None:
    """Say something, then a part that fails, and pass over errors of these kinds as if nothing had been."""
    async with transactions.shared():
        await say(transactions, "one")
        with suppress(*swallowed):
            await part(transactions)


async def test_an_error_takes_all_of_it_back(transactions: Transactions) -> None:
    with pytest.raises(LookupError):
        await share(transactions)
    assert await said(transactions) == []


async def test_a_part_that_failed_is_never_committed_even_if_its_error_was_swallowed(
    transactions: Transactions,
) -> None:
    with pytest.raises(RuntimeError, match="a part"):
        await share(transactions, LookupError)
    assert await said(transactions) == []


async def test_a_part_raises_what_a_transaction_of_its_own_would(transactions: Transactions) -> None:
    with pytest.raises(RetryableError) as told:
        await share(transactions, part=time_out)
    assert told.value.slug == "database-timeout"
    with pytest.raises(RuntimeError, match="a part"):
        await share(transactions, RetryableError, part=time_out)  # raised where it happened, not at the end


async def test_two_tasks_that_share_each_with_itself_do_not_meet(transactions: Transactions) -> None:
    both = asyncio.Barrier(2)

    async def alone(word: str) -> list[str]:
        async with transactions.shared():
            await say(transactions, word)
            await both.wait()
            return await said(transactions)

    assert [*await asyncio.gather(alone("one"), alone("two"))] == [["one"], ["two"]]

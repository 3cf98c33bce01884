"""Transactions, inbox, offsets and migrations on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from libs.common.clock import SystemClock
from libs.common.errors import RetryableError
from libs.common.persistence import (
    Backoff,
    Housekeeping,
    InvalidValue,
    OffsetKey,
    OwnershipLost,
    Timeouts,
    Transactions,
    is_current,
    make_engine,
    mark_seen,
    prune_inbox,
    run_migrations,
    stored_offsets,
)
from libs.common.persistence import offsets as offset_table
from libs.common.persistence.migrate import MigrationConflict
from tests.integration.streaming.harness import MIGRATIONS, SCHEMA
from tests.support.forgetful import forgetful_way
from tests.support.postgres import Database

KEY = OffsetKey("group", "cluster", "topic", 3)
QUICK = Timeouts(statement_ms=1_500, lock_ms=1_000, idle_in_transaction_ms=5_000)


@pytest.fixture
async def transactions(database: Database) -> AsyncIterator[Transactions]:
    engine = make_engine(database.url(SCHEMA), schema=SCHEMA, application_name="laws")
    await run_migrations(engine, MIGRATIONS, SCHEMA)
    yield Transactions(engine, SCHEMA)
    await engine.dispose()


@pytest.fixture
async def quick(transactions: Transactions, database: Database) -> AsyncIterator[Transactions]:
    """For what is given up by time."""
    engine = make_engine(database.url(SCHEMA), schema=SCHEMA, application_name="laws", timeouts=QUICK)
    yield Transactions(engine, SCHEMA)
    await engine.dispose()


async def test_a_commit_is_followed_by_its_effects_in_memory_and_a_rollback_is_not(transactions: Transactions) -> None:
    happened: list[str] = []
    async with transactions.begin() as tx:
        tx.on_commit(lambda: happened.append("committed"))
        assert happened == []
    with pytest.raises(ZeroDivisionError):
        await _fail(transactions, lambda: happened.append("rolled back"))
    assert happened == ["committed"]


async def _fail(transactions: Transactions, effect: Callable[[], None]) -> None:
    async with transactions.begin() as tx:
        tx.on_commit(effect)
        raise ZeroDivisionError


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced_before_anybody_notices(
    transactions: Transactions, database: Database
) -> None:
    mine = text("SELECT pg_backend_pid()")
    async with transactions.begin() as tx:
        pid = (await tx.connection.execute(mine)).scalar_one()
    superuser = make_engine(database.url(), schema=SCHEMA, application_name="somebody else")
    async with superuser.begin() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    await superuser.dispose()
    async with transactions.begin() as tx:
        assert (await tx.connection.execute(mine)).scalar_one() != pid


async def test_idle_connections_that_were_dropped_without_a_word_are_replaced_before_anybody_notices(
    database: Database,
) -> None:
    async with forgetful_way(database.server.port) as way:
        url = make_url(database.url(SCHEMA)).set(port=way.port).render_as_string(hide_password=False)
        engine = make_engine(url, schema=SCHEMA, application_name="laws", trusted_seconds=0.0)
        transactions = Transactions(engine, SCHEMA)
        try:
            await asyncio.gather(*(asked(transactions) for _ in range(8)))
            way.forget()
            await asyncio.gather(*(asked(transactions) for _ in range(8)))
            assert way.refused
        finally:
            await engine.dispose()


async def test_a_connection_in_use_is_not_asked_whether_it_lives(database: Database) -> None:
    """A transaction of one statement is three round trips: to begin, to ask and to commit."""
    async with forgetful_way(database.server.port) as way:
        url = make_url(database.url(SCHEMA)).set(port=way.port).render_as_string(hide_password=False)
        engine = make_engine(url, schema=SCHEMA, application_name="laws", trusted_seconds=60.0)
        transactions = Transactions(engine, SCHEMA)
        try:
            await asked(transactions)
            before = way.asked
            for _ in range(10):
                await asked(transactions)
            assert way.asked - before == 30
        finally:
            await engine.dispose()


async def asked(transactions: Transactions) -> None:
    async with transactions.begin() as tx:
        await tx.connection.execute(text("SELECT pg_sleep(0.05)"))


@pytest.mark.parametrize(
    ("sql", "slug"),
    [
        ("SELECT pg_sleep(2)", "database-timeout"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "database-unavailable"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$", "database-conflict"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$", "database-conflict"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53300'; END $$", "database-unavailable"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '25006'; END $$", "database-unavailable"),
    ],
)
async def test_an_outage_may_be_tried_again(quick: Transactions, sql: str, slug: str) -> None:
    with pytest.raises(RetryableError) as raised:
        async with quick.begin() as tx:
            await tx.connection.execute(text(sql))
    assert raised.value.slug == slug
    async with quick.begin() as tx:
        await tx.connection.execute(text("SELECT 1"))


async def test_a_database_that_is_not_there_may_be_tried_again() -> None:
    engine = make_engine("postgresql+asyncpg://nobody:x@127.0.0.1:1/none", schema="s", application_name="laws")
    with pytest.raises(RetryableError, match="unreachable"):
        async with Transactions(engine, "s").begin():
            pass


async def test_a_lock_that_somebody_keeps_is_given_up(transactions: Transactions, quick: Transactions) -> None:
    async with transactions.begin() as tx:
        await offset_table.claim(tx, KEY, log_start=0, owner="a")
    async with transactions.begin() as holder:
        await offset_table.advance(holder, KEY, expected=0, next_offset=5, owner="a")
        with pytest.raises(RetryableError):
            async with quick.begin() as other:
                await offset_table.advance(other, KEY, expected=0, next_offset=5, owner="b")


@pytest.mark.parametrize("value", ["a\x00b", "\ud800"])
async def test_text_that_no_column_takes_is_invalid_and_not_an_outage(transactions: Transactions, value: str) -> None:
    with pytest.raises((InvalidValue, UnicodeEncodeError)):
        async with transactions.begin() as tx:
            await tx.connection.execute(text("SELECT CAST(:value AS text)"), {"value": value})


async def test_a_broken_constraint_is_a_bug_and_nothing_else(transactions: Transactions) -> None:
    insert = text("INSERT INTO states (item_id, amount, version) VALUES ('milk', 1, 1)")
    async with transactions.begin() as tx:
        await tx.connection.execute(insert)
    with pytest.raises(IntegrityError):
        async with transactions.begin() as tx:
            await tx.connection.execute(insert)


async def test_of_two_owners_one_moves_the_offset(transactions: Transactions) -> None:
    async with transactions.begin() as tx:
        assert await offset_table.claim(tx, KEY, log_start=7, owner="a") == 7
        assert await offset_table.claim(tx, KEY, log_start=9, owner="b") == 7

    async def move(owner: str) -> bool:
        try:
            async with transactions.begin() as tx:
                await offset_table.advance(tx, KEY, expected=7, next_offset=20, owner=owner)
                await asyncio.sleep(0.02)  # noqa: TID251  # hold the row for a moment
        except OwnershipLost:
            return False
        return True

    assert sorted(await asyncio.gather(*(move(f"owner-{number}") for number in range(4)))) == [False] * 3 + [True]
    async with transactions.begin() as tx:
        assert await stored_offsets(tx, "group", "cluster") == {("topic", 3): 20}
        assert await stored_offsets(tx, "group", "another cluster") == {}


async def test_an_event_is_new_once_for_each_scope(transactions: Transactions) -> None:
    async with transactions.begin() as tx:
        assert await mark_seen(tx, ["a", "b", "a"], scope="one") == {"a", "b"}
    async with transactions.begin() as tx:
        assert await mark_seen(tx, ["b", "c"], scope="one") == {"c"}
        assert await mark_seen(tx, ["b", "c"], scope="two") == {"b", "c"}
        assert await mark_seen(tx, []) == set()


async def test_of_two_at_the_same_time_one_sees_it_as_new_and_a_rollback_frees_it(transactions: Transactions) -> None:
    async def mark(ids: list[str], *, fail: bool = False) -> set[str]:
        async with transactions.begin() as tx:
            new = await mark_seen(tx, ids)
            await asyncio.sleep(0.02)  # noqa: TID251  # overlap
            if fail:
                raise ZeroDivisionError
            return new

    ids = [f"event-{number}" for number in range(4_000)]  # long enough to overlap
    first, second = await asyncio.gather(mark(ids), mark(list(reversed(ids))))
    assert sorted([len(first), len(second)]) == [0, 4_000]
    with pytest.raises(ZeroDivisionError):
        await mark(["late"], fail=True)
    assert await mark(["late"]) == {"late"}


async def test_ids_are_forgotten_after_their_window(transactions: Transactions) -> None:
    async with transactions.begin() as tx:
        await mark_seen(tx, ["old"])
    async with transactions.begin() as tx:
        assert await prune_inbox(tx, before=datetime.now(UTC) - timedelta(days=1), most=9) == 0  # noqa: TID251  # the server's clock is real
        assert await prune_inbox(tx, before=datetime.now(UTC) + timedelta(days=1), most=9) == 1  # noqa: TID251  # the server's clock is real


async def test_old_ids_are_found_without_a_look_at_the_new_ones_that_took_the_place_of_older_ones(
    transactions: Transactions,
) -> None:
    vacuum = transactions.engine.execution_options(isolation_level="AUTOCOMMIT")
    for days in (50, 0):
        async with transactions.begin() as tx:
            await prune_inbox(tx, before=datetime.now(UTC) - timedelta(days=35), most=100_000)  # noqa: TID251  # the server's clock is real
        async with vacuum.connect() as connection:
            await connection.execute(text("VACUUM ANALYZE inbox"))
            await connection.execute(
                text("""INSERT INTO inbox SELECT gen_random_uuid(), now() - make_interval(days => :days)
                        FROM generate_series(1, 20000)"""),
                {"days": days},
            )
            await connection.execute(text("VACUUM ANALYZE inbox"))
    async with transactions.begin() as tx:
        explained = await tx.connection.execute(
            text("""EXPLAIN (ANALYZE, BUFFERS, FORMAT json)
                    SELECT ctid FROM inbox WHERE seen_at < now() - make_interval(days => 35)""")
        )
        assert explained.scalar_one()[0]["Plan"]["Shared Hit Blocks"] < 10


async def test_migrations_run_once_however_many_start(database: Database) -> None:
    engine = make_engine(
        database.url(SCHEMA), schema=SCHEMA, application_name="laws", timeouts=Timeouts.migrate(), pool_size=4
    )
    assert not await is_current(engine, MIGRATIONS, SCHEMA)
    done = await asyncio.gather(*(run_migrations(engine, MIGRATIONS, SCHEMA) for _ in range(3)))
    assert sorted(name for names in done for name in names) == [
        "0000_pre_shared",
        "0000_pre_shared_inbox",
        "0001_pre_ledger",
    ]
    assert await is_current(engine, MIGRATIONS, SCHEMA)
    await engine.dispose()


async def test_migrations_wait_for_those_of_another_for_as_long_as_these_take(database: Database) -> None:
    limits = Timeouts(statement_ms=20_000, lock_ms=100, idle_in_transaction_ms=20_000)
    engine = make_engine(database.url(SCHEMA), schema=SCHEMA, application_name="laws", timeouts=limits)
    async with engine.connect() as another:
        await another.execute(
            text("SELECT pg_advisory_xact_lock(hashtext('migrate'), hashtext(:schema))"), {"schema": SCHEMA}
        )
        waiting = asyncio.create_task(run_migrations(engine, MIGRATIONS, SCHEMA))
        await asyncio.wait({waiting}, timeout=0.5)
    assert len(await waiting) == 3
    await engine.dispose()


async def test_an_applied_file_that_was_edited_is_an_error(transactions: Transactions) -> None:
    async with transactions.begin() as tx:
        await tx.connection.execute(text("UPDATE migrations SET checksum = 'edited' WHERE name = '0001_pre_ledger'"))
    assert not await is_current(transactions.engine, MIGRATIONS, SCHEMA)
    with pytest.raises(MigrationConflict, match="0001_pre_ledger"):
        await run_migrations(transactions.engine, MIGRATIONS, SCHEMA)


async def test_a_migration_that_fails_leaves_nothing_behind(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "broken_migrations"
    package.mkdir()
    (package / "0001_pre_broken.sql").write_text("CREATE TABLE half (id int); SELECT 1/0;")
    monkeypatch.syspath_prepend(str(tmp_path))
    engine = make_engine(database.url(SCHEMA), schema=SCHEMA, application_name="laws", timeouts=Timeouts.migrate())
    with pytest.raises(Exception, match="division by zero"):
        await run_migrations(engine, "broken_migrations", SCHEMA)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT to_regclass('half')"))).scalar_one() is None
    await engine.dispose()


async def test_housekeeping_forgets_only_what_is_past_its_window(transactions: Transactions) -> None:
    async with transactions.begin() as tx:
        await mark_seen(tx, ["old", "older", "oldest", "young"])
        await tx.connection.execute(
            text(
                "UPDATE inbox SET seen_at = now() - interval '36 days' WHERE event_key IN (SELECT event_key FROM inbox LIMIT 3)"
            )
        )
    housekeeping = Housekeeping(transactions, clock=SystemClock(), backoff=Backoff(random=Random(1)), together=2)
    assert await housekeeping.run_once() == 0, "two a transaction, and all of them at once"
    async with transactions.begin() as tx:
        assert (await tx.connection.execute(text("SELECT count(*) FROM inbox"))).scalar_one() == 1


async def test_housekeeping_forgets_however_much_there_is_a_little_at_a_time(transactions: Transactions) -> None:
    async with transactions.begin() as tx:
        await mark_seen(tx, map(str, range(25)))
        await tx.connection.execute(text("UPDATE inbox SET seen_at = now() - interval '36 days'"))
        assert await prune_inbox(tx, before=SystemClock().now(), most=10) == 10
    await Housekeeping(transactions, clock=SystemClock(), backoff=Backoff(random=Random(1)), together=10).run_once()
    async with transactions.begin() as tx:
        assert (await tx.connection.execute(text("SELECT count(*) FROM inbox"))).scalar_one() == 0

"""How a profile database grows: each customer costs the same, is found by keys alone, and is what the worker would have made."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

import asyncpg
import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.profile.size.erasing import plans
from benchmarks.profile.size.filling import fill, history_for, named, raw_identifiers
from benchmarks.profile.size.histories import History, histories, purchases_of
from benchmarks.profile.size.measuring import sizes
from libs.laptop.complete_journey import Cut, load
from services.profile.domain.delta import decode_delta
from services.profile.handlers.intake import own_customer_id
from services.profile.store import PostgresProfileStore
from services.profile.store.catalog import RememberedItems
from services.profile.store.pages import PAGE
from tests.support.postgres import Database
from tests.support.profile_api import asking
from tests.support.profile_running import RunningProfile, running_profile
from tests.support.secrets import PSEUDONYMS

FEW, MANY = 1_000, 2_000
TOLERANCE = 0.10
HISTORIES = 200


@pytest.fixture(scope="module")
def made() -> Sequence[History]:
    return histories(purchases_of(load(Cut(weeks=6, households=150))), HISTORIES, seed=3)


async def filled(database: Database, made: Sequence[History], numbers: range) -> Mapping[str, int]:
    """Bytes by table and index after these customers were added."""
    connection = await asyncpg.connect(database.url().replace("+asyncpg", ""))
    try:
        await fill(connection, made, PSEUDONYMS, numbers, lambda *_: None)
        await connection.execute("VACUUM ANALYZE")
        return await sizes(connection)
    finally:
        await connection.close()


async def test_each_customer_costs_the_same_however_many_there_are(database: Database, made: Sequence[History]) -> None:
    async with running_profile(database) as profile:
        few = await filled(database, made, range(FEW))
        rows_of_few = await counted(profile)
        many = await filled(database, made, range(FEW, MANY))
        rows_of_many = await counted(profile)
    for table, rows in rows_of_few.items():
        assert rows_of_many[table] / MANY == pytest.approx(rows / FEW, rel=TOLERANCE), table
    assert sum(many.values()) / MANY == pytest.approx(sum(few.values()) / FEW, rel=TOLERANCE)


async def test_a_synthetic_customer_is_what_the_worker_and_the_folder_make(
    database: Database, other_database: Database, made: Sequence[History]
) -> None:
    number = next(one for one in range(HISTORIES) if len(history_for(one, made).facets) == 1)
    history = history_for(number, made)
    (identifier,) = named(number, history, PSEUDONYMS).identifiers
    async with running_profile(database) as filled_in, running_profile(other_database) as lived:
        await filled(database, made, range(number, number + 1))
        for body in history.facets[0].deltas:
            async with lived.parts.transactions.begin() as tx:
                store = PostgresProfileStore(tx)
                await store.facets.make({identifier: own_customer_id(identifier)})
                await store.facets.append({await store.facets.reserve(): (identifier, decode_delta(body))})
        assert await filled_in.facets() == await lived.facets()


async def test_a_synthetic_customer_is_found_by_id_and_by_identifier(
    database: Database, tmp_path: Path, made: Sequence[History]
) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, "customers:read") as client:
        await filled(database, made, range(20))
        for number in range(20):
            history = history_for(number, made)
            names = named(number, history, PSEUDONYMS)
            ways = [f"?identifier={raw}" for raw in raw_identifiers(number)[: len(names.identifiers)]]
            answers = [(await client.get(f"/v1/customers{way}")).json() for way in (f"/{names.customer_id}", *ways)]
            assert all(answer == answers[0] for answer in answers)
            assert answers[0]["totals"]["receipts_count"] == history.receipts
            assert {one["kind"] for one in answers[0]["identifiers"]} == {
                identifier.partition(":")[0] for identifier in names.identifiers
            }


async def test_nothing_that_is_asked_of_one_customer_reads_a_whole_table(
    database: Database, made: Sequence[History]
) -> None:
    async with running_profile(database) as profile:
        await filled(database, made, range(MANY))
        async with profile.parts.transactions.begin() as tx:
            await tx.connection.execute(text("SET LOCAL enable_seqscan = off"))  # some tables are empty
            found = [
                *await plans(tx.connection, [PSEUDONYMS.key_of(raw_identifiers(7)[0])]),
                *await lines_of(tx.connection, PAGE, customer_id="somebody"),
            ]
    assert len([line for line in found if "Index" in line]) > 4
    assert not [line for line in found if "Seq Scan" in line]


async def lines_of(connection: AsyncConnection, statement: TextClause, **asked: object) -> list[str]:
    """The plan."""
    return [str(line) for line in (await connection.execute(text(f"EXPLAIN {statement.text}"), asked)).scalars()]


async def test_a_database_that_a_worker_was_at_work_on_grows_on(database: Database, made: Sequence[History]) -> None:
    async with running_profile(database) as profile:
        for numbers in (range(10), range(10, 20)):
            await filled(database, made, numbers)
            identifier = PSEUDONYMS.key_of(raw_identifiers(numbers.start)[0])
            body = history_for(numbers.start, made).facets[0].deltas[0]
            async with profile.parts.transactions.begin() as tx:
                facets = PostgresProfileStore(tx).facets
                await facets.append({await facets.reserve(): (identifier, decode_delta(body))})
        assert len(await profile.facets()) >= 20


def test_what_a_process_remembers_of_items_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.profile.store.catalog._KEPT", 100)
    remembered = RememberedItems()
    for asked in chunks(Random(1), 50):
        remembered.met(asked, [])
        assert len(remembered.missing([str(number) for number in range(10_000)])) >= 10_000 - 100 - len(asked)
    assert own_customer_id.cache_info().maxsize is not None


def chunks(chance: Random, count: int) -> Iterator[list[str]]:
    for _ in range(count):
        yield [str(chance.randrange(10_000)) for _ in range(40)]


async def counted(profile: RunningProfile) -> Mapping[str, int]:
    """Rows by table."""
    tables = ("facets", "facet_deltas", "receipts", "customers", "consents", "consent_words", "links", "inbox")
    return {table: (await profile.rows(f"SELECT count(*) AS rows FROM {table}"))[0]["rows"] for table in tables}  # noqa: S608 - names of ours

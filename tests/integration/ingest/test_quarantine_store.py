"""The quarantine on PostgreSQL answers like the one in memory that the unit tests trust."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import text

from libs.common.persistence import Timeouts, Transactions, make_engine, run_migrations
from services.ingest.ports import Decision, QuarantinedEvent, Wanted
from services.ingest.store import PostgresErasures, PostgresQuarantine
from tests.support.postgres import Database
from tests.unit.ingest.examples import NOON
from tests.unit.ingest.in_memory_quarantine import InMemoryQuarantine

ALL = Wanted()


@pytest.fixture
async def stored(database: Database) -> AsyncIterator[PostgresQuarantine]:
    url = database.url("ingest")
    engine = make_engine(url, schema="ingest", application_name="test", timeouts=Timeouts.migrate())
    await run_migrations(engine, "services.ingest.migrations", "ingest")
    yield PostgresQuarantine(Transactions(engine, "ingest"))
    await engine.dispose()


def an_event(random: Random, number: int) -> QuarantinedEvent:
    """One of few of each kind, so that every filter finds some."""
    return QuarantinedEvent(
        quarantine_id=str(UUID(int=random.randrange(20))),
        source=random.choice(["till-1", "till-2", None]),
        event_id=f"e{number}",
        type=random.choice(["usual.pos.sale.v1", "made.up.v1", None]),
        slug=random.choice(["contract-violation", "unknown-type"]),
        rule="missing",
        detail="a \x00 in it",
        pointer="/data",
        schema_id=None,
        raw=b"\x00\xff",
        door="events",
        sent_by="k1",
        store_id=random.choice(["*", "7"]),
        rights=("events:write", "play"),
        country="US",
        at=NOON + timedelta(minutes=number),
        sealed_under="day:2026-03-01",
    )


WANTED = (
    ALL,
    Wanted(slug="unknown-type"),
    Wanted(type="made.up.v1", state="waiting"),
    Wanted(source="till-1", store_id="7"),
    Wanted(state="discarded"),
    Wanted(since=NOON + timedelta(minutes=20)),
)


async def test_whatever_is_kept_mended_decided_and_forgotten_both_answer_the_same(stored: PostgresQuarantine) -> None:
    random, in_memory = Random(5), InMemoryQuarantine()
    for number in range(30):
        event = an_event(random, number)
        decision = Decision(
            quarantine_id=event.quarantine_id,
            state=random.choice(["waiting", "resubmitted", "discarded"]),
            by="k2",
            at=NOON,
            outcome="accepted",
        )
        told = []
        for store in (stored, in_memory):
            await store.keep([event])
            mended = await store.mend(event.quarantine_id, b"\x01", sealed_under="day") if number % 3 == 0 else None
            told.append((mended, await store.decide(decision) if number % 2 else None))
        assert told[0] == told[1]
    await the_same(stored, in_memory)
    for store in (stored, in_memory):
        assert await store.forget(before=NOON + timedelta(minutes=9), limit=3) == 3
    await the_same(stored, in_memory)


async def the_same(stored: PostgresQuarantine, in_memory: InMemoryQuarantine) -> None:
    """The whole content, and the answer to everything that can be asked."""
    for quarantine_id in in_memory.kept:
        known = await in_memory.find(quarantine_id)
        assert known is not None
        found = await stored.find(quarantine_id)
        assert found is not None
        assert (found.detail, found.raw) == ("a � in it", known.raw)
        assert {name: getattr(found, name) for name in COMPARED} == {name: getattr(known, name) for name in COMPARED}
    for wanted in WANTED:
        whole = await pages(stored, wanted)
        assert whole == await pages(in_memory, wanted)
        assert await stored.waiting_ids(wanted, limit=5) == await in_memory.waiting_ids(wanted, limit=5)
        key = str
        assert sorted(await stored.classes(wanted), key=key) == sorted(await in_memory.classes(wanted), key=key)


COMPARED = [name for name in QuarantinedEvent.__slots__ if name != "detail"]


async def pages(store: PostgresQuarantine | InMemoryQuarantine, wanted: Wanted) -> list[str]:
    """The ids of the whole list, page by page."""
    ids: list[str] = []
    before = None
    while found := await store.list_newest(wanted, before=before, limit=4):
        ids += [event.quarantine_id for event in found]
        before = (found[-1].at, found[-1].quarantine_id)
    return ids


async def test_classes_are_counted_though_that_takes_longer_than_a_request_may(
    stored: PostgresQuarantine, database: Database
) -> None:
    limits = Timeouts(statement_ms=1_000, lock_ms=0, idle_in_transaction_ms=5_000)
    engine = make_engine(database.url("ingest"), schema="ingest", application_name="door", timeouts=limits)
    await stored.keep([an_event(Random(1), 1)])
    async with engine.connect() as holding:
        await holding.execute(text("LOCK TABLE quarantine IN ACCESS EXCLUSIVE MODE"))
        counting = asyncio.create_task(PostgresQuarantine(Transactions(engine, "ingest")).classes(ALL))
        await asyncio.wait({counting}, timeout=1.5)
        assert not counting.done()
    assert [one.events for one in await counting] == [1]
    await engine.dispose()


_MANY = text(
    "INSERT INTO quarantine (quarantine_id, slug, detail, pointer, raw, sent_by, at, sealed_under, mended_sealed_under)"
    " SELECT gen_random_uuid(), 'unknown-type', '', '', sha256(n::text::bytea), 'k1', now(), 'account:' || n,"
    " CASE WHEN n % 9 = 0 THEN 'account:' || n + 1 END FROM generate_series(1, 20000) n"
)
_SCANS = text("SELECT seq_scan, n_tup_del FROM pg_stat_xact_user_tables WHERE relname = 'quarantine'")


async def test_an_erasure_reads_no_more_than_the_events_of_its_person(
    stored: PostgresQuarantine, database: Database
) -> None:
    engine = make_engine(database.url("ingest"), schema="ingest", application_name="test", timeouts=Timeouts.worker())
    async with engine.begin() as connection:
        await connection.execute(_MANY)
    async with engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("ANALYZE quarantine"))
    async with Transactions(engine, "ingest").begin() as tx:
        removed = await PostgresErasures(tx).erase(["account:10", "account:7"])
        scans, deleted = (await tx.connection.execute(_SCANS)).one()
    assert removed["quarantined_events"] == deleted == 3, "what was mended under its key too"
    assert scans == 0
    await engine.dispose()

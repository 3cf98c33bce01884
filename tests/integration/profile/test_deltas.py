"""Deltas, the receipts that point into them, and what is remembered of the catalogue: on a real database."""

import contextlib
import os
import signal
from datetime import timedelta

import msgspec
import psutil
import pytest

from libs.common.errors import RetryableError
from services.profile.bootstrap.fold_pool import FoldPool
from services.profile.bootstrap.rounds import prune_round
from services.profile.domain.contact import packed
from services.profile.domain.delta import Delta
from services.profile.domain.facet_codec import decode
from services.profile.handlers.folding import Grounds, fold_dirty
from services.profile.handlers.intake import own_customer_id
from services.profile.store import PostgresProfileStore, RememberedDeltas, RememberedItems
from services.profile.store.forgetting import erase_by_key
from services.profile.store.receipts import receipt_key
from tests.support.postgres import Database
from tests.support.profile_events import ITEMS, a_catalogue, a_return, a_sale, a_view, a_void, card, visitor
from tests.support.profile_running import RunningProfile, running_profile
from tests.support.shopping import a_purchase


async def items_known(profile: RunningProfile, remembered: RememberedItems, *names: str) -> set[str]:
    async with profile.parts.transactions.begin() as tx:
        found = await PostgresProfileStore(tx, remembered).catalog.labels(names)
        return {found[name].category for name in names if name in found}


async def test_what_is_remembered_of_the_catalogue_is_what_the_table_says(database: Database) -> None:
    async with running_profile(database) as profile:
        remembered = RememberedItems()
        assert await items_known(profile, remembered, ITEMS[0], ITEMS[1]) == set()
        await profile.take(a_catalogue())
        assert await items_known(profile, remembered, ITEMS[0], ITEMS[1]) == {"category 0", "category 1"}
        await profile.rows(
            """UPDATE items SET category = 'new', event_id = 'z', changed_by = pg_current_xact_id()
               WHERE item_id = :id RETURNING 1""",
            id=ITEMS[0],
        )
        assert await items_known(profile, remembered, ITEMS[0], ITEMS[1]) == {"new", "category 1"}


async def test_a_change_by_a_transaction_that_was_still_at_work_is_not_missed(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take(a_catalogue())
        remembered = RememberedItems()
        await items_known(profile, remembered, ITEMS[0])
        async with profile.parts.transactions.begin() as tx:
            await tx.connection.exec_driver_sql(
                "UPDATE items SET category = 'slow', event_id = 'z', changed_by = pg_current_xact_id() WHERE item_id = 'item-0'"
            )
            await profile.take([a_sale("r1", card(1))])  # a later transaction that is done before
            assert await items_known(profile, remembered, ITEMS[0]) == {"category 0"}
        assert await items_known(profile, remembered, ITEMS[0]) == {"slow"}


async def test_receipts_and_their_purchases_go_after_their_time_and_not_before_they_are_worked_in(
    database: Database,
) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("old", card(1)), a_return("waits", "unknown")])
        today = profile.parts.clock.now().date() + timedelta(days=1)
        async with profile.parts.transactions.begin() as tx:
            await PostgresProfileStore(tx).receipts.prune(today, 10)
        assert len(await profile.rows("SELECT * FROM facet_deltas")) == 1
        await profile.fold_all()
        async with profile.parts.transactions.begin() as tx:
            await PostgresProfileStore(tx).receipts.prune(today, 10)
        for table in ("facet_deltas", "receipts", "parked"):
            assert await profile.rows(f"SELECT * FROM {table}") == [], "nor is a return kept that no sale can come for"  # noqa: S608 - our own tables


async def test_a_return_that_waits_finds_its_sale_however_long_others_have_waited_for_the_same_one(
    database: Database,
) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_return("b1", "r1")])
        await profile.rows("UPDATE receipts SET written_on = written_on - 500 RETURNING 1")
        await profile.rows("UPDATE parked SET parked_at = parked_at - interval '500 days' RETURNING 1")
        await profile.take([a_return("b2", "r1")])
        assert await prune_round(profile.parts)() == 0
        await profile.take([a_sale("r1", card(1))])
        [facet] = await profile.facets()
        assert (facet["receipts_count"], facet["returns_count"]) == (1, 2)
        assert await prune_round(profile.parts)() == 0
        assert [row["sold"] for row in await profile.rows("SELECT * FROM receipts")] == [True]


async def test_old_receipts_are_found_without_a_look_at_the_new_ones_that_took_the_place_of_older_ones(
    database: Database,
) -> None:
    many = """INSERT INTO receipts (receipt_key, sold, written_on)
              SELECT gen_random_uuid(), true, current_date - CAST(:days AS integer) FROM generate_series(1, 20000) RETURNING 1"""
    async with running_profile(database) as profile:
        await profile.rows(many, days=500)
        assert await prune_round(profile.parts)() == 0
        await vacuumed(profile, "receipts")
        await profile.rows(many, days=0)
        await vacuumed(profile, "receipts")
        [row] = await profile.rows(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT ctid FROM receipts WHERE written_on < current_date - 400"
        )
        assert row["QUERY PLAN"][0]["Plan"]["Shared Hit Blocks"] < 10


async def vacuumed(profile: RunningProfile, table: str) -> None:
    autocommitting = profile.parts.engine.execution_options(isolation_level="AUTOCOMMIT")
    async with autocommitting.connect() as connection:
        await connection.exec_driver_sql(f"VACUUM ANALYZE {table}")


async def test_however_many_receipts_have_had_their_time_a_round_forgets_all_of_them_a_few_a_transaction(
    database: Database,
) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale(f"old-{number}", card(number)) for number in range(5)])
        await profile.fold_all()
        for table in ("receipts", "facet_deltas"):
            await profile.rows(f"UPDATE {table} SET written_on = written_on - 500 RETURNING 1")  # noqa: S608 - our own tables
        await profile.take([a_sale("new", card(1), day=1)])
        await profile.fold_all()
        before = profile.parts.clock.now().date() - timedelta(days=400)
        async with profile.parts.transactions.begin() as tx:
            assert await PostgresProfileStore(tx).receipts.prune(before, 2) == 2
        assert len(await profile.rows("SELECT * FROM facet_deltas")) == 6, "first all receipts, then what they point at"
        assert await prune_round(profile.parts, together=2)() == 0
        assert len(await profile.rows("SELECT * FROM receipts JOIN facet_deltas USING (delta_id)")) == 1
        assert len(await profile.rows("SELECT * FROM facet_deltas")) == 1


async def test_receipts_and_queued_baskets_of_the_release_before_are_still_found(database: Database) -> None:
    sold = {
        "event_id": "urn:test:till#sale-r1", "receipt_id": "r1", "occurred_at_seconds": 1_772_000_000, "store_id": "s",
        "channel": "till", "utc_offset_minutes": 0,
        "lines": [{"item_id": "i", "category": "c", "type": "t", "quantity_milli": 1000, "amount_cents": 70,
                   "discount_cents": 0, "rankable": True}],
    }  # fmt: skip
    async with running_profile(database) as profile:
        await profile.rows(
            """INSERT INTO receipts (receipt_key, sold, identifier, purchase)
               SELECT encode(substring(sha256(convert_to('r1', 'UTF8')) FROM 1 FOR 16), 'hex')::uuid, true, :who, :sold
               RETURNING 1""",
            who=card(1).key,
            sold=msgspec.msgpack.encode(sold),
        )
        [row] = await profile.rows("SELECT uuid_send(receipt_key) AS key FROM receipts")
        assert bytes(row["key"]) == receipt_key("r1")
        await profile.take([a_void("v1", "r1")])
        [facet] = await profile.facets()
        assert (facet["identifier"], facet["returns_count"], facet["refund_cents"]) == (card(1).key, 1, 70)


async def test_views_see_what_is_not_worked_in_yet(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1", card(1))])
        await profile.fold_all()
        await profile.take([a_sale("r2", card(1), day=1), a_view("w1", visitor(1))])
        async with profile.parts.transactions.begin() as tx:
            store = PostgresProfileStore(tx)
            [customer_id] = await store.customers.current_ids(
                [row["own_customer_id"] for row in await profile.rows("SELECT * FROM facets WHERE receipts_count = 1")]
            )
            [row] = (await store.customers.facets([customer_id]))[customer_id]
        assert (row.effects.receipts_count, row.facet.counts["visits"]) == (2, 2)


async def test_folding_apart_gives_the_same_bytes_and_outlives_a_process(
    database: Database, other_database: Database
) -> None:
    history = [a_sale(f"r{number}", card(number % 5), day=number / 7) for number in range(40)]
    pool = FoldPool(1)
    try:
        async with running_profile(other_database) as here, running_profile(database) as apart:
            await here.take(history)
            await apart.take(history)
            await pool.fold(Grounds(), ())  # it has begun: no transaction waits for that, however slow the machine
            async with apart.parts.transactions.begin() as tx:
                assert (await fold_dirty(PostgresProfileStore(tx), 3, pool)).customers == 3
            for child in psutil.Process().children(recursive=True):
                if "spawn_main" in " ".join(child.cmdline()):
                    os.kill(child.pid, signal.SIGKILL)
            with pytest.raises(RetryableError):
                async with apart.parts.transactions.begin() as tx:
                    await fold_dirty(PostgresProfileStore(tx), 100, pool)
            await pool.fold(Grounds(), ())
            async with apart.parts.transactions.begin() as tx:
                assert (await fold_dirty(PostgresProfileStore(tx), 100, pool)).customers == 2
            assert (await apart.facets(), await apart.views()) == (await here.facets(), await here.views())
    finally:
        pool.close()


async def appended(profile: RunningProfile, deltas: RememberedDeltas, receipt_id: str, *, fails: bool = False) -> None:
    """One sale of one card, applied by a process that remembers; with `fails` its transaction is rolled back."""
    purchase = packed(a_purchase(receipt_id))
    with contextlib.suppress(ZeroDivisionError):
        async with profile.parts.transactions.begin() as tx:
            store = PostgresProfileStore(tx, deltas=deltas)
            await store.facets.make({card(1).key: own_customer_id(card(1).key)})
            await store.facets.append({await store.facets.reserve(): (card(1).key, Delta((purchase,), "EUR"))})
            if fails:
                raise ZeroDivisionError


async def folded(profile: RunningProfile, deltas: RememberedDeltas, *, fails: bool = False) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with profile.parts.transactions.begin() as tx:
            await fold_dirty(PostgresProfileStore(tx, deltas=deltas), 100, profile.judge)
            if fails:
                raise ZeroDivisionError


async def test_what_a_process_remembers_of_its_deltas_is_worked_in_once_whoever_rolls_back(database: Database) -> None:
    async with running_profile(database) as profile:
        deltas, others = RememberedDeltas(), RememberedDeltas()
        await appended(profile, deltas, "r1")
        await appended(profile, deltas, "r2", fails=True)
        await appended(profile, others, "r3")
        await folded(profile, deltas, fails=True)  # what was taken for it is read from the table now
        await appended(profile, deltas, "r4")
        await folded(profile, deltas)
        [facet] = await profile.facets()
        assert (facet["receipts_count"], decode(facet["state"]).counts["visits"]) == (3, 3)
        assert deltas.take(0) is None


async def test_an_erased_persons_deltas_have_no_effect_however_well_they_are_remembered(database: Database) -> None:
    async with running_profile(database) as profile:
        deltas = RememberedDeltas()
        await appended(profile, deltas, "r1")
        async with profile.parts.transactions.begin() as tx:
            names = [card(1).key], [own_customer_id(card(1).key)]
            await erase_by_key(tx.connection, *names)
        await folded(profile, deltas)
        assert await profile.facets() == []
        assert await profile.snapshots() == {}


def test_what_is_remembered_of_deltas_is_bounded() -> None:
    deltas = RememberedDeltas(most_bytes=10)
    deltas.met({1: b"1234", 2: b"1234"})
    deltas.met({3: b"1234"})
    assert [deltas.take(number) for number in (1, 2, 3)] == [None, b"1234", b"1234"]
    deltas.met({4: b"0123456789"})
    assert deltas.take(4) == b"0123456789"

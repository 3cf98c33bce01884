"""A rebuild from a checkpoint, or from nothing, equals the live profile; what does not is found and named; nobody comes back."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from libs.common.errors import Conflict, InvalidInput
from services.profile.bootstrap.rebuilding import Comparison
from services.profile.bootstrap.rounds import prune_round
from services.profile.handlers.erasing import sweep
from services.profile.handlers.intake import own_customer_id
from services.profile.rebuild import judgement
from services.profile.settings import Settings
from services.profile.store import PostgresProfileStore
from services.profile.store.checkpoint_file import CheckpointReader
from tests.support.brokers import EMBEDDED, Broker, running_broker
from tests.support.postgres import Database
from tests.support.profile_events import a_catalogue, a_link, a_return, a_sale, card, visitor
from tests.support.profile_live import ASKER, LiveProfile, a_crowd, halves, live_profile, rebuilt
from tests.support.profile_running import running_profile

PAGE = Path(__file__).parents[3] / "docs/rebuild.md"
GONE = card(3)
SEEDS = [int(seed) for seed in os.environ.get("USUAL_REBUILD_SEEDS", "1").split(",")]  # noqa: TID251 - the test run's own


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test alone."""
    with running_broker(EMBEDDED, tmp_path / "broker") as started:
        yield started


def verdict(comparison: Comparison) -> str:
    return "\n".join(judgement(comparison))


async def played(live: LiveProfile, checkpoint: Path, seed: int) -> None:
    """A story whose checkpoint is taken while the second half comes in; then some of the first half comes again."""
    await live.send(a_catalogue())
    await live.at_rest()
    first, second = halves(a_crowd(seed))
    await live.send([a_link("named beside", GONE, visitor(99), linked=False), *first])
    await live.at_rest()
    sending = asyncio.create_task(live.send(second, at_once=5))
    await live.applied(len(a_catalogue()) + len(first) + 20)
    header = await live.checkpoint(checkpoint)
    await sending
    await live.send(first[:40])
    await live.at_rest()
    assert len(first) < sum(found.next_offset for found in header.offsets) < await live.stands_at()


@pytest.mark.parametrize("seed", SEEDS)
async def test_from_a_checkpoint_and_from_nothing_the_same_profile_comes_out(
    database: Database, private_broker: Broker, tmp_path: Path, seed: int
) -> None:
    async with live_profile(database, private_broker) as live:
        await played(live, tmp_path / "checkpoint", seed)
        published = await live.published()
        assert sum(published.values()) > 50
        for name, checkpoint in (("since", tmp_path / "checkpoint"), ("all", None)):
            comparison = await live.rebuild(name, checkpoint)
            assert comparison.equal, verdict(comparison)
            assert comparison.rebuilt == comparison.live
            assert not comparison.not_compared
            assert comparison.live.pieces["views"] > 10
        assert await live.published() == published


async def test_what_was_altered_by_hand_in_the_live_profile_is_found_named_and_mended(
    database: Database, embedded: Broker, tmp_path: Path
) -> None:
    async with live_profile(database, embedded) as live:
        await played(live, tmp_path / "checkpoint", 3)
        key = card(5).key
        await live.rows("UPDATE facets SET amount_cents = amount_cents + 1 WHERE identifier = $1", key)
        await live.rows("DELETE FROM consents WHERE identifier = $1", card(4).key)
        comparison = await live.rebuild("judge", tmp_path / "checkpoint")
        assert not comparison.equal
        assert comparison.counts == {"facets": 1, "consents": 1}
        told = verdict(comparison)
        assert f"facets {key}: differs (customer " in told
        assert f"consents {card(4).key}: in the rebuilt profile only" in told
        assert told.endswith("NOT equal")
        await live.run(mending("profile_rebuild_judge", [key, card(4).key]))
        await live.at_rest()
        comparison = await live.rebuild("again", tmp_path / "checkpoint")
        assert comparison.equal, verdict(comparison)


async def test_what_the_live_profile_has_forgotten_since_the_checkpoint_as_too_old_is_no_difference(
    database: Database, embedded: Broker, tmp_path: Path
) -> None:
    async with live_profile(database, embedded) as live:
        await live.send([*a_catalogue(), *(a_sale(f"r{number}", card(number)) for number in range(20))])
        await live.send([a_return("b1", "never sold"), a_return("b2", "not sold yet")])
        await live.at_rest()
        await live.erase(own_customer_id(GONE.key))
        await live.erase(own_customer_id(card(4).key))
        await live.at_rest()
        await live.rows("UPDATE receipts SET written_on = written_on - 500 WHERE receipt_key::text < '8'")
        await live.rows("UPDATE parked SET parked_at = parked_at - interval '500 days' WHERE receipt_id = 'never sold'")
        await live.rows("UPDATE suppressions SET erased_at = '2020-01-01Z' WHERE identifier = $1", GONE.key)
        await live.rows(
            """UPDATE erasures SET erased_at = '2020-01-01Z', requested_at = '2020-01-01Z'
               WHERE erasure_id IN (SELECT erasure_id FROM suppressions WHERE identifier = $1)""",
            GONE.key,
        )
        header = await live.checkpoint(tmp_path / "checkpoint")
        assert await prune_round(live.parts)() == 0
        await live.send([a_sale("since", card(5), day=1)])
        await live.at_rest()
        comparison = await live.rebuild("since", tmp_path / "checkpoint")
        assert comparison.equal, verdict(comparison)
        assert {table.name: table.rows_count for table in header.tables}["suppressions"] == 2
        for table in ("receipts", "parked", "suppressions"):
            (left,) = await live.rows(f"SELECT count(*) FROM {table}", schema="profile_rebuild_since")  # noqa: S608 - our own
            assert [left] == await live.rows(f"SELECT count(*) FROM {table}"), table  # noqa: S608 - our own


def mending(schema: str, identifiers: Sequence[str]) -> str:
    """The statements that the page for operators gives."""
    (statements,) = re.findall(r"```sql\n(BEGIN;.*?)```", PAGE.read_text(), re.DOTALL)
    listed = ", ".join(f"'{identifier}'" for identifier in identifiers)
    return str(statements).replace("profile_rebuild_latest", schema).replace(":identifiers", f"ARRAY[{listed}]")


async def test_whoever_was_forgotten_after_the_checkpoint_is_in_no_rebuild(
    database: Database, embedded: Broker, tmp_path: Path
) -> None:
    async with live_profile(database, embedded) as live:
        await played(live, tmp_path / "checkpoint", 4)
        gone = own_customer_id(GONE.key)
        ((person,),) = [
            [
                row["customer_id"]
                for row in await live.rows("SELECT customer_id FROM facets WHERE own_customer_id = $1", gone)
            ]
        ]
        members = {
            row["identifier"] for row in await live.rows("SELECT identifier FROM facets WHERE customer_id = $1", person)
        }
        assert held_in(tmp_path / "checkpoint", GONE.key)
        await live.erase(gone)
        await live.send([a_sale("late", GONE, day=20)])
        await live.at_rest()
        for name, checkpoint in (("since", tmp_path / "checkpoint"), ("all", None)):
            comparison = await live.rebuild(name, checkpoint)
            assert comparison.equal, verdict(comparison)
            schema = f"profile_rebuild_{name}"
            for table in ("facets", "facet_deltas", "consents", "consent_words"):
                rows = await live.rows(f"SELECT identifier FROM {table}", schema=schema)  # noqa: S608 - our own
                held = {row["identifier"] for row in rows}
                assert held, table
                assert not held & members, table
            assert not await live.rows(
                "SELECT 1 FROM customers WHERE body IS NOT NULL AND customer_id = $1", person, schema=schema
            )
            asked_by = await live.rows("SELECT requested_by, requested_roles FROM erasures", schema=schema)
            assert asked_by == [{"requested_by": ASKER.key_id, "requested_roles": ASKER.roles}]


async def test_what_lies_beyond_where_the_live_worker_stands_is_left_and_an_erasure_that_has_not_left_it_counts(
    database: Database, embedded: Broker, tmp_path: Path
) -> None:
    async with live_profile(database, embedded) as live:
        await played(live, tmp_path / "checkpoint", 5)
        await live.stop()
        await live.erase(own_customer_id(GONE.key))
        async with live.parts.transactions.begin() as tx:
            await sweep(PostgresProfileStore(tx))
        await live.send([a_sale("later", card(7), day=61), a_sale("later still", GONE, day=61)])
        comparison = await live.rebuild("since", tmp_path / "checkpoint")
        assert await live.rows("SELECT 1 FROM outbox WHERE topic = 'profile.erasures.v1'")
        left = "SELECT 1 FROM facets WHERE identifier = $1"
        assert not await live.rows(left, GONE.key, schema="profile_rebuild_since")
        assert comparison.equal, verdict(comparison)
        settings = await live.rebuild_settings("since", tmp_path / "checkpoint")
        comparison = await rebuilt(settings.model_copy(update={"rebuild_until": "end"}))
        assert comparison.counts["facets"] == 1, verdict(comparison)
        assert card(7).key in verdict(comparison)
        assert GONE.key not in verdict(comparison)


async def test_a_rebuild_that_is_killed_midway_goes_on_and_comes_to_the_same_end(
    database: Database, embedded: Broker, tmp_path: Path
) -> None:
    async with live_profile(database, embedded) as live:
        await played(live, tmp_path / "checkpoint", 6)
        settings = await live.rebuild_settings("all")
        stood = [await killed_when_past(live, settings, records) for records in (0, 100)]
        assert 0 < stood[0] < await live.stands_at()
        assert stood == sorted(stood)
        ended, told = await run(settings)
        assert (ended, told.splitlines()[-1]) == (0, "equal"), told
        await live.rows("UPDATE links SET linked = NOT linked")
        ended, told = await run(settings)
        assert (ended, told.splitlines()[-1]) == (1, "NOT equal"), told


async def test_a_damaged_checkpoint_is_refused_and_leaves_nothing_behind(
    database: Database, embedded: Broker, tmp_path: Path
) -> None:
    async with running_profile(database, kafka_bootstrap=embedded.bootstrap) as profile:
        await profile.take([*a_catalogue(), *a_crowd(7)])
    async with live_profile(database, embedded) as live:
        whole = tmp_path / "checkpoint"
        await live.checkpoint(whole)
        content = whole.read_bytes()
        middle = len(content) // 2
        turned = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        for damaged, why in ((content[:middle], "damaged"), (turned, "damaged"), (b"PGDMP" + content, "no checkpoint")):
            (tmp_path / "damaged").write_bytes(damaged)
            with pytest.raises(InvalidInput, match=why):
                await live.rebuild("one", tmp_path / "damaged")
            begun = "SELECT 1 FROM pg_tables WHERE schemaname = 'profile_rebuild_one' AND tablename = 'rebuild_of'"
            assert not await live.rows(begun)
        assert (await live.rebuild("one", whole)).equal


async def test_a_rebuild_says_what_it_lacks_and_does_not_mix_with_another(
    database: Database, embedded: Broker, tmp_path: Path
) -> None:
    async with live_profile(database, embedded) as live:
        await live.send([*a_catalogue(), a_sale("r1", card(1)), a_sale("r2", visitor(1))])
        await live.at_rest()
        await live.checkpoint(tmp_path / "checkpoint")
        settings = live.settings.model_copy(update={"rebuild_name": "none"})
        with pytest.raises(InvalidInput, match="CREATE SCHEMA profile_rebuild_none AUTHORIZATION usual_profile"):
            await rebuilt(settings)
        assert (await live.rebuild("one", tmp_path / "checkpoint")).equal
        with pytest.raises(Conflict, match="was begun from"):
            await live.rebuild("one")


def held_in(checkpoint: Path, key: str) -> set[str]:
    """The tables whose rows in this checkpoint name an identifier."""
    with CheckpointReader(checkpoint) as reader:
        return {table.name for table in reader.header().tables if key.encode() in b"".join(reader.table())}


async def started(settings: Settings) -> asyncio.subprocess.Process:
    """The role as a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.profile", "rebuild", env=environment(settings), stdout=asyncio.subprocess.PIPE
    )


async def run(settings: Settings) -> tuple[int | None, str]:
    """One run of it to its end: the exit code, and what it said."""
    process = await started(settings)
    told, _ = await process.communicate()
    return process.returncode, told.decode()


def environment(settings: Settings) -> Mapping[str, str]:
    named = {
        "USUAL_DATABASE_URL": settings.database_url.get_secret_value(),
        "USUAL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "USUAL_KAFKA_IDEMPOTENCE": str(settings.kafka_idempotence),
        "USUAL_REBUILD_NAME": settings.rebuild_name,
        "USUAL_LOG_LEVEL": "WARNING",
    }
    return named | ({"USUAL_REBUILD_FROM": str(settings.rebuild_from)} if settings.rebuild_from else {})


async def killed_when_past(live: LiveProfile, settings: Settings, records: int) -> int:
    """Start a rebuild and kill it as soon as it has applied more than so many records; returns how many it had."""
    schema = f"profile_rebuild_{settings.rebuild_name}"
    process = await started(settings)
    ending = asyncio.ensure_future(process.communicate())
    while not ending.done() and await live.stands_at(schema) <= records:
        await asyncio.wait({ending}, timeout=0.02)
    assert not ending.done()
    process.send_signal(signal.SIGKILL)
    await ending
    return await live.stands_at(schema)

"""A rebuild from a checkpoint, or from nothing, equals the live profile; what does not is found and named; nobody comes back."""

import asyncio
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from libs.common.errors import Conflict, InvalidInput
from services.profile.bootstrap.rebuilding import Comparison
from services.profile.handlers.intake import own_customer_id
from services.profile.rebuild import judgement
from services.profile.settings import Settings
from tests.support.brokers import EMBEDDED, Broker, running_broker
from tests.support.postgres import Database
from tests.support.profile_events import a_catalogue, a_sale, card, visitor
from tests.support.profile_live import LiveProfile, a_crowd, halves, live_profile, rebuilt

GONE = card(3)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test alone."""
    with running_broker(EMBEDDED, tmp_path / "broker") as started:
        yield started


def verdict(comparison: Comparison) -> str:
    return "\n".join(judgement(comparison))


async def played(live: LiveProfile, checkpoint: Path, seed: int) -> None:
    """A story whose checkpoint is taken while the second half comes in."""
    await live.send(a_catalogue())
    await live.at_rest()
    first, second = halves(a_crowd(seed))
    await live.send(first)
    sending = asyncio.create_task(live.send(second, at_once=10))
    header = await live.checkpoint(checkpoint)
    await sending
    await live.at_rest()
    records = sum(found.next_offset for found in header.offsets)
    (stands,) = await live.rows("SELECT sum(next_offset)::int AS records FROM offsets")
    assert 0 < records < stands["records"]


@pytest.mark.parametrize("seed", [1, 2])
async def test_from_a_checkpoint_and_from_nothing_the_same_profile_comes_out(
    database: Database, embedded: Broker, tmp_path: Path, seed: int
) -> None:
    async with live_profile(database, embedded) as live:
        await played(live, tmp_path / "checkpoint", seed)
        for name, checkpoint in (("since", tmp_path / "checkpoint"), ("all", None)):
            comparison = await live.rebuild(name, checkpoint)
            assert comparison.equal, verdict(comparison)
            assert comparison.rebuilt == comparison.live
            assert not comparison.not_compared
            assert comparison.live.pieces["views"] > 10
            assert not await live.rows("SELECT 1 FROM outbox", schema=f"profile_rebuild_{name}")


async def test_what_was_altered_by_hand_in_the_live_profile_is_found_and_named(
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
        assert GONE.key.encode() in (await read_all(live, tmp_path / "checkpoint"))
        await live.erase(gone)
        await live.send([a_sale("late", GONE, day=20)])
        await live.at_rest()
        for name, checkpoint in (("since", tmp_path / "checkpoint"), ("all", None)):
            comparison = await live.rebuild(name, checkpoint)
            assert comparison.equal, verdict(comparison)
            schema = f"profile_rebuild_{name}"
            for table in ("facets", "facet_deltas", "consents", "consent_words"):
                held = {row["identifier"] for row in await live.rows(f"SELECT identifier FROM {table}", schema=schema)}
                assert held, table
                assert not held & members, table
            assert not await live.rows(
                "SELECT 1 FROM customers WHERE body IS NOT NULL AND customer_id = $1", person, schema=schema
            )


async def test_an_erasure_that_has_not_left_the_live_database_counts_too(
    database: Database, embedded: Broker, tmp_path: Path
) -> None:
    async with live_profile(database, embedded) as live:
        await played(live, tmp_path / "checkpoint", 5)
    async with live_profile(database, embedded) as live:
        await live.at_rest()
    await live.erase(own_customer_id(GONE.key))
    comparison = await live.rebuild("since", tmp_path / "checkpoint")
    assert not await live.rows("SELECT 1 FROM facets WHERE identifier = $1", GONE.key, schema="profile_rebuild_since")
    assert "facets" not in comparison.counts


async def test_a_rebuild_that_is_killed_goes_on_and_comes_to_the_same_end(
    database: Database, embedded: Broker, tmp_path: Path
) -> None:
    async with live_profile(database, embedded) as live:
        await played(live, tmp_path / "checkpoint", 6)
        for name, checkpoint in (("since", tmp_path / "checkpoint"), ("all", None)):
            settings = await live.rebuild_settings(name, checkpoint)
            began = 0
            for wait_seconds in (1.2, 1.6, 2.0, 2.4):
                began += await killed_after(settings, wait_seconds)
            assert began
            process = await started(settings)
            told, _ = await process.communicate()
            assert process.returncode == 0, told.decode()
            assert told.decode().endswith("equal\n")
            again = await rebuilt(settings)
            assert again.equal, verdict(again)
            await live.rows("UPDATE links SET linked = NOT linked")
            process = await started(settings)
            told, _ = await process.communicate()
            assert process.returncode == 1
            assert told.decode().endswith("NOT equal\n")
            await live.rows("UPDATE links SET linked = NOT linked")


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


async def read_all(live: LiveProfile, checkpoint: Path) -> bytes:
    """What the checkpoint holds of facets, by way of a schema that it is restored to."""
    await live.rebuild("look", checkpoint)
    rows = await live.rows("SELECT identifier FROM facets", schema="profile_rebuild_look")
    return " ".join(row["identifier"] for row in rows).encode()


async def started(settings: Settings) -> asyncio.subprocess.Process:
    """The role as a process of its own."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.profile", "rebuild", env=environment(settings), stdout=asyncio.subprocess.PIPE
    )


def environment(settings: Settings) -> Mapping[str, str]:
    named = {
        "USUAL_DATABASE_URL": settings.database_url.get_secret_value(),
        "USUAL_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "USUAL_KAFKA_IDEMPOTENCE": str(settings.kafka_idempotence),
        "USUAL_REBUILD_NAME": settings.rebuild_name,
        "USUAL_LOG_LEVEL": "WARNING",
    }
    return named | ({"USUAL_REBUILD_FROM": str(settings.rebuild_from)} if settings.rebuild_from else {})


async def killed_after(settings: Settings, seconds: float) -> bool:
    """Start a rebuild and kill it; whether it was still at work."""
    process = await started(settings)
    _, working = await asyncio.wait({asyncio.ensure_future(process.communicate())}, timeout=seconds)
    if not working:
        return False
    process.send_signal(signal.SIGKILL)
    await asyncio.wait(working)
    return True

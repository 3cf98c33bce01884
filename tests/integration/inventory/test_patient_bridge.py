"""A bridge on a machine that is slow or in trouble: nothing is refused for it, and the commands stay the same."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest
from sqlalchemy import text

from libs.common.errors import RetryableError
from libs.common.persistence import Backoff
from libs.laptop.embedded_postgres import EmbeddedPostgres
from services.inventory.simulate.playing import play
from services.inventory.simulate.protocol import Asked, OrderAcknowledged, Received, Reorder, Said
from services.inventory.simulate.trying import GREATEST_ATTEMPTS, until_done
from services.inventory.simulate.world import Played, opened
from tests.support.inventory_bridged import bridged, words
from tests.support.postgres import Database
from tests.support.small_chain import small_chain

_BUSY = text("""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL
""")
_SENT_AGAIN = text("SELECT count(*) FROM commands WHERE attempts > 1")


_ENDED = 10


class NoJitter(Backoff):
    def delay_seconds(self, attempt: int) -> float:
        return 0.0


async def ended_now_and_then(postgres: EmbeddedPostgres, database: str, ended: list[int]) -> None:
    """Ends sessions of `database` that are in a transaction, until ten were; ever more seldom, so that slow steps end too."""
    connection = await postgres.connect(database)
    try:
        while sum(ended) < _ENDED:
            ended.append(len(await connection.fetch(_BUSY.text)))
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.05 * (1 + sum(ended)))
    finally:
        await connection.close()


async def test_sessions_that_end_in_the_middle_of_steps_change_no_command(
    database: Database, postgres: EmbeddedPostgres
) -> None:
    scene, name = small_chain(history=8, days=4), f"{database.name}_bridge"
    tally, given = await bridged(scene, postgres, name)
    ended: list[int] = []
    try:
        async with opened(scene.world, postgres, name, reroute=True) as played:
            trouble = asyncio.create_task(ended_now_and_then(postgres, name, ended))
            troubled = await play(scene, played.answer)
            trouble.cancel()
    finally:
        await postgres.drop_database(name)
    assert sum(ended) > 0
    assert words(played.given) == words(given)
    assert troubled == tally


async def test_a_played_world_sets_its_database_no_time_limits(database: Database, postgres: EmbeddedPostgres) -> None:
    """What protects a shared database from whoever is stuck would here end a simulator's batch on a busy machine."""
    name = f"{database.name}_bridge"
    async with (
        opened(small_chain(days=1).world, postgres, name, reroute=True) as played,
        played.parts.transactions.begin() as tx,
    ):
        limits = [
            (await tx.connection.execute(text(f"SHOW {limit}"))).scalar()
            for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    await postgres.drop_database(name)
    assert limits == ["0", "0", "0"]


async def test_a_simulator_that_answers_late_is_asked_for_each_command_once(
    database: Database, postgres: EmbeddedPostgres
) -> None:
    scene, name = small_chain(days=6), f"{database.name}_bridge"
    asked: list[Asked] = []

    async def deaf(said: Sequence[Said]) -> Sequence[Asked]:
        """No order is ever answered, and nothing comes of one."""
        heard = [
            one
            for one in said
            if not isinstance(one, OrderAcknowledged) and not (isinstance(one, Received) and one.kind == "supplier")
        ]
        found = await played.answer(heard)
        asked.extend(found)
        return found

    try:
        async with opened(scene.world, postgres, name, reroute=False) as played:
            await play(scene, deaf)
            assert await _sent_again(played) > 0, "orders were sent for the second time"
            assert len(played.given) == len(asked) == len(words(played.given))
            assert all(isinstance(one, Reorder) for one in asked)
    finally:
        await postgres.drop_database(name)


async def test_what_never_succeeds_is_said_after_a_while() -> None:
    tries = []

    async def refused() -> None:
        tries.append(1)
        raise RetryableError("away", slug="database-unavailable")

    with pytest.raises(RetryableError):
        await until_done(refused, NoJitter(random=None))  # type: ignore[arg-type]  # it draws nothing
    assert len(tries) == GREATEST_ATTEMPTS


async def _sent_again(played: Played) -> int:
    async with played.parts.transactions.begin() as tx:
        return int((await tx.connection.execute(_SENT_AGAIN)).scalar_one())

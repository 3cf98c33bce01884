"""The worker and the learner at work on a filled database: sales of random customers go through both, then their memory is read."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import asyncpg

from benchmarks.profile.running import LEARNER, WORKER, Servers, started
from benchmarks.profile.size.measuring import memory_mb
from benchmarks.profile.year import Progress, lay, sale_of
from libs.common.persistence import OutboxMessage
from libs.common.pseudonyms import Pseudonyms
from libs.common.streaming import Cluster
from libs.laptop.child import Child
from libs.laptop.dataset import Basket, Line
from services.profile.domain.needs import Learner
from services.profile.domain.return_chance import ReturnChance, Waiting, next_due_at
from services.profile.domain.shopper import Shopper
from services.profile.handlers.learning import NEEDS, RETURN_WEIGHTS, packed_returns
from services.profile.tables import CUSTOMERS, IDENTITY_CHANGES, MODELS

SALES = 10_000
ITEMS_A_SALE = 9
_BEGAN_AT = datetime(2018, 2, 1, tzinfo=UTC)
_LOOK_SECONDS = 0.2
_APPLIED = """
    SELECT coalesce(sum(next_offset), 0)::bigint FROM profile.offsets WHERE topic = 'ingest.pos.v1' AND consumer_group = $1
"""
_AT_REST = "SELECT NOT EXISTS (SELECT FROM profile.dirty_customers)"


@dataclass(frozen=True, slots=True)
class Worked:
    """Resident memory after the work."""

    worker_mb: float
    learner_mb: float


async def published_to(connection: asyncpg.Connection, servers: Servers) -> None:
    """The views count as published to this broker's log, as those of a running system are."""
    cluster = Cluster(servers.settings)
    incarnation = await cluster.incarnation()
    await cluster.close()
    for table in (CUSTOMERS, IDENTITY_CHANGES, MODELS):
        await connection.execute(
            "INSERT INTO profile.version_relays (relay, incarnation) VALUES ($1, $2)", table.name, incarnation
        )


async def worked(
    servers: Servers, connection: asyncpg.Connection, pseudonyms: Pseudonyms, customers: int, progress: Progress
) -> Worked:
    """Let the worker apply and fold SALES sales, then the learner put them in line; each is weighed when nothing waits."""
    await connection.execute("TRUNCATE profile.learner_states, profile.learner_customers, profile.learning_queue")
    await _remember(connection, pseudonyms, customers)
    before = await connection.fetchval(_APPLIED, "profile")
    await lay(servers.settings, _sales(pseudonyms, customers, before), SALES, progress)
    wanted = before + SALES
    async with started(servers, WORKER) as (worker, _):
        await _until(connection, worker, "profile", wanted, progress)
        while not await connection.fetchval(_AT_REST):
            await _rest(worker)
        worker_mb = memory_mb(worker)
    async with started(servers, LEARNER) as (learner, _):
        await _until(connection, learner, "profile-learner", wanted, progress)
        return Worked(worker_mb, memory_mb(learner))


def _sales(pseudonyms: Pseudonyms, customers: int, first: int) -> Iterator[OutboxMessage]:
    chance = Random(customers)
    for number in range(SALES):
        card = pseudonyms.value_of("loyalty_card", str(chance.randrange(customers)))
        lines = tuple(Line(str(chance.randrange(1, 40_000)), Decimal(1), 199, 0, 0) for _ in range(ITEMS_A_SALE))
        at = _BEGAN_AT + timedelta(seconds=first + number)
        yield sale_of(Basket(f"more-{first + number}", card, str(chance.randrange(300)), at, lines))


async def _remember(connection: asyncpg.Connection, pseudonyms: Pseudonyms, customers: int) -> None:
    """What the learner stored after it has met every customer: of each a trip whose examples wait for what comes of them."""
    first = int(_BEGAN_AT.timestamp()) - 30 * 86_400
    await connection.copy_records_to_table(
        "learner_customers",
        schema_name="profile",
        columns=("identifier", "due_at_seconds", "state"),
        records=(
            (pseudonyms.key_of(f"loyalty_card:{number}"), *_waiting(first + number * 30 * 86_400 // customers))
            for number in range(customers)
        ),
    )
    for learner, state in ((NEEDS, Learner().encode()), (RETURN_WEIGHTS, packed_returns(ReturnChance()))):
        await connection.execute(
            "INSERT INTO profile.learner_states VALUES ($1, 1, $2, $3, $4)", learner, _BEGAN_AT, customers, state
        )


def _waiting(trip_at_seconds: int) -> tuple[int | None, bytes]:
    shopper = Shopper()
    shopper.waiting = [Waiting(trip_at_seconds, 9, 6.5, 4_200, 1.1, 0.9)]
    return next_due_at(shopper.waiting, trip_at_seconds), shopper.encode()


async def _until(connection: asyncpg.Connection, child: Child, group: str, wanted: int, progress: Progress) -> None:
    while (applied := await connection.fetchval(_APPLIED, group)) < wanted:
        progress(f"sales applied by {group}", applied, wanted)
        await _rest(child)


async def _rest(child: Child) -> None:
    if child.process.returncode is not None:
        raise child.failed("ended")
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), _LOOK_SECONDS)

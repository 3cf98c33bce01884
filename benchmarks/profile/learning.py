"""The learner as a process of its own over baskets that the worker has applied: put in line first, then learned, half a day a model."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from benchmarks.profile.running import LEARNER, Servers, cpu_seconds, started
from benchmarks.profile.year import Progress, Year, lay
from libs.common.contracts import new_event
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.topics import INGEST_PLAY, INGEST_POS
from libs.common.persistence import OutboxMessage
from libs.laptop.child import Child

LEARNED = timedelta(weeks=8)
"""As much of the year as is learned; all of it is put in line."""
_INTERVAL = timedelta(hours=12)
_LOOK_SECONDS = 0.01
_STANDING = """
    SELECT (SELECT coalesce(sum(next_offset), 0) FROM profile.offsets
            WHERE topic = $1 AND consumer_group = 'profile-learner')::bigint AS queued,
           (SELECT count(*) FROM profile.offsets WHERE topic = $1 AND consumer_group = 'profile-learner') AS claimed,
           (SELECT max(trained_until) FROM profile.learner_states) AS trained_until,
           (SELECT max(baskets_count) FROM profile.learner_states) AS baskets,
           (SELECT max(number) FROM profile.models) AS models
"""


@dataclass(frozen=True, slots=True)
class Learned:
    """What the learner took; CPU is its own process's."""

    baskets: int
    models: int
    queue_cpu_us: float
    learn_cpu_us: float

    @property
    def baskets_a_cpu_second(self) -> float:
        """What one core does of both."""
        return 1e6 / (self.queue_cpu_us + self.learn_cpu_us)


async def learned(servers: Servers, year: Year, progress: Progress) -> Learned:
    """Let it read all baskets, then tell it that event time goes by, interval by interval, each when the one before is learned.

    The customers' facets know the whole year by then: more than they would, had the learner kept pace with the worker.
    """
    connection = await asyncpg.connect(servers.postgres.url().replace("+asyncpg", ""))
    try:
        async with started(servers, LEARNER) as (learner, _):
            while not (standing := await connection.fetchrow(_STANDING, INGEST_POS.name))["claimed"]:
                await _rest(learner)
            began = cpu_seconds(learner)
            while (standing := await connection.fetchrow(_STANDING, INGEST_POS.name))["queued"] < year.baskets:
                progress("put in line for the learner", standing["queued"], year.baskets)
                await _rest(learner)
            queued = cpu_seconds(learner)
            baskets, models = await _learn(connection, servers, learner, year, progress)
            return Learned(
                baskets, models, 1e6 * (queued - began) / year.baskets, 1e6 * (cpu_seconds(learner) - queued) / baskets
            )
    finally:
        await connection.close()


async def _learn(
    connection: asyncpg.Connection, servers: Servers, learner: Child, year: Year, progress: Progress
) -> tuple[int, int]:
    first = next(year.dataset.baskets()).occurred_at
    steps = LEARNED // _INTERVAL
    for step in range(1, steps + 1):
        reached_at = first + step * _INTERVAL
        await lay(servers.settings, [_tick(reached_at)], 1, progress)
        began = time.monotonic()
        while True:
            standing = await connection.fetchrow(_STANDING, INGEST_POS.name)
            trained_until: datetime | None = standing["trained_until"]
            if trained_until is not None and trained_until + _INTERVAL > reached_at:
                break
            if trained_until is None and step == 1 and time.monotonic() - began > 1.0:
                break  # nothing was bought in it
            await _rest(learner)
        progress("half days learned", step, steps)
    return standing["baskets"], standing["models"]


def _tick(reached_at: datetime) -> OutboxMessage:
    event = new_event(
        PlayTicked(reached_at=reached_at), event_id=f"tick-{reached_at}", source="urn:bench", occurred_at=reached_at
    )
    return OutboxMessage.of(event, INGEST_PLAY)


async def _rest(learner: Child) -> None:
    if learner.process.returncode is not None:
        raise learner.failed("ended")
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), _LOOK_SECONDS)

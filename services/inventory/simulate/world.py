"""One played world: a database of its own on the embedded server, the service around it, and each batch answered by its state."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pydantic import SecretStr

from libs.common.contracts.inventory import Reorder, Reroute
from libs.common.persistence import Timeouts, make_engine, run_migrations
from libs.laptop.embedded_postgres import EmbeddedPostgres
from services.inventory.bootstrap import SERVICE, Parts, assemble
from services.inventory.bootstrap.roles import closer_of, reviewer_of
from services.inventory.settings import Settings
from services.inventory.simulate import protocol
from services.inventory.simulate.effort import Effort
from services.inventory.simulate.facts import Facts, morning_of
from services.inventory.simulate.lane import Lane
from services.inventory.simulate.trying import Done, until_done

NOBODY_LISTENS = "127.0.0.1:1"
"""A broker's address for parts that never speak to one."""


@dataclass(slots=True)
class Played:
    """A world while it is played. What the service approves itself goes out at once: a simulator has no buyer to ask."""

    parts: Parts
    facts: Facts
    effort: Effort
    given: list[Reorder | Reroute] = field(default_factory=list)
    """All that was handed over."""
    _batches: int = 0
    _handed: set[tuple[str, int]] = field(default_factory=set)
    """Commands and versions of `given`."""

    async def answer(self, said: Sequence[protocol.Said]) -> Sequence[protocol.Asked]:
        """Take a batch in; at a close that is not history decide, and hand over what is to be ordered and moved.

        However slow the machine is: what the database refuses for now is tried again. Raises RetryableError after minutes of that.
        """
        lane = Lane(self.parts)
        self._batches += 1
        name = f"batch-{self._batches}"
        with self.effort.facts(len(said)):
            events, unmet = self.facts.of(said), self.facts.unmet(said)
            await self._until_done(lambda: lane.take(events, unmet, name=name))
        asked: list[protocol.Asked] = []
        for one in said:
            if isinstance(one, protocol.Closed):
                with self.effort.close():
                    asked += await self._close(lane, one)
        return asked

    async def _close(self, lane: Lane, closed: protocol.Closed) -> Sequence[protocol.Asked]:
        night = morning_of(closed.day + 1)
        closer, reviewer = closer_of(self.parts), reviewer_of(self.parts)
        await self._until_done(lambda: closer.run(night))
        if closed.history:
            return ()
        await self._until_done(lambda: reviewer.run(night))
        waiting = await self._until_done(lane.commands)
        await self._until_done(lane.commands_left)
        # A version that nobody has answered is sent again, and is to be done once: a simulator cannot tell.
        commands = [one for one in waiting if (one.command_id, one.version) not in self._handed]
        self._handed |= {(one.command_id, one.version) for one in commands}
        self.given += commands
        return [self.facts.counter.ask(command) for command in commands]

    async def _until_done(self, step: Callable[[], Awaitable[Done]]) -> Done:
        return await until_done(step, self.parts.backoff)


def settings_for(world: protocol.World, url: str, *, reroute: bool) -> Settings:
    """The service's settings with this world's costs."""
    cost = world.cost
    return Settings(
        database_url=SecretStr(url),
        kafka_bootstrap=NOBODY_LISTENS,
        play_mode=True,
        approve_everything=True,
        reroute=reroute,
        hold_ratio=cost["hold"],
        lost_ratio=cost["lost"],
        order_line_cents=round(cost["line"] * 100),
        transfer_line_cents=round(cost["tline"] * 100),
        transfer_unit_cents=round(cost["tunit"] * 100),
        transfer_hours=1 + 24 * (world.transfer_lead - 1),
    )


@asynccontextmanager
async def opened(
    world: protocol.World, server: EmbeddedPostgres, database: str, *, reroute: bool
) -> AsyncIterator[Played]:
    """The service on a fresh database, told what a world begins with."""
    await server.drop_database(database)
    await server.make_database(database)
    settings = settings_for(world, server.url(SERVICE, database=database), reroute=reroute)
    parts = assemble(settings, "worker", timeouts=Timeouts.unlimited())
    try:
        await until_done(lambda: _migrate(settings), parts.backoff)
        played = Played(parts, Facts(world), Effort(server.child.pid))
        lane, opening = Lane(parts), played.facts.opening()
        await until_done(lambda: lane.take(opening, name="opening"), parts.backoff)
        yield played
    finally:
        await parts.engine.dispose()


async def _migrate(settings: Settings) -> None:
    engine = make_engine(
        settings.database_url.get_secret_value(),
        schema=SERVICE,
        application_name="simulate",
        timeouts=Timeouts.migrate(),
    )
    try:
        await run_migrations(engine, f"services.{SERVICE}.migrations", SERVICE)
    finally:
        await engine.dispose()

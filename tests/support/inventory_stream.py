"""A chain played through broker, workers and PostgreSQL: facts go to the topics, a tick closes the day, commands are read from theirs."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.common.contracts import TOPIC_OF_TYPE, Event, decode, new_event
from libs.common.contracts.inventory import Reorder, Reroute
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.pos import Sale
from libs.common.persistence import OutboxMessage
from libs.common.streaming import Producer
from libs.common.streaming.reader import TopicReader
from services.inventory.settings import Settings
from services.inventory.simulate.facts import SOURCE, Facts, morning_of
from services.inventory.simulate.playing import Answer
from services.inventory.simulate.protocol import Asked, Closed, Said
from tests.support.inventory_running import RunningInventory

PATIENCE_SECONDS = 120.0
_APPLIED = "SELECT count(*) AS found FROM inbox"
_TICKED = "SELECT coalesce(sum(next_offset), 0)::int AS found FROM offsets WHERE topic = 'ingest.play.v1'"
_UNSENT = "SELECT count(*) AS found FROM outbox"


@dataclass
class Streamed:
    """One world told on the topics, whoever works on them. `repeats`: each batch is sent twice, the second time backwards."""

    settings: Settings
    tables: RunningInventory
    facts: Facts
    producer: Producer
    repeats: bool = False
    told: list[tuple[str, int]] = field(default_factory=list)
    """Every command with its version, in the order in which the topic has them, repeats of the relay too."""

    commands: list[Reorder | Reroute] = field(default_factory=list)
    """The same without repeats."""

    _applied: int = 0
    _ticks: int = 0

    async def begin(self) -> None:
        """Tell what the world begins with."""
        await self._tell(self.facts.opening())

    def answer(self) -> Answer:
        """As a rule in a play. The closes of the history are caught up with the first that asks for commands."""

        async def answer(said: Sequence[Said]) -> Sequence[Asked]:
            await self._tell(self.facts.of(said))
            closed = [one for one in said if isinstance(one, Closed) and not one.history]
            if not closed:
                return ()
            await self._tick(closed[0].day)
            return [self.facts.counter.ask(command) for command in await self._new_commands()]

        return answer

    async def _tell(self, events: Sequence[Event]) -> None:
        lines = sum(len(event.data.lines) for event in events if isinstance(event.data, Sale))
        self._applied += len(events) + lines
        await self._send(events)
        if self.repeats:
            await self._send(events[::-1])
        await self._until(_APPLIED, self._applied + self._ticks)

    async def _tick(self, day: int) -> None:
        self._ticks += 1
        at = morning_of(day + 1)
        tick = new_event(PlayTicked(reached_at=at), event_id=f"tick-{day}", source=SOURCE, occurred_at=at)
        await self._send([tick])
        await self._until(_TICKED, self._ticks)
        await self._until(_UNSENT, 0)

    async def _send(self, events: Sequence[Event]) -> None:
        messages = [OutboxMessage.of(event, TOPIC_OF_TYPE[event.type]) for event in events]
        for first in range(0, len(messages), 500):
            assert set(await self.producer.send_many(messages[first : first + 500])) == {None}

    async def _new_commands(self) -> Sequence[Reorder | Reroute]:
        """What the topic holds more than it did: all that the tables know of."""
        rows = await self.tables.rows("SELECT command_id, version FROM commands")
        wanted = {(row["command_id"], row["version"]) for row in rows}
        found: list[Reorder | Reroute] = []
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            TopicReader(self.settings.stream("test"), ["inventory.commands.v1"]) as reader,
        ):
            while not wanted <= {(one.command_id, one.version) for one in found}:
                read = [decode(record.headers, record.value).data for record in await reader.read() if record.value]
                found += [one for one in read if isinstance(one, (Reorder, Reroute))]
        known = {(one.command_id, one.version) for one in self.commands}
        new = {(one.command_id, one.version): one for one in reversed(found)}
        self.told = [(one.command_id, one.version) for one in found]
        fresh = [new.pop(key) for key in dict.fromkeys(self.told) if key not in known]
        self.commands += fresh
        return fresh

    async def _until(self, sql: str, wanted: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.tables.rows(sql))[0]["found"] != wanted:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), 0.03)

"""Laws of a statement that many callers share."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from services.offers.ports.checkout import Overloaded
from services.offers.store.shared_statement import DatabaseAway, Limits, OutcomeUnknown, SharedStatement


class FakeConnection:
    """Answers each number with its double; `hold` makes it wait, a number in `poison` makes its statement fail."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.poison: set[int] = set()
        self.terminated = False
        self.lost = False

    async def double(self, _connection: Any, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        await self.hold.wait()
        if self.lost:
            raise asyncpg.ConnectionDoesNotExistError("gone")
        if self.poison & set(numbers):
            raise asyncpg.CharacterNotInRepertoireError("a NUL")
        return [2 * number for number in numbers]

    def is_closed(self) -> bool:
        return self.terminated

    def terminate(self) -> None:
        self.terminated = True
        self.hold.set()
        self.lost = True


class Connections:
    """Hands out fakes; `down` refuses."""

    def __init__(self) -> None:
        self.made: list[FakeConnection] = []
        self.down = False

    async def connect(self) -> FakeConnection:
        if self.down:
            raise ConnectionRefusedError
        self.made.append(FakeConnection())
        return self.made[-1]

    async def double(self, connection: FakeConnection, numbers: Sequence[int]) -> list[int]:
        return await connection.double(connection, numbers)


@asynccontextmanager
async def serving(connections: Connections, **limits: Any) -> AsyncIterator[SharedStatement[int, int]]:
    shared: SharedStatement[int, int] = SharedStatement(
        "doubling", connections.connect, connections.double, Limits(reconnect_seconds=0.01, **limits)
    )
    running = asyncio.create_task(shared.run())
    await asyncio.sleep(0)  # noqa: TID251 - let it connect
    try:
        yield shared
    finally:
        shared.stop()
        await asyncio.wait_for(running, 30)


async def passed() -> None:
    for _ in range(20):
        await asyncio.sleep(0)  # noqa: TID251 - other tasks have their turn


async def test_who_asks_while_a_statement_runs_shares_the_next() -> None:
    connections = Connections()
    async with serving(connections, most_together=4) as shared:
        assert await shared.ask(0) == 0
        connections.made[0].hold.clear()
        asked = [asyncio.create_task(shared.ask(number)) for number in range(1, 8)]
        await passed()
        connections.made[0].hold.set()
        assert await asyncio.gather(*asked) == [2, 4, 6, 8, 10, 12, 14]
        assert connections.made[0].batches == [[0], [1, 2, 3, 4], [5, 6, 7]]


async def test_who_gives_up_before_it_was_sent_is_left_out() -> None:
    connections = Connections()
    async with serving(connections) as shared:
        await shared.ask(0)
        connections.made[0].hold.clear()
        first = asyncio.create_task(shared.ask(1))
        await passed()
        second, third = (asyncio.create_task(shared.ask(number)) for number in (2, 3))
        await passed()
        second.cancel()
        await passed()
        connections.made[0].hold.set()
        assert [await first, await third] == [2, 6]
        assert connections.made[0].batches == [[0], [1], [3]]


async def test_a_row_that_fails_fails_alone() -> None:
    connections = Connections()
    async with serving(connections) as shared:
        await shared.ask(0)
        connections.made[0].poison = {3}
        connections.made[0].hold.clear()
        asked = [asyncio.create_task(shared.ask(number)) for number in range(1, 6)]
        await passed()
        connections.made[0].hold.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [answer for answer in answers if not isinstance(answer, BaseException)] == [2, 4, 8, 10]
        assert isinstance(answers[2], asyncpg.CharacterNotInRepertoireError)


async def test_a_server_that_never_answers_costs_its_connection_and_nothing_else() -> None:
    connections = Connections()
    async with serving(connections, statement_seconds=0.05) as shared:
        await shared.ask(0)
        connections.made[0].hold.clear()
        with pytest.raises(OutcomeUnknown):
            await shared.ask(1)
        assert connections.made[0].terminated
        await passed()
        assert await shared.ask(2) == 4
        assert len(connections.made) == 2


async def test_without_a_database_callers_are_refused_at_once_and_served_when_it_is_back() -> None:
    connections = Connections()
    connections.down = True
    async with serving(connections) as shared:
        await passed()
        asked = asyncio.create_task(shared.ask(1))
        await asyncio.sleep(0)  # noqa: TID251 - its one turn
        assert isinstance(asked.exception(), DatabaseAway)
        connections.down = False
        async with asyncio.timeout(30):
            while not shared.connected:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.005)  # noqa: TID251 - waits for the reconnect
        assert await shared.ask(2) == 4


async def test_more_than_may_wait_are_sent_away() -> None:
    connections = Connections()
    async with serving(connections, most_waiting=2) as shared:
        await shared.ask(0)
        connections.made[0].hold.clear()
        asked = [asyncio.create_task(shared.ask(1))]
        await passed()
        asked += [asyncio.create_task(shared.ask(number)) for number in (2, 3)]
        await passed()
        with pytest.raises(Overloaded):
            await shared.ask(4)
        connections.made[0].hold.set()
        assert await asyncio.gather(*asked) == [2, 4, 6]


async def test_a_lost_connection_fails_its_batch_as_unknown_and_is_replaced() -> None:
    connections = Connections()
    async with serving(connections) as shared:
        await shared.ask(0)
        connections.made[0].lost = True
        with pytest.raises(OutcomeUnknown):
            await shared.ask(1)
        await passed()
        assert await shared.ask(2) == 4


async def test_a_connection_that_was_closed_while_nobody_asked_is_replaced_before_anybody_notices() -> None:
    connections = Connections()
    async with serving(connections) as shared:
        await shared.ask(0)
        connections.made[0].terminate()
        assert await shared.ask(1) == 2
        assert [each.batches for each in connections.made] == [[[0]], [[1]]]


async def test_with_the_database_gone_while_nobody_asked_the_first_who_does_is_refused_at_once() -> None:
    connections = Connections()
    async with serving(connections) as shared:
        await shared.ask(0)
        connections.made[0].terminate()
        connections.down = True
        with pytest.raises(DatabaseAway):
            await shared.ask(1)


async def test_what_waits_at_the_end_is_still_answered() -> None:
    connections = Connections()
    async with serving(connections) as shared:
        await shared.ask(0)
        connections.made[0].hold.clear()
        asked = [asyncio.create_task(shared.ask(number)) for number in (1, 2)]
        await passed()
        shared.stop()
        connections.made[0].hold.set()
        assert await asyncio.gather(*asked) == [2, 4]

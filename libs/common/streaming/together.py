"""Many callers with one message each: what they bring while a partition's batch is under way goes into its next one together.

Each alone would cost a future and a place in a queue of the client; a partition has one batch under way at a time anyway.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from libs.common.errors import UsualError
from libs.common.persistence.messages import OutboxMessage
from libs.common.streaming.errors import SendUnknown


class Batches(Protocol):
    """What sends a partition's messages in one batch: the Producer."""

    async def partition_of(self, message: OutboxMessage) -> tuple[str, int]:
        """Topic and partition that a message goes to; raises UsualError."""
        ...

    async def send_many(self, messages: Sequence[OutboxMessage]) -> Sequence[UsualError | None]:
        """Per message None when acknowledged, else why not."""
        ...


class _Waiting(NamedTuple):
    message: OutboxMessage
    outcome: "asyncio.Future[UsualError | None]"


class Together:
    """Sends lone messages. No partition waits for another; a message that its caller gave up before its turn stays away."""

    def __init__(self, producer: Batches) -> None:
        self._producer = producer
        self._waiting: dict[tuple[str, int], list[_Waiting]] = defaultdict(list)
        self._sending: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def send(self, message: OutboxMessage) -> UsualError | None:
        """None when every in-sync replica has it, else why not, or why that is unknown; never raises for that."""
        try:
            place = await self._producer.partition_of(message)
        except UsualError as error:
            return error
        waiting = _Waiting(message, asyncio.get_running_loop().create_future())
        self._waiting[place].append(waiting)
        if place not in self._sending:
            self._begin(place)
        return await waiting.outcome

    async def settle(self) -> None:
        """Return when nothing is under way."""
        while self._sending:
            await asyncio.wait(self._sending.values())

    def _begin(self, place: tuple[str, int]) -> None:
        self._sending[place] = asyncio.create_task(self._send_all(place))

    async def _send_all(self, place: tuple[str, int]) -> None:
        try:
            while together := [one for one in self._waiting.pop(place, ()) if not one.outcome.done()]:
                await self._send(together)
        finally:
            del self._sending[place]
            if place in self._waiting:  # only after a fault of ours: those who came meanwhile do not pay for it
                self._begin(place)

    async def _send(self, together: list[_Waiting]) -> None:
        outcomes: list[UsualError | None] = [SendUnknown("given up while it was under way")] * len(together)
        try:
            outcomes = list(await self._producer.send_many([one.message for one in together]))
        finally:
            for one, outcome in zip(together, outcomes, strict=True):
                if not one.outcome.done():
                    one.outcome.set_result(outcome)

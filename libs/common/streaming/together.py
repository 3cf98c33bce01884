"""Many callers: what they bring while a partition's batch is under way goes into its next one together.

A partition has one batch under way at a time; callers with a batch each would queue for round trips.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from libs.common.errors import UsualError
from libs.common.persistence.messages import Message
from libs.common.streaming.errors import SendUnknown
from libs.common.streaming.producer import Place


class Batches(Protocol):
    """What sends a partition's messages in one batch: the Producer."""

    async def places_of(self, messages: Sequence[Message]) -> Mapping[Place | UsualError, Sequence[int]]:
        """The messages, by number, by the partition that they go to, or by why they go nowhere."""
        ...

    async def send_to(self, place: Place, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        """Per message None when acknowledged, else why not."""
        ...


class _Waiting(NamedTuple):
    """What one caller brought for one partition."""

    messages: Sequence[Message]
    outcomes: "asyncio.Future[Sequence[UsualError | None]]"


class Together:
    """Sends what callers bring. No partition waits for another; what its caller gave up before its turn stays away."""

    def __init__(self, producer: Batches) -> None:
        self._producer = producer
        self._waiting: dict[Place, list[_Waiting]] = defaultdict(list)
        self._sending: dict[Place, asyncio.Task[None]] = {}

    async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        """Per message None when every in-sync replica has it, else why not, or why that is unknown; never raises for that.

        A caller's messages keep their order within a partition; after a failure nothing later of them is sent there.
        """
        outcomes: list[UsualError | None] = [None] * len(messages)
        brought: list[tuple[Sequence[int], asyncio.Future[Sequence[UsualError | None]]]] = []
        for place, numbers in (await self._producer.places_of(messages)).items():
            if isinstance(place, UsualError):
                for number in numbers:
                    outcomes[number] = place
            else:
                brought.append((numbers, self._bring(place, [messages[number] for number in numbers])))
        try:
            for numbers, waiting in brought:
                for number, outcome in zip(numbers, await waiting, strict=True):
                    outcomes[number] = outcome
        finally:
            for _, waiting in brought:
                waiting.cancel()  # where this caller gave up; what is done stays done
        return outcomes

    async def settle(self) -> None:
        """Return when nothing is under way."""
        while self._sending:
            await asyncio.wait(self._sending.values())

    def _bring(self, place: Place, messages: Sequence[Message]) -> "asyncio.Future[Sequence[UsualError | None]]":
        waiting = _Waiting(messages, asyncio.get_running_loop().create_future())
        self._waiting[place].append(waiting)
        if place not in self._sending:
            self._begin(place)
        return waiting.outcomes

    def _begin(self, place: Place) -> None:
        self._sending[place] = asyncio.create_task(self._send_all(place))

    async def _send_all(self, place: Place) -> None:
        try:
            while together := [one for one in self._waiting.pop(place, ()) if not one.outcomes.done()]:
                await self._send(place, together)
        finally:
            del self._sending[place]
            if place in self._waiting:  # only after a fault of ours: those who came meanwhile do not pay for it
                self._begin(place)

    async def _send(self, place: Place, together: Sequence[_Waiting]) -> None:
        messages = [message for one in together for message in one.messages]
        outcomes: Sequence[UsualError | None] = [SendUnknown("given up while it was under way")] * len(messages)
        try:
            outcomes = await self._producer.send_to(place, messages)
        finally:
            told = iter(outcomes)
            for one in together:
                own = list(islice(told, len(one.messages)))
                if not one.outcomes.done():
                    one.outcomes.set_result(own)

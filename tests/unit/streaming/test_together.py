"""Lone messages of many callers, as laws."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from libs.common.errors import UsualError
from libs.common.persistence import Message, OutboxMessage
from libs.common.streaming.errors import SendRefused, SendUnknown
from libs.common.streaming.producer import Place
from libs.common.streaming.together import Together

SLOW, QUICK = "slow", "quick"


@dataclass
class Producer:
    """One partition a topic; the slow one acknowledges when it is told to."""

    batches: dict[str, list[list[bytes]]] = field(default_factory=lambda: defaultdict(list))
    told: asyncio.Event = field(default_factory=asyncio.Event)
    refusing: frozenset[bytes] = frozenset()
    broken: bool = False

    async def places_of(self, messages: Sequence[Message]) -> Mapping[Place | UsualError, Sequence[int]]:
        unknown = SendRefused("no such topic")
        found: dict[Place | UsualError, list[int]] = defaultdict(list)
        for number, message in enumerate(messages):
            found[(message.topic, 0) if message.topic in {SLOW, QUICK} else unknown].append(number)
        return found

    async def send_to(self, place: Place, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        topic, _ = place
        assert {message.topic for message in messages} == {topic}
        self.batches[topic].append([message.value or b"" for message in messages])
        if topic == SLOW:
            await self.told.wait()
        if self.broken:
            raise RuntimeError("a fault of ours")
        return [SendRefused("no") if message.value in self.refusing else None for message in messages]


def a_message(value: bytes, topic: str = SLOW) -> OutboxMessage:
    return OutboxMessage(topic=topic, key=b"k", headers=(), value=value)


async def send(together: Together, value: bytes, topic: str = SLOW) -> UsualError | None:
    (outcome,) = await together.send_many([a_message(value, topic)])
    return outcome


async def started(together: Together, *values: bytes, topic: str = SLOW) -> list["asyncio.Task[UsualError | None]"]:
    """Callers who wait, and what they caused to happen at once."""
    tasks = [asyncio.create_task(send(together, value, topic)) for value in values]
    for _ in range(5):
        await asyncio.wait({asyncio.create_task(asyncio.Event().wait())}, timeout=0)
    return tasks


async def test_what_comes_while_a_batch_is_under_way_goes_into_the_next_together_and_in_order() -> None:
    producer = Producer()
    together = Together(producer)
    callers = await started(together, b"1", b"2")
    callers += await started(together, b"3")
    callers += await started(together, b"4", b"5")
    assert producer.batches[SLOW] == [[b"1", b"2"]]
    producer.told.set()
    assert await asyncio.gather(*callers) == [None] * 5
    assert producer.batches[SLOW] == [[b"1", b"2"], [b"3", b"4", b"5"]]
    await together.settle()


async def test_a_partition_that_is_slow_holds_up_no_other() -> None:
    producer = Producer()
    together = Together(producer)
    (waiting,) = await started(together, b"1")
    assert await send(together, b"2", QUICK) is None
    assert not waiting.done()
    producer.told.set()
    assert await waiting is None


async def test_every_caller_hears_the_outcome_of_its_own_message() -> None:
    together = Together(Producer(refusing=frozenset({b"2"})))
    outcomes = await asyncio.gather(*(send(together, value, QUICK) for value in (b"1", b"2", b"3")))
    assert [type(outcome) for outcome in outcomes] == [type(None), SendRefused, type(None)]
    assert isinstance(await send(together, b"1", "elsewhere"), SendRefused)


async def test_what_a_caller_brings_for_several_partitions_is_answered_in_its_order() -> None:
    producer = Producer(refusing=frozenset({b"3"}))
    producer.told.set()
    brought = [a_message(b"1"), a_message(b"2", QUICK), a_message(b"3"), a_message(b"4", "elsewhere"), a_message(b"5")]
    outcomes = await Together(producer).send_many(brought)
    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), SendRefused, SendRefused, type(None)]
    assert producer.batches == {SLOW: [[b"1", b"3", b"5"]], QUICK: [[b"2"]]}


async def test_a_message_that_its_caller_gave_up_before_its_turn_stays_away() -> None:
    producer = Producer()
    together = Together(producer)
    await started(together, b"1")
    given_up, patient = await started(together, b"2", b"3")
    given_up.cancel()
    producer.told.set()
    assert await patient is None
    assert producer.batches[SLOW] == [[b"1"], [b"3"]]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_after_a_fault_of_ours_nobody_waits_for_ever_and_the_next_message_goes_out() -> None:
    producer = Producer(broken=True)
    together = Together(producer)
    assert isinstance(await asyncio.wait_for(send(together, b"1", QUICK), 30.0), SendUnknown)
    await together.settle()
    callers = await started(together, b"2") + await started(together, b"3", b"4")
    producer.told.set()
    outcomes = await asyncio.wait_for(asyncio.gather(*callers), 30.0)
    assert all(isinstance(outcome, SendUnknown) for outcome in outcomes)
    await together.settle()
    producer.broken = False
    assert await send(together, b"2", QUICK) is None

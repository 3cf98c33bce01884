"""For any interleaving of retries, repeats, bad neighbours, restarts and broker answers each event has one fate, and that once."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.handlers import FrontDoor
from tests.support.ingest_journal import Answered, Entry, Status
from tests.support.ingest_laws import Found, broken_laws
from tests.support.ingest_memory import Answer, MemoryWorker, UnreliableBroker
from tests.support.ingest_plan import Plan, Planned
from tests.support.secrets import behind_the_door
from tests.unit.ingest.examples import NOON, Door, a_key
from tests.unit.ingest.in_memory_quarantine import InMemoryQuarantine

TURNS_TO_SETTLE = 3
DOORS = 2


def a_pool(seed: int, *, invalid_ratio: float, size: int = 10) -> list[Planned]:
    """Events of one client in its order, no repeats among them."""
    plan = Plan("till", Random(seed), invalid_ratio=invalid_ratio, repeat_ratio=0.0, only_sales=True, customers=3)
    return [planned for _ in range(size) for planned in plan.turn(NOON)][:size]


POOL = a_pool(5, invalid_ratio=0.4)
SALES = a_pool(6, invalid_ratio=0.0)


@dataclass
class Shop:
    """Some doors on one broker and one quarantine, a worker behind them, and what the callers wrote down."""

    topics: UnreliableBroker = field(default_factory=UnreliableBroker)
    quarantine: InMemoryQuarantine = field(default_factory=InMemoryQuarantine)
    journal: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.worker = MemoryWorker(self.topics.broker)
        self.doors = [self._door() for _ in range(DOORS)]

    def restart(self, door: int) -> None:
        """It forgets all that it has seen."""
        self.doors[door] = self._door()

    async def offer(self, sent: Sequence[Planned], *, door: int = 0) -> list[Planned]:
        """Send once; returns what is not settled. What is called accepted or quarantined must be there at that moment."""
        known = {entry.name for entry in self.journal}
        self.journal += {
            event.name: event for event in (one.offered for one in sent) if event.name not in known
        }.values()
        results = await self.doors[door].accept_events([planned.raw for planned in sent], a_key())
        answers = []
        for planned, result in zip(sent, results, strict=True):
            status: Status = "duplicate" if result.duplicate else result.status
            answers.append(Answered(*planned.offered.name, status, result.slug, result.quarantine_id))
        self.journal += answers
        there = {name for _, name in self.topics.records}
        assert {answer.name for answer in answers if answer.in_topic} <= there
        assert {answer.quarantine_id for answer in answers} <= {None, *self.quarantine.kept}
        return [planned for planned, answer in zip(sent, answers, strict=True) if not answer.final]

    async def settle(self, pool: Sequence[Planned]) -> None:
        """All faults are over: everybody asks until all is known, though for nothing else, and the worker comes to its end."""
        self.topics.heal()
        self.quarantine.away = False
        settled = {entry.name for entry in self.journal if isinstance(entry, Answered) and entry.final}
        waiting = [planned for planned in pool if planned.offered.name not in settled]
        for _ in range(TURNS_TO_SETTLE):
            waiting = await self.offer(waiting) if waiting else []
        self.worker.work(commits=True, most=10_000)

    def broken_laws(self, *, serial: bool) -> list[str]:
        found = Found(
            records=self.topics.records,
            quarantine={
                key: (kept.source, kept.event_id) if kept.source and kept.event_id else None
                for key, kept in self.quarantine.kept.items()
            },
            facets=self.worker.facets,
        )
        journals = [self.journal] if serial else [[entry] for entry in self.journal]
        return broken_laws(journals, found, behind_the_door)

    def _door(self) -> FrontDoor:
        return replace(Door(quarantine=self.quarantine).front, publisher=self.topics)


@dataclass(frozen=True)
class Request:
    """Some events at once, at one door or at both in the same moment, and how broker and database are then."""

    events: tuple[int, ...]
    doors: tuple[int, ...]
    answers: tuple[Answer, ...]
    away: bool

    async def happen(self, shop: Shop) -> None:
        shop.topics.answers = deque(self.answers)
        shop.quarantine.away = self.away
        sent = [POOL[place] for place in self.events]
        await asyncio.gather(*(shop.offer(sent, door=door) for door in self.doors))


requests = st.builds(
    Request,
    events=st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=6).map(tuple),
    doors=st.sampled_from([(0,), (1,), (0, 1)]),
    answers=st.lists(st.sampled_from(Answer), max_size=4).map(tuple),
    away=st.booleans(),
)
between = st.sampled_from(["restart 0", "restart 1", "late", "commit", "crash"])


@given(st.lists(requests | requests | between, min_size=1, max_size=15))
async def test_each_event_has_one_fate_whatever_happens_on_the_way(happens: list[Request | str]) -> None:
    shop = Shop()
    for step in happens:
        match step:
            case Request():
                await step.happen(shop)
            case "late":
                shop.topics.write_late()
            case "commit" | "crash":
                shop.worker.work(commits=step == "commit", most=3)
            case _:
                shop.restart(int(step[-1]))
    await shop.settle(POOL)
    assert shop.broken_laws(serial=False) == []


@given(
    turns=st.lists(st.integers(1, 4), min_size=1, max_size=len(SALES)),
    told=st.lists(st.sampled_from(Answer), max_size=40),
    doors=st.lists(st.integers(0, DOORS - 1), min_size=1, max_size=8),
)
async def test_a_serial_client_finds_the_events_of_a_key_in_its_order(
    turns: list[int], told: list[Answer], doors: list[int]
) -> None:
    shop, ahead, tries = Shop(), list(SALES), 0
    shop.topics.answers.extend(told)
    for size in turns:
        waiting, ahead = ahead[:size], ahead[size:]
        while waiting:
            waiting = await shop.offer(waiting, door=doors[tries % len(doors)])
            tries += 1
            if tries % 3 == 0:
                shop.topics.write_late()
    await shop.settle([])
    assert shop.broken_laws(serial=True) == []

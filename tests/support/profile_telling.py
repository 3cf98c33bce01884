"""A story is told to a lab while a schedule strikes; what came of it."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from libs.common.persistence import OutboxMessage
from libs.common.streaming import Producer
from libs.laptop.drain import Observer
from services.profile.bootstrap.roles import WORKER_GROUP
from tests.support.profile_digest import contacts_of, digests_of
from tests.support.profile_faults import Schedule, Strike
from tests.support.profile_lab import ProfileLab, running_profile_lab
from tests.support.profile_year import Chapter, Story

AT_REST_WITHIN_SECONDS = 900.0
_AT_ONCE = 2_000
_DEAD = "SELECT count(*) FROM profile.dead_letters"
Step = Sequence[OutboxMessage] | Strike | tuple[int, Chapter | None]


@dataclass(frozen=True, slots=True)
class End:
    """How everything was at rest. `told` counts, by event id, how often facets were told of it."""

    digests: Mapping[str, str]
    told: Counter[str]
    dead_letters: int
    dealt_out: int
    """How often the workers' partitions were dealt out."""
    seconds: float
    summary: str


async def tell(folder: Path, story: Story, schedule: Schedule) -> End:
    """Tell the whole story to processes of its own while the schedule strikes.

    Raises ChildFailed when a process ends of which nobody asked it, NotDrained.
    """
    async with running_profile_lab(folder) as lab, Observer(lab.url, lab.settings, services=("profile",)) as observer:
        telling = _Telling(lab, observer, Producer(lab.settings))
        await telling.lay(story.catalogue)
        await telling.rest()
        began = time.monotonic()
        for step in steps(story, schedule):
            await telling.take(step, schedule)
        await lab.all_back()
        await telling.rest()
        seconds = time.monotonic() - began
        await telling.producer.stop()
        return End(
            digests=await digests_of(observer.connection),
            told=await contacts_of(observer.connection),
            dead_letters=await observer.connection.fetchval(_DEAD),
            dealt_out=lab.generations()[WORKER_GROUP],
            seconds=seconds,
            summary=f"{lab.caught_with_a_batch} pauses with a batch open, {lab.told()}",
        )


def steps(story: Story, schedule: Schedule) -> Iterator[Step]:
    """The story's messages with the strikes spread evenly between them; each chapter's end, and what is learned then."""
    every = story.events / (len(schedule.strikes) + 1)
    due = list(enumerate(schedule.strikes, 1))
    before = 0
    for number, chapter in enumerate(story.chapters, 1):
        messages = [heard.message for heard in chapter.events]
        laid = 0
        while due and due[0][0] * every <= before + len(messages):
            place, strike = due.pop(0)
            until = int(place * every) - before
            yield messages[laid:until]
            yield strike
            laid = until
        yield messages[laid:]
        yield number, chapter if number <= story.learned_chapters else None
        before += len(messages)


@dataclass(frozen=True, slots=True)
class _Telling:
    lab: ProfileLab
    observer: Observer
    producer: Producer

    async def take(self, step: Step, schedule: Schedule) -> None:
        match step:
            case Strike():
                await self.lab.strike(step)
            case (int(), None):
                await self.rest()
            case (int() as number, Chapter() as chapter):
                await self._end(chapter, schedule.amid_learning.get(number))
            case messages:
                await self.lay(messages)

    async def _end(self, chapter: Chapter, strike: Strike | None) -> None:
        """What is learned follows from the data alone when all of a chapter is known before its tick, and nothing after it."""
        await self.rest()
        await self.lay([chapter.tick])
        if strike is not None:
            await self.lab.strike(strike)
        await self.rest()

    async def lay(self, messages: Sequence[OutboxMessage]) -> None:
        for start in range(0, len(messages), _AT_ONCE):
            for error in await self.producer.send_many(messages[start : start + _AT_ONCE]):
                if error is not None:
                    raise error

    async def rest(self) -> None:
        await self.observer.until_at_rest(within_seconds=AT_REST_WITHIN_SECONDS)
        self.lab.check()

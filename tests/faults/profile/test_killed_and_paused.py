"""Workers and learner are killed and paused, and partitions dealt out anew, while a part of the year is told late, shuffled and in part twice.

What is left at rest equals, digest by digest, what an orderly and undisturbed telling leaves. Always run: one seed over some days.
`USUAL_FAULT_SEEDS=1,2,3,4,5 USUAL_FAULT_WEEKS=53` runs other schedules, of 20 kills and 10 pauses, over more of the year.
Learner states and models are in the digest: everything comes to rest at the end of a chapter before event time reaches it, so
what was learned when follows from the data, as in lockstep.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.profile_faults import UNDISTURBED, Faults, schedule
from tests.support.profile_telling import End, tell
from tests.support.profile_year import Story, story

SEEDS = [int(seed) for seed in os.environ.get("USUAL_FAULT_SEEDS", "11").split(",")]  # noqa: TID251 - the test run's own
WEEKS = int(os.environ.get("USUAL_FAULT_WEEKS", "0"))  # noqa: TID251 - the test run's own

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(3_600 if WEEKS else 600)]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is told, and how often is struck."""

    weeks: int
    chapter_days: int
    learned_chapters: int
    faults: Faults


SHORT = Extent(2, 5, 2, Faults(kills=6, pauses=3, visits=1, longest_pause_seconds=5.0))
# The longest pauses outlast what the database grants a silent transaction (8 s): then it is the zombie that finds it gone.
# To learn a year takes one core minutes: of most of it the baskets wait in line in the end, and are compared there.
LONG = Extent(WEEKS, 28, 3, Faults(kills=20, pauses=10, visits=5, longest_pause_seconds=10.0))
EXTENT = LONG if WEEKS else SHORT


@dataclass(frozen=True, slots=True)
class Orderly:
    """What is told, and how it ends when nobody disturbs."""

    story: Story
    end: End


@pytest.fixture(scope="module")
def orderly(tmp_path_factory: pytest.TempPathFactory) -> Orderly:
    told = story(weeks=EXTENT.weeks, chapter_days=EXTENT.chapter_days, learned_chapters=EXTENT.learned_chapters)
    return Orderly(told, asyncio.run(tell(tmp_path_factory.mktemp("orderly"), told, UNDISTURBED)))


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_dies_or_comes_back_the_end_is_that_of_the_undisturbed_telling(
    orderly: Orderly, tmp_path: Path, seed: int, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = schedule(seed, EXTENT.faults, learned_chapters=orderly.story.learned_chapters)
    upset = orderly.story.upset(seed)
    end = asyncio.run(tell(tmp_path, upset, faults))
    told = (
        f"{faults}\n{orderly.story.baskets} baskets, {upset.events} events ({orderly.story.events} without repeats), "
        f"{faults.count('kill')} kills, {faults.count('pause')} pauses, {faults.count('guest comes')} visits: {end.summary}\n"
        f"{orderly.end.seconds:.1f} s undisturbed ({orderly.end.summary}), {end.seconds:.1f} s with faults\n"
        f"digests {dict(end.digests)}"
    )
    with capsys.disabled():
        request.config.get_terminal_writer().line(f"\n{told}")
    assert end.dealt_out >= orderly.end.dealt_out + EXTENT.faults.visits, f"too quiet to prove anything: {told}"
    assert end.dead_letters == 0
    assert [name for name, times in end.told.items() if times > 1] == []
    assert set(end.told) == orderly.story.told_once
    assert end.digests == orderly.end.digests, told

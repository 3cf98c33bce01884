"""kill -9 of every worker in the middle of a play, and a restart on another broker log: 0 lost, 0 doubled."""

import asyncio
from collections.abc import Iterator

import pytest

from libs.laptop.slices import Choice
from libs.laptop.system import ERP, System
from tests.support.whole_system import play, process, running_system, start

pytestmark = pytest.mark.faults

WORKERS = ("profile-worker", "inventory-worker", "offers-worker", "profile-learner")
NEXT_DAYS = Choice(first_week=2, days=3, stores=5)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running_system(tmp_path_factory.mktemp("usual")) as running:
        yield running


async def test_every_worker_is_killed_in_the_middle_of_a_play_and_nothing_is_lost_or_doubled(system: System) -> None:
    playing = asyncio.create_task(play(system))
    starting: list[asyncio.Task[None]] = []
    for name in WORKERS:
        await asyncio.sleep(1.0)  # noqa: TID251 - the play goes on meanwhile
        assert not playing.done()
        await system.kill(name)
        # Nobody waits for it here: until it is up no play can end, so the next one dies in the middle of it too.
        starting.append(asyncio.create_task(system.start_service(process(name))))
    await asyncio.gather(*starting)
    await system.kill(ERP)
    await system.start_erp()
    outcome = await playing
    assert outcome.verdict.examples == []
    assert (outcome.verdict.lost, outcome.verdict.doubled) == (0, 0)
    assert outcome.verdict.applied == outcome.events_accepted


def test_after_down_and_up_a_play_goes_on_although_the_brokers_log_is_gone(system: System) -> None:
    asyncio.run(system.stop())
    start(system)
    outcome = asyncio.run(play(system, NEXT_DAYS))
    assert outcome.verdict.repeats_in_logs == 0
    assert outcome.verdict.examples == []
    assert (outcome.verdict.lost, outcome.verdict.doubled) == (0, 0)

"""How often a loop looks for work."""

import asyncio
from random import Random

from libs.common.persistence import Backoff
from libs.common.persistence.relay import RelayLoop

AN_HOUR_SECONDS = 3_600.0


async def looks_within(seconds: float, found: list[int], *, full: int = 1) -> int:
    looks = 0

    async def look() -> int:
        nonlocal looks
        looks += 1
        return found.pop(0) if found else 0

    loop = RelayLoop(look, name="any", backoff=Backoff(random=Random(1)), idle_seconds=AN_HOUR_SECONDS, full=full)
    running = asyncio.create_task(loop.run())
    await asyncio.wait({running}, timeout=seconds)
    loop.stop()
    await running
    return looks


async def test_a_loop_that_never_found_work_rests_its_whole_time() -> None:
    assert await looks_within(0.2, []) == 1


async def test_a_loop_that_found_work_looks_again_soon() -> None:
    assert await looks_within(0.5, [1, 1]) > 3


async def test_a_loop_that_found_less_than_it_may_take_rests_until_there_is_more() -> None:
    at_once = await looks_within(0.5, [9] * 10_000, full=10)
    assert 2 <= at_once <= 0.5 / 0.05 + 2


async def test_a_loop_that_found_as_much_as_it_may_take_goes_on_at_once() -> None:
    assert await looks_within(0.5, [10] * 200, full=10) > 200

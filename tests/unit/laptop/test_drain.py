"""A play that paces itself waits for the slowest: for records, and for the clock's ticks, of which few are much."""

from collections.abc import Iterable

import pytest

from libs.laptop.drain import Observer, Standing


class Watched(Observer):
    """An observer that sees what it was given, one moment after the other."""

    def __init__(self, moments: Iterable[Standing]) -> None:
        self.moments = list(moments)

    async def standing(self) -> Standing:
        return self.moments.pop(0)


@pytest.mark.parametrize(
    ("moments", "looks"),
    [
        ([Standing({"offers": 2_000}, {}, 12)], 1),
        ([Standing({"offers": 2_001}, {}, 0), Standing({"offers": 1}, {}, 0)], 2),
        ([Standing({"inventory-review": 13}, {}, 13), Standing({"inventory-review": 12}, {}, 12)], 2),
        ([Standing({"offers": 9_999}, {}, 13), Standing({"offers": 9_999}, {}, 0), Standing({}, {}, 0)], 3),
    ],
)
async def test_it_waits_until_neither_records_nor_ticks_are_too_many(moments: list[Standing], looks: int) -> None:
    observer = Watched([*moments, Standing({}, {}, 0)])
    await observer.until_near(2_000, 12)
    assert len(observer.moments) == len(moments) + 1 - looks


async def test_it_gives_up_waiting_but_not_the_play() -> None:
    observer = Watched([Standing({}, {}, 99)] * 5)
    await observer.until_near(2_000, 12, within_seconds=0.15)
    assert observer.moments

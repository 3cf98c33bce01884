"""The picture of a play: what is drawn adds up to what was counted, and hindsight is played as it was reckoned."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from services.inventory.simulate.picture import draw
from services.inventory.simulate.playing import FIXED, OURS, Play, play
from services.inventory.simulate.protocol import Asked, Said
from services.inventory.simulate.rivals import BaseStock, hindsight
from services.inventory.simulate.shelves import Scene, Tally
from tests.support.small_chain import small_chain


async def played(scene: Scene, rival: BaseStock) -> Tally:
    async def answer(said: Sequence[Said]) -> Sequence[Asked]:
        return rival.answer(said)

    return await play(scene, answer)


@pytest.mark.parametrize("review", [1, 7])
async def test_hindsight_played_costs_what_hindsight_reckoned(review: int) -> None:
    scene = small_chain(history=30, days=40, review=review)
    total, points = hindsight(scene)
    bound = await played(scene, BaseStock(scene.world, learns=False, points=points))
    last_orders = total - bound.total  # of the last close: reckoned, and too late to be played
    assert -1e-6 < last_orders <= len(points) * scene.world.cost["line"]


async def test_the_days_add_up_and_are_drawn(tmp_path: Path) -> None:
    scene = small_chain(history=30, days=40, review=1)
    tally = await played(scene, BaseStock(scene.world, learns=False))
    assert (sum(tally.asked_by_day), sum(tally.lost_by_day)) == (tally.asked_units, tally.lost_units)
    assert sum(tally.cost_by_day) == pytest.approx(tally.total)
    target = tmp_path / "play.png"
    draw(scene, Play({OURS: tally, FIXED: tally}, tally.total, tally), target)
    assert target.read_bytes().startswith(b"\x89PNG")
    assert target.stat().st_size > 30_000
    with pytest.raises(ValueError, match="not supported"):
        draw(scene, Play({OURS: tally}, tally.total, tally), tmp_path / "play.nothing")

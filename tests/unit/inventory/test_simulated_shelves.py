"""Laws of played shelves and of what they are held against: goods are neither made nor lost, the bound and the rivals obey the same world."""

from collections.abc import Sequence

import numpy as np
import pytest

from libs.common.errors import InvalidInput
from services.inventory.domain.closing.unmet import Unmet, revealed
from services.inventory.domain.learning.facts import LINE_SIZES, DayFacts
from services.inventory.domain.learning.facts import Shelves as Rows
from services.inventory.simulate.playing import bars, play, weekly
from services.inventory.simulate.protocol import (
    Asked,
    Closed,
    Received,
    Rejected,
    Reorder,
    Reroute,
    Said,
    Sold,
    TransferredOut,
    batch_of,
)
from services.inventory.simulate.rivals import BaseStock, hindsight
from services.inventory.simulate.shelves import Shelves
from tests.support.small_chain import small_chain

SCENE = small_chain(history=20, days=15)


class Listening:
    """A rule that moves and orders by rote, and hears everything."""

    def __init__(self) -> None:
        self.heard: list[Said] = []

    async def answer(self, said: Sequence[Said]) -> Sequence[Asked]:
        self.heard += said
        closed = [one for one in said if isinstance(one, Closed) and not one.history]
        if not closed:
            return ()
        day = closed[0].day
        item = SCENE.world.items[day % 6]
        return [
            Reorder(store="s1", item=item, qty=5),
            Reroute(from_store="s0", to_store="s3", item=item, qty=4),
            Reroute(from_store="s2", to_store="s3", item=item, qty=10_000),
        ]


async def test_goods_are_neither_made_nor_lost() -> None:
    rule = Listening()
    tally = await play(SCENE, rule.answer)
    first = SCENE.world.first_day
    sold = sum(one.qty for one in rule.heard if isinstance(one, Sold) and one.day >= first)
    asked = sum(wanted.qty for day in SCENE.lines[first:] for wanted in day)
    assert tally.asked_units == asked == sold + tally.lost_units
    came = sum(one.qty for one in rule.heard if isinstance(one, Received) and one.kind == "transfer")
    assert 0 < came <= tally.transferred_units
    lefts = [one.stock for one in rule.heard if isinstance(one, Sold) and one.day >= first]
    assert all(left is not None and left >= 0 for left in lefts)


async def test_what_is_on_the_shelves_at_the_end_is_what_came_and_did_not_go() -> None:
    rule, shelves = Listening(), Shelves(SCENE)
    world = SCENE.world
    heard: list[Said] = []
    asked: Sequence[Asked] = ()
    for day in range(world.first_day, world.last_day + 1):
        answers = shelves.obey(day - 1, asked)
        lived = shelves.live(day)
        heard += [*answers, *lived]
        asked = await rule.answer(lived)
    came = sum(one.qty for one in heard if isinstance(one, Received))
    sold = sum(one.qty for one in heard if isinstance(one, Sold))
    moved = sum(one.qty for one in heard if isinstance(one, TransferredOut))
    assert moved > 0
    start = sum(units for *_, units in world.initial_stock)
    assert sum(shelves.stock.values()) == start + came - sold - moved


def test_what_is_not_there_is_not_moved_and_orders_wait_for_their_day() -> None:
    scene = small_chain(history=20, days=5, review=7)
    shelves = Shelves(scene)
    shelves.stock["s0", "i0"] = 0
    nothing = shelves.obey(20, [Reroute(from_store="s0", to_store="s1", item="i0", qty=1)])
    wrong_day = shelves.obey(20, [Reorder(store="s0", item="i0", qty=1)])
    right_day = shelves.obey(21, [Reorder(store="s0", item="i0", qty=1)])
    assert [type(one) for one in (*nothing, *wrong_day)] == [Rejected, Rejected]
    assert not isinstance(right_day[0], Rejected)
    assert shelves.tally.rejected == 2


def test_an_order_is_there_after_its_lead_in_whole_packs() -> None:
    shelves = Shelves(SCENE)
    day = SCENE.world.first_day
    shelves.obey(day - 1, [Reorder(store="s0", item="i2", qty=4)])
    arrived = {
        later: [one.qty for one in shelves.live(later) if isinstance(one, Received)] for later in range(day, day + 4)
    }
    assert arrived == {day: [], day + 1: [], day + 2: [6], day + 3: []}


@pytest.mark.parametrize("review", [1, 7])
async def test_hindsight_costs_no_more_than_any_fixed_points(review: int) -> None:
    scene = small_chain(history=30, days=40, review=review)
    rival = BaseStock(scene.world, learns=False)

    async def answer(said: Sequence[Said]) -> Sequence[Asked]:
        return rival.answer(said)

    tally = await play(scene, answer)
    assert tally.rejected == 0
    assert hindsight(scene)[0] <= tally.total + 1e-9


def test_what_the_protocol_does_not_know_is_refused() -> None:
    for body in (b"", b"{}", b'{"events":[{"type":"flood"}]}', b'{"events":[{"type":"sale","day":1}]}'):
        with pytest.raises(InvalidInput):
            batch_of(body)


def test_revealed_demand_takes_the_place_of_the_estimate() -> None:
    rows = Rows(
        item_ids=["a", "b"],
        starts=np.array([0, 2, 3]),
        store_ids=["s1", "s2", "s1"],
        pack=np.ones(3),
        price_cents=np.ones(3),
    )
    facts = DayFacts(
        day=3,
        sold=np.array([1.0, 2.0, 3.0]),
        open_ratio=np.array([1.0, 0.5, 0.2]),
        emptied_by=np.array([0.0, 2.0, 0.0]),
        line_sizes=np.zeros((2, LINE_SIZES)),
    )
    told = [Unmet(item_id="a", store_id="s2", day=3, units_milli=4000)]
    found = revealed(facts, rows, told)
    assert found.sold.tolist() == [1.0, 6.0, 3.0]
    assert found.open_ratio.tolist() == [1.0, 1.0, 1.0]
    assert not found.emptied_by.any()
    assert found.line_sizes[0, 2] == 1


def test_bars_and_weeks() -> None:
    assert weekly([1.0] * 7 + [3.0]) == [1.0, 3.0]
    assert bars([0.0, 4.0]) == " █"

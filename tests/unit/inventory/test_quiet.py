"""Laws of quiet items: deciding them one by one comes to nothing, at whatever moment of the day; what may come to something is not quiet."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from random import Random

import numpy as np
import pytest

from services.inventory.domain.catalog import Lane
from services.inventory.domain.commands.command import Command, Kind, Status
from services.inventory.domain.demand.demand import Rates
from services.inventory.domain.distribution import FloatArray
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.planning.availability import statuses
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.policies.classes import ItemClass, Matches, MinMax, PolicyBook
from services.inventory.domain.reviewing.decisions import decide
from services.inventory.domain.reviewing.quiet import quiet_items
from services.inventory.domain.reviewing.review import review
from services.inventory.domain.stock.shelves import DepotShelf, ItemPlan, ItemView, day_of, start_of
from tests.support.inventory_events import an_item_view, around, at

TODAY = day_of(at(9.0))


def quiet_of(items: Sequence[ItemView], told: Surroundings) -> set[str]:
    return quiet_items([(item, item.plan) for item in items], TODAY, told)


STORES = ("s1", "s2", "s3", "s4")
LANES = (
    Lane(lane_id="every-day", supplier_id="near", lead_time_hours=30),
    Lane(lane_id="weekly", supplier_id="far", order_weekdays=((at(9.0).weekday() + 2) % 7,)),
    Lane(lane_id="closes", supplier_id="near", cutoff_at=time(11), lead_time_hours=20),
    Lane(lane_id="elsewhere", supplier_id="east", order_weekdays=(at(9.0).weekday(),), time_zone="Asia/Tokyo"),
    Lane(lane_id="holidays", supplier_id="near", closed_on=(date(2031, 3, 13),)),
    Lane(lane_id="today", supplier_id="near", order_weekdays=(at(9.0).weekday(),)),
)


def a_plan(random: Random, item_id: str, *, has_units_elsewhere: bool) -> ItemPlan:
    def each(least: float, most: float) -> FloatArray:
        return np.array([random.uniform(least, most) for _ in STORES])

    trigger = np.array([random.randint(0, 4) * 1000 for _ in STORES])
    return ItemPlan(
        item_id=item_id,
        day=TODAY,
        store_ids=STORES,
        rates=Rates(rate=each(0.0, 0.6), shape=each(0.5, 3.0), variance_ratio=np.ones(4), shelf_days=each(5, 50)),
        voucher_units=each(-1.0, 1.0).clip(0),
        trigger_milli=trigger,
        order_up_to_milli=trigger,
        statuses=np.zeros(4, dtype=np.int8),
        excess=Spread(day=each(0.1, 1.0), week=each(0.1, 1.0)) if random.random() < 0.7 else None,
        served_else=each(-0.5, 0.9).clip(0) if random.random() < 0.3 else None,
        stands_in_milli=np.array([0, 1000, 0, 3000]) if has_units_elsewhere else None,
    )


def an_item(random: Random, number: int) -> ItemView:
    """Slow shelves, many of them short; offers mostly knows how it stands with them."""
    on_hand = {store_id: random.randint(-1, 4) for store_id in STORES}
    plan = a_plan(random, f"i{number}", has_units_elsewhere=random.random() < 0.1)
    item = an_item_view(on_hand, {}, item_id=plan.item_id, price_cents=random.choice([40, 300, 900, 2_500]), plan=plan)
    if random.random() < 0.1:
        item = replace(item, facts=replace(item.facts, price_cents=None))
    free = np.maximum(item.on_hand_milli, 0)
    told = statuses(free, np.zeros_like(free), plan.rate)
    if random.random() < 0.1:
        told[0] = -1
    return replace(item, plan=replace(plan, statuses=told))


def surroundings(random: Random) -> Surroundings:
    policy = Policy(
        order_line_cents=random.choice([5, 250, 2_000]),
        transfer_line_cents=random.choice([30, 200]),
        reroute=random.random() < 0.8,
    )
    usual = replace(random.choice(LANES), store_id="*")
    other = replace(random.choice(LANES), store_id="s2", rank=1)
    return replace(around(policy), lanes=LaneBook.of([usual, other]))


def is_short(item: ItemView) -> bool:
    assert item.plan is not None
    return bool((np.maximum(item.on_hand_milli, 0) < item.plan.trigger_milli).any())


def test_a_quiet_item_decided_by_itself_comes_to_nothing_at_any_moment_of_its_day() -> None:
    random, seen, short, loud = Random(3), 0, 0, 0
    for _ in range(400):
        told = surroundings(random)
        items = [an_item(random, number) for number in range(12)]
        quiet = quiet_of(items, told)
        for item in items:
            assert item.plan is not None
            if item.facts.item_id not in quiet:
                loud += 1
                continue
            now = start_of(TODAY) + timedelta(seconds=random.randrange(86_400))
            commands, waits = decide(ItemState.of(item, item.plan, ()), now, told)
            assert not commands
            assert not waits
            free = np.maximum(item.on_hand_milli, 0)
            assert (statuses(free, np.zeros_like(free), item.plan.rate) == item.plan.statuses).all()
            seen += 1
            short += is_short(item)
    assert seen > 400, "the rule leaves something out"
    assert short > 100, "also shelves that are short and not worth an order"
    assert loud > 400, "and not everything"


def test_reviewing_all_comes_to_what_reviewing_the_others_comes_to() -> None:
    random, asked = Random(5), 0
    for _ in range(60):
        told = surroundings(random)
        items = [an_item(random, number) for number in range(12)]
        now = start_of(TODAY) + timedelta(seconds=random.randrange(86_400))
        quiet = quiet_of(items, told)
        whole = review(items, now, told)
        chosen = review([item for item in items if item.facts.item_id not in quiet], now, told)
        one_by_one = [
            command
            for item in items
            if item.plan is not None
            for command in decide(ItemState.of(item, item.plan, ()), now, told)[0]
        ]
        assert whole.commands == chosen.commands == one_by_one
        assert whole.availability == chosen.availability
        assert whole.look_again == chosen.look_again
        asked += len(one_by_one)
    assert asked > 50


def test_where_batches_are_cut_does_not_matter() -> None:
    random = Random(7)
    told = surroundings(random)
    items = [an_item(random, number) for number in range(40)]
    assert quiet_of(items, told) == {name for item in items for name in quiet_of([item], told)}


A_COMMAND = Command(
    command_id="c",
    version=1,
    kind=Kind.REORDER,
    item_id="milk",
    store_id="s1",
    from_store_id=None,
    supplier_id="s",
    lane_id="l",
    quantity_milli=1_000,
    packs=1,
    cost_cents=None,
    decided_at=at(8.0),
    needed_at=at(10.0),
    valid_until=at(12.0),
    explanation="",
    status=Status.SENT,
)


def a_quiet_item() -> ItemView:
    item = an_item_view({"s1": 9}, {}, price_cents=100)
    plan = replace(
        a_plan(Random(1), "milk", has_units_elsewhere=False),
        store_ids=["s1"],
        rates=Rates(rate=np.array([0.1]), shape=np.ones(1), variance_ratio=np.ones(1), shelf_days=np.array([9.0])),
        trigger_milli=np.array([1_000]),
        statuses=np.array([2], dtype=np.int8),
    )
    return replace(item, plan=plan)


def test_what_waits_for_an_answer_has_a_depot_or_lots_or_no_plan_of_the_day_is_not_quiet() -> None:
    item = a_quiet_item()
    assert quiet_of([item], around()) == {"milk"}
    assert item.plan is not None
    for other in (
        replace(item, commands=[A_COMMAND]),
        replace(item, depots=[DepotShelf(depot_id="d", on_hand_milli=0)]),
        replace(item, ladder=[((TODAY, 9_000),)]),
        replace(item, facts=replace(item.facts, shelf_life_days=5)),
        replace(item, plan=None),
        replace(item, plan=replace(item.plan, day=TODAY - 9)),
        replace(item, plan=replace(item.plan, store_ids=["s2"])),
    ):
        assert not quiet_of([other], around())


@pytest.mark.parametrize("on_hand", [0, 9])
def test_a_chain_that_orders_by_classes_is_asked_about_every_shelf_that_is_short(on_hand: int) -> None:
    item = a_quiet_item()
    stocked = replace(item, on_hand_milli=np.array([on_hand * 1_000]))
    assert stocked.plan is not None
    told = statuses(stocked.on_hand_milli, np.zeros(1, dtype=np.int64), stocked.plan.rate)
    stocked = replace(stocked, plan=replace(stocked.plan, statuses=told))
    by_class = ItemClass(name="all", matches=Matches(), policy=MinMax(min_units=1, max_units=2))
    told_of_classes = replace(around(), book=PolicyBook(classes=(by_class,)))
    assert quiet_of([stocked], around()) == {"milk"}
    assert quiet_of([stocked], told_of_classes) == ({"milk"} if on_hand else set())

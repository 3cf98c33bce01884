"""Whoever knows the age of stock wastes less and loses no more sales: real rules on drawn demand, nothing made or lost on the way."""

from services.inventory.domain.planning.replenishment import Policy
from services.inventory.simulate.fresh import FreshShelves
from services.inventory.simulate.fresh_play import play_fresh
from tests.support.small_chain import small_chain

SCENE = small_chain(history=56, days=25)
LIFE_DAYS = {item: 2 + place for place, item in enumerate(SCENE.world.items)}


def test_knowing_the_age_of_stock_costs_less_in_waste_and_lost_sales_together() -> None:
    ignoring, knowing = (play_fresh(SCENE, LIFE_DAYS, is_aware=known) for known in (False, True))
    assert knowing.asked == ignoring.asked > 1_000
    assert knowing.wasted < 0.8 * ignoring.wasted
    assert knowing.total_cents < 0.85 * ignoring.total_cents


def test_pieces_are_neither_made_nor_lost_and_the_same_play_is_the_same() -> None:
    policy = Policy(order_line_cents=5, reroute=False, cover_days=1, slow_cover_days=1)
    shelves = FreshShelves(scene=SCENE, life_days=LIFE_DAYS, is_aware=True, policy=policy)
    tally = shelves.play()
    first, last = SCENE.world.first_day, SCENE.world.last_day
    began = sum(units for _, _, units in SCENE.world.initial_stock)
    came = sum(units for days in shelves.moved.values() for day, units in days.items() if first <= day <= last)
    sold = sum(units for days in shelves.sold.values() for day, units in days.items() if first <= day <= last)
    assert sold == tally.asked - tally.lost
    assert sum(sum(lots.values()) for lots in shelves.lots.values()) == began + came - sold
    assert play_fresh(SCENE, LIFE_DAYS, is_aware=True, reroute=False) == tally

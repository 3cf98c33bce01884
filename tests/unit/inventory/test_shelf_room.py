"""A transfer never brings more than the shelf that receives it can take."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.catalog import ShelfFacts
from services.inventory.domain.commands.command import Kind
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.policies.classes import ItemClass, PolicyBook, ShelfLimits
from services.inventory.domain.reviewing.review import review
from services.inventory.domain.stock.shelves import ItemView
from tests.support.inventory_events import an_item_view, around, at

NOW = at(9.9)
SELLS = [2, 1, 0, 3, 1, 2, 0, 1, 2, 1]


def moved_to_s1(item: ItemView, book: PolicyBook | None = None) -> int:
    found = review([item], NOW, replace(around(), book=book or PolicyBook())).commands
    return sum(one.quantity_milli for one in found if one.kind is Kind.REROUTE and one.store_id == "s1") // 1000


def needy(here: int = 0) -> ItemView:
    return an_item_view({"s1": here, "s2": 40}, dict.fromkeys(["s1", "s2"], SELLS), price_cents=9_000)


def test_without_a_stated_capacity_nothing_changes() -> None:
    assert moved_to_s1(needy()) > 2
    known = replace(needy(), shelf_facts={"s2": ShelfFacts(capacity_milli=1_000)})
    assert moved_to_s1(known) == moved_to_s1(needy())


@given(st.integers(0, 12), st.integers(0, 4))
def test_what_is_there_and_what_comes_from_other_stores_fits_on_the_shelf(capacity: int, here: int) -> None:
    item = replace(needy(here), shelf_facts={"s1": ShelfFacts(capacity_milli=capacity * 1000)})
    assert moved_to_s1(item) <= max(capacity - here, 0)
    by_class = ItemClass(name="all", limits=ShelfLimits(capacity_units=capacity))
    assert moved_to_s1(needy(here), PolicyBook(classes=(by_class,))) <= max(capacity - here, 0)


def learned(item: ItemView) -> ItemView:
    """The item with its plan as a day's close would have made it."""
    (plan,) = review([item], NOW, around()).plans
    return replace(item, plan=replace(plan, excess=Spread(day=np.full(2, 0.5), week=np.full(2, 0.3))))


@given(st.integers(0, 12))
def test_the_learned_rule_keeps_to_it_too(capacity: int) -> None:
    item = learned(needy())
    free = moved_to_s1(item)
    bound = moved_to_s1(replace(item, shelf_facts={"s1": ShelfFacts(capacity_milli=capacity * 1000)}))
    assert free > 0
    assert bound <= min(capacity, free)

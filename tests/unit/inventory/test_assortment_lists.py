"""Comparable stores, and the lists that are made of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain.assortment.introductions import Introduction, Wish, introductions
from services.inventory.domain.assortment.likeness import Range, expected_everywhere, expected_in_store, likeness
from services.inventory.domain.assortment.placements import Traits, placements
from services.inventory.domain.assortment.searches import (
    MINIMUM_VISITORS,
    Place,
    PlaceKind,
    Sought,
    Subject,
    SubjectKind,
)
from services.inventory.domain.assortment.unmet_demand import UnmetWish, Unserved, unmet_demand

OAT = Subject(SubjectKind.ITEM, "oat")
NORTH = {"s1": "north", "s2": "north", "s3": "south"}


def a_chain(seed: int = 1, items: int = 40, stores: int = 12) -> Range:
    """Stores of several sizes and two tastes; about a third of the shelves are missing."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(0.5, 3.0, stores)
    taste = np.where(np.arange(stores) % 2 == 0, 2.0, 0.5)
    category = np.arange(items) % 4
    rate = rng.gamma(1.0, 4.0, items)[:, None] * size * np.where(category[:, None] < 2, taste, 1 / taste)
    carried = rng.random((items, stores)) < 0.66
    return Range(
        item_ids=[f"i{number:03}" for number in range(items)],
        category=category,
        group=category,
        store_ids=[f"s{number:02}" for number in range(stores)],
        weekly=np.where(carried, rate, 0.0),
        carried=carried,
        excess=np.full((items, stores), 0.1),
    )


def listed(chain: Range, store: int, **searches: int) -> list[Introduction]:
    found = {item_id: Sought(searches=count, visitors=MINIMUM_VISITORS) for item_id, count in searches.items()}
    prices = np.full(len(chain.item_ids), 200.0)
    return list(introductions(chain, likeness(chain), prices, store, found, Wish(limit=100)))


def test_an_expectation_uses_nothing_that_the_item_sells_in_the_store_itself() -> None:
    chain = a_chain()
    item, store = 7, 3
    weekly, carried = chain.weekly.copy(), chain.carried.copy()
    weekly[item, store], carried[item, store] = 0.0, False
    hidden = replace(chain, weekly=weekly, carried=carried)
    like = likeness(hidden)
    assert expected_in_store(hidden, like, store)[item] == pytest.approx(expected_everywhere(hidden, like, item)[store])


def test_both_ways_to_expect_agree_everywhere() -> None:
    chain = a_chain()
    like = likeness(chain)
    by_store = np.stack([expected_in_store(chain, like, store) for store in range(12)], axis=1)
    by_item = np.stack([expected_everywhere(chain, like, item) for item in range(40)])
    np.testing.assert_allclose(by_store, by_item, rtol=1e-9)


@settings(max_examples=30)
@given(st.integers(0, 39), st.integers(0, 11), st.floats(1.1, 20.0))
def test_an_item_that_sells_more_elsewhere_is_expected_to_sell_more_here(item: int, other: int, factor: float) -> None:
    chain = a_chain()
    like = likeness(chain)  # the stores' likeness as it was: the law is the item's own
    weekly = chain.weekly.copy()
    weekly[item, other] = max(weekly[item, other], 0.1) * factor
    before, after = (expected_everywhere(one, like, item) for one in (chain, replace(chain, weekly=weekly)))
    assert np.all(after >= before - 1e-12)


def test_tastes_are_seen_beyond_size() -> None:
    chain = a_chain(items=200)
    hidden = np.random.default_rng(5).random(chain.carried.shape) < 0.2
    kept = replace(chain, weekly=np.where(hidden, 0, chain.weekly), carried=chain.carried & ~hidden)
    like, wanted = likeness(kept), hidden & chain.carried
    ours = np.stack([expected_in_store(kept, like, store) for store in range(12)], axis=1)
    popular = kept.weekly.sum(axis=1)[:, None] * kept.weekly.sum(axis=0)
    truth = chain.weekly[wanted]
    assert np.corrcoef(ours[wanted], truth)[0, 1] > np.corrcoef(popular[wanted], truth)[0, 1] + 0.05


def test_only_what_is_not_there_and_others_carry_is_to_be_introduced() -> None:
    chain = a_chain()
    for line in listed(chain, 4):
        row = chain.place_of(line.item_id)
        assert row is not None
        assert not chain.carried[row, 4]
        assert chain.carried[row].sum() >= 2


@settings(max_examples=25)
@given(st.integers(0, 11), st.integers(0, 50), st.integers(1, 200), st.data())
def test_more_searches_never_rank_an_item_lower(store: int, before: int, more: int, data: st.DataObject) -> None:
    chain = a_chain()
    ids = [line.item_id for line in listed(chain, store)]
    item_id = data.draw(st.sampled_from(ids))
    ranks = [
        [line.item_id for line in listed(chain, store, **{item_id: searches})].index(item_id)
        for searches in (before, before + more)
    ]
    assert ranks[1] <= ranks[0]


def few_shelves() -> Range:
    """Oat drink and tea, three a week in each of four stores; the last has no region."""
    shape = (2, 4)
    return Range(
        item_ids=["oat", "tea"],
        category=np.zeros(2, dtype=np.int64),
        group=np.zeros(2, dtype=np.int64),
        store_ids=["s1", "s2", "s3", "s9"],
        weekly=np.full(shape, 3.0),
        carried=np.ones(shape, dtype=np.bool_),
        excess=np.zeros(shape),
    )


@settings(max_examples=25)
@given(st.floats(0, 50), st.floats(0.01, 50), st.integers(0, 30), st.integers(0, 30))
def test_more_unmet_demand_never_ranks_lower(hidden: float, more: float, unanswered: int, again: int) -> None:
    def rank(units: float, searches: int) -> int:
        told = {
            (OAT, Place(PlaceKind.STORE, "s1")): Sought(searches=99, unanswered=searches, visitors=9),
            (Subject(SubjectKind.ITEM, "soap"), Place(PlaceKind.STORE, "s1")): Sought(searches=20, unanswered=15),
        }
        unserved = Unserved(hidden={("oat", "s1"): units, ("tea", "s1"): 25.0}, sought=told)
        lines = unmet_demand(few_shelves(), np.full(2, 100.0), NORTH, unserved, UnmetWish())
        return [*(line.subject for line in lines), OAT].index(OAT)

    assert rank(hidden + more, unanswered + again) <= rank(hidden, unanswered)


def test_a_region_sums_its_stores_and_shows_nothing_of_stores_without_one() -> None:
    unserved = Unserved(hidden={("oat", store): 4.0 for store in ("s1", "s2", "s3", "s9")}, sought={})
    wish = UnmetWish(level=PlaceKind.REGION)
    lines = unmet_demand(few_shelves(), np.full(2, 100.0), NORTH, unserved, wish)
    assert [(line.place.place_id, line.demand_week, line.missed_week) for line in lines] == [
        ("north", 6.0, 2.0),
        ("south", 3.0, 1.0),
    ]
    (chain,) = unmet_demand(few_shelves(), np.full(2, 100.0), NORTH, unserved, UnmetWish(level=PlaceKind.CHAIN))
    assert (chain.demand_week, chain.missed_week, chain.missed_cents_week) == (12.0, 4.0, 400)


def test_what_nobody_missed_is_not_listed() -> None:
    nothing = Unserved(hidden={}, sought={})
    assert not unmet_demand(few_shelves(), np.full(2, 100.0), NORTH, nothing, UnmetWish())


def test_what_was_decided_on_is_not_listed_again() -> None:
    chain = a_chain()
    first, second, *_ = listed(chain, 4)
    prices = np.full(40, 200.0)
    again = introductions(chain, likeness(chain), prices, 4, {}, Wish(decided={first.item_id}, limit=1))
    assert [line.item_id for line in again] == [second.item_id]


def test_a_line_says_what_it_rests_on_and_when_to_stop() -> None:
    first = listed(a_chain(), 4)[0]
    assert "comparable stores" in first.says
    assert f"{first.rule.units} units within {first.rule.days} days" in first.says


def test_a_new_item_goes_where_its_look_alikes_sell() -> None:
    chain = a_chain()
    traits = [
        Traits(item_id=item_id, category=str(place % 4), item_type="t") for place, item_id in enumerate(chain.item_ids)
    ]
    new = Traits(item_id="new", category="0", item_type="t")
    found = placements(chain, likeness(chain), new, traits, {}, 12)
    demand = chain.weekly[chain.category == 0].sum(axis=0)
    assert len(found) == 12
    best = chain.store_ids.index(found[0].store_id)
    assert demand[best] >= np.sort(demand)[-3]
    assert "items like it sell" in found[0].says


def test_an_item_unlike_all_others_is_placed_nowhere() -> None:
    chain = a_chain()
    traits = [Traits(item_id=item_id, category="0", item_type="t") for item_id in chain.item_ids]
    assert not placements(chain, likeness(chain), Traits(item_id="new", category="x", item_type="t"), traits, {}, 12)

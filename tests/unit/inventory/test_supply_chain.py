"""Laws of lanes between depots: no place supplies itself, whatever the order of facts; who is supplied decides before who supplies."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.contracts.catalog import CatalogLane
from services.inventory.domain.catalog import Lane
from services.inventory.domain.depots.supply_chain import echelons, lanes_in_force, lanes_to_depot
from services.inventory.domain.lane_book import LaneBook
from tests.support.depot_chains import from_depot, from_supplier


def a_lane(depot: str | None, place: str, category: str | None, number: int) -> Lane:
    return Lane(lane_id=f"l{number}", supplier_id="x", store_id=place, category=category, depot_id=depot)


places = st.sampled_from(["a", "b", "c", "d", "e"])
drawn = st.lists(
    st.tuples(st.none() | places, places | st.just("*"), st.sampled_from([None, "milk", "bread"])).filter(
        lambda one: one[0] != one[1]
    ),
    max_size=14,
)


@given(drawn)
def test_no_place_supplies_itself_in_any_category(said: list[tuple[str | None, str, str | None]]) -> None:
    kept, aside = lanes_in_force([a_lane(*one, number) for number, one in enumerate(said)])
    assert len(kept) + len(aside) == len(said)
    for category in ("milk", "bread", "others"):
        edges = {
            (one.depot_id, one.store_id)
            for one in kept
            if one.depot_id and one.store_id != "*" and one.category in {None, category}
        }
        reached = set(edges)
        for _ in range(5):
            reached |= {(a, d) for a, b in reached for c, d in edges if b == c}
        assert not any(a == b for a, b in reached)


@given(drawn)
def test_no_lane_is_set_aside_that_closes_no_circle(said: list[tuple[str | None, str, str | None]]) -> None:
    lanes = [a_lane(*one, number) for number, one in enumerate(said)]
    kept, aside = lanes_in_force(lanes)
    for lane in (one for one in lanes if one.lane_id in aside):
        assert "supplies" in aside[lane.lane_id]
        before = [one for one in kept if int(one.lane_id[1:]) < int(lane.lane_id[1:])]
        assert lane.lane_id in lanes_in_force([*before, lane])[1]


def test_lanes_of_different_categories_close_no_circle_and_the_last_word_is_set_aside() -> None:
    there, back = a_lane("a", "b", "milk", 0), a_lane("b", "a", "bread", 1)
    assert lanes_in_force([there, back])[1] == {}
    for_all = a_lane("b", "a", None, 2)
    assert lanes_in_force([there, for_all])[1] == {"l2": "it closes a circle: b supplies a supplies b"}
    assert lanes_in_force([for_all, there])[1] == {"l0": "it closes a circle: a supplies b supplies a"}


def test_a_depots_lane_for_all_stores_leads_to_no_depot() -> None:
    book = LaneBook.of([from_depot("d1"), from_supplier("*")])
    assert [lane.lane_id for lane in book.sources("s1", "milk")] == ["d1-all", "supplier"]
    assert [lane.lane_id for lane in lanes_to_depot(book, "d1", "milk")] == ["supplier"]
    assert [lane.lane_id for lane in lanes_to_depot(LaneBook.of([from_depot("d1")]), "d1", "milk")] == ["default"]


@given(st.sets(st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] < pair[1])), st.randoms())
def test_each_depot_comes_after_all_that_it_supplies(pairs: set[tuple[int, int]], random: Random) -> None:
    names = [f"d{number}" for number in range(7)]
    random.shuffle(names)
    suppliers = {names[low]: frozenset(names[high] for under, high in pairs if under == low) for low in range(7)}
    groups = echelons(names, suppliers)
    at = {depot: place for place, group in enumerate(groups) for depot in group}
    assert sorted(at) == sorted(names)
    assert all(at[depot] < at[supplier] for depot, found in suppliers.items() for supplier in found)


def test_the_door_refuses_a_lane_from_a_depot_to_itself() -> None:
    with pytest.raises(ValueError, match="to itself"):
        CatalogLane(lane_id="l", supplier_id="d1", store_id="d1", lead_time_hours=24, depot_id="d1")

"""Laws of the ranking state: bounded, the same for the same trips, and it survives its formats."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.ranking.state import ITEMS_KEPT, CustomerRankingState, Moment, PastVisit, state_of
from tests.support.shopping import START_SECONDS, a_trip, labels_for

ITEMS = ["milk", "bread", "tea", "soap", "rice"]


def _trip(day: float, items: list[str], store_id: str) -> PastVisit:
    return a_trip(day, *items, store_id=store_id)


trips = st.lists(
    st.builds(
        _trip,
        st.floats(0, 300), st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4), st.sampled_from(["s1", "s2"]),
    ),
    max_size=8,
).map(sorted)  # fmt: skip


def a_state(made: list[PastVisit]) -> CustomerRankingState:
    return state_of(made, labels_for(ITEMS))


@given(trips)
def test_json_and_bytes_round_trip(made: list[PastVisit]) -> None:
    state = a_state(made)
    assert CustomerRankingState.decode(state.encode()) == state
    assert CustomerRankingState.from_json(state.to_json()) == state


@given(trips)
def test_the_trips_can_be_read_back(made: list[PastVisit]) -> None:
    assert a_state(made).past_visits() == made


@given(trips, st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4))
def test_a_trip_in_hand_gives_the_state_that_the_fold_will_give(made: list[PastVisit], items: list[str]) -> None:
    trip = a_trip(301, *items)
    moment = Moment(trip.at_seconds, trip.store_id, "till")
    assert a_state(made).with_visit(moment, items, labels_for(ITEMS)) == a_state([*made, trip])


def test_only_the_strongest_items_are_kept_and_sizes_stay() -> None:
    once = [f"once{number:03}" for number in range(ITEMS_KEPT + 50)]
    made = [a_trip(0, *once), *(a_trip(day, "milk") for day in range(1, 5))]
    state = state_of(made, {})
    assert len(state.items) == ITEMS_KEPT
    assert "milk" in state.items
    assert state.visit_sizes.tolist() == [ITEMS_KEPT + 50, 1, 1, 1, 1]
    assert CustomerRankingState.decode(state.encode()) == state
    later = state.with_visit(Moment(START_SECONDS + 10**6, "s1", "till"), ["milk"], {})
    assert later.visit_sizes.tolist() == [ITEMS_KEPT + 50, 1, 1, 1, 1, 1]


@given(
    st.lists(st.sets(st.integers(0, ITEMS_KEPT + 60), min_size=1, max_size=90), min_size=0, max_size=12),
    st.sets(st.integers(0, ITEMS_KEPT + 60), max_size=30),
    st.sampled_from(["a", "m", "z"]),
)
def test_a_trip_in_hand_is_one_more_trip_also_where_items_are_too_many(
    trips: list[set[int]], in_hand: set[int], store_id: str
) -> None:
    def named(numbers: set[int]) -> list[str]:
        return [f"i{number}" for number in numbers]

    labels = labels_for([f"i{number}" for number in range(0, ITEMS_KEPT, 3)])
    state = state_of(
        [a_trip(day, *named(numbers), store_id="mz"[day % 2]) for day, numbers in enumerate(trips)], labels
    )
    moment = Moment(START_SECONDS + 10**6, store_id, "till", 60)
    visit = PastVisit(moment.at_seconds, 60, store_id, tuple(sorted(named(in_hand))))
    known = dict(zip(state.items, zip(state.categories, state.types, strict=True), strict=True))
    after = state_of([*state.past_visits(), visit], {**labels, **known})
    expected = replace(after, visit_sizes=np.append(state.visit_sizes, len(in_hand)))
    found = state.with_visit(moment, named(in_hand), labels)
    assert found == expected
    assert found.line_visits.dtype == found.line_items.dtype == found.visit_stores.dtype == np.int64


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format"):
        CustomerRankingState.from_json(a_state([]).to_json() | {"format": 99})

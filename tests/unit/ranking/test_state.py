"""Laws of the ranking state: bounded, the same for the same trips, and it survives its formats."""

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


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format"):
        CustomerRankingState.from_json(a_state([]).to_json() | {"format": 99})

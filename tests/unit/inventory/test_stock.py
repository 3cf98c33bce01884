"""Stock is a fold: counts assert, movements add, and the order in which they arrive does not matter."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.stock.stock import Count, Movement, Position, latest, on_hand_milli, summed
from tests.support.inventory_events import START

moments = st.integers(0, 20).map(lambda hours: START + timedelta(hours=hours))
movements = st.lists(
    st.builds(
        Movement,
        item_id=st.just("milk"),
        store_id=st.sampled_from(["s1", "s2"]),
        at=moments,
        sold_milli=st.integers(-5, 5),
        moved_milli=st.integers(-5, 5),
    ),
    max_size=12,
)
counts = st.lists(
    st.builds(
        Count,
        item_id=st.just("milk"),
        store_id=st.just("s1"),
        at=moments,
        event_id=st.sampled_from("abc"),
        on_hand_milli=st.integers(0, 9),
    ),
    max_size=4,
)


@given(movements, counts, st.randoms())
def test_no_order_of_arrival_changes_what_is_on_hand(found: list[Movement], told: list[Count], random: object) -> None:
    here = [one for one in found if one.store_id == "s1"]
    in_force = next(iter(latest(told)), None)
    shuffled, told_again = list(here), list(told)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis' seeded random
    random.shuffle(told_again)  # type: ignore[attr-defined]
    again = next(iter(latest(told_again)), None)
    # Two counts of one moment and id are one event: they say the same.
    if in_force is not None and again is not None and in_force.on_hand_milli != again.on_hand_milli:
        assert (in_force.at, in_force.event_id) == (again.at, again.event_id)
        return
    assert on_hand_milli(in_force, here) == on_hand_milli(again, shuffled)


@given(movements, st.integers(0, 12))
def test_sums_do_not_depend_on_how_a_batch_was_cut(found: list[Movement], cut: int) -> None:
    assert summed([*summed(found[:cut]), *summed(found[cut:])]) == summed(found)


@given(movements, counts)
def test_what_moved_until_a_count_is_in_it_and_what_moved_after_is_not(
    found: list[Movement], told: list[Count]
) -> None:
    for count in latest(told):
        after = sum(one.change_milli for one in found if one.at > count.at)
        assert on_hand_milli(count, found) == count.on_hand_milli + after


def test_promised_stock_is_not_available_and_what_is_on_its_way_is_projected() -> None:
    position = Position(on_hand_milli=5_000, reserved_milli=2_000, in_transit_milli=1_000, on_order_milli=4_000)
    assert (position.available_milli, position.projected_milli) == (3_000, 8_000)

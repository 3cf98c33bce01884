"""Laws of a day's facts: held against a slow reading second by second; what is late, comes back or lies outside the day."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.closing.day_facts import NOT_LEARNED, Moves, ShelfBooks, facts_of, selling_hours
from services.inventory.domain.learning.facts import DayFacts, IntArray

DAY = 10
SECONDS = 24
"""A day of this length: few enough moments to look at each."""
BEGINS, ENDS = DAY * SECONDS, (DAY + 1) * SECONDS
OPENS, CLOSES = 8, 22


@dataclass(frozen=True)
class Moved:
    """What happened on one shelf: moments from the day's begin on, which may lie after its end."""

    second: int
    sold: int = 0
    moved: int = 0


def books(on_hand: int, *, counted: bool = True, sold: int = 0, learned: int = NOT_LEARNED) -> ShelfBooks:
    return ShelfBooks(
        item_of=np.array([0]),
        items=1,
        on_hand_milli=np.array([on_hand * 1000]),
        counted=np.array([counted]),
        sold_milli=np.array([sold * 1000]),
        learned_milli=np.array([learned if learned == NOT_LEARNED else learned * 1000]),
        opens_at=np.array([BEGINS + OPENS]),
        closes_at=np.array([BEGINS + CLOSES]),
    )


def facts(shelf: ShelfBooks, moved: list[Moved]) -> tuple[DayFacts, IntArray]:
    ordered = sorted(moved, key=lambda one: one.second)
    moves = Moves(
        row=np.zeros(len(ordered), dtype=np.int64),
        at=np.array([BEGINS + one.second for one in ordered], dtype=np.int64),
        sold_milli=np.array([one.sold * 1000 for one in ordered], dtype=np.int64),
        moved_milli=np.array([one.moved * 1000 for one in ordered], dtype=np.int64),
    )
    return facts_of(DAY, BEGINS, ENDS, shelf, moves)


def looked_at_every_second(on_hand: int, moved: list[Moved]) -> tuple[float, float]:
    """Share of open seconds with stock, and the size of the last line that took the last unit."""

    def level(second: int) -> int:
        return on_hand - sum(one.moved - one.sold for one in moved if one.second > second)

    levels = [level(-1), *(level(second) for second in range(SECONDS))]
    if min(levels) < 0:
        return 1.0, 0.0
    ratio = sum(level(second) > 0 for second in range(OPENS, CLOSES)) / (CLOSES - OPENS)
    today = sorted((one for one in moved if one.second < SECONDS), key=lambda one: one.second)
    took = [one.sold for one in today if one.sold > 0 and level(one.second) == 0]
    if any(one.sold > 0 for one in today):
        ratio = max(ratio, 0.05)
    return ratio, float(took[-1]) if took else 0.0


moments = st.lists(
    st.builds(Moved, st.integers(0, SECONDS + 3), st.integers(0, 3), st.sampled_from([0, 0, 1, 4, -2])),
    max_size=8,
    unique_by=lambda one: one.second,
)


@given(moved=moments, on_hand=st.integers(0, 6))
def test_hours_with_stock_and_the_emptying_line_are_those_of_a_look_at_every_second(
    moved: list[Moved], on_hand: int
) -> None:
    found, _ = facts(books(on_hand), moved)
    ratio, emptied = looked_at_every_second(on_hand, moved)
    assert found.open_ratio[0] == pytest.approx(ratio)
    assert found.emptied_by[0] == emptied


@given(moved=moments, on_hand=st.integers(0, 6))
def test_a_shelf_that_was_never_counted_is_taken_as_full(moved: list[Moved], on_hand: int) -> None:
    found, _ = facts(books(on_hand, counted=False), moved)
    assert (found.open_ratio[0], found.emptied_by[0]) == (1.0, 0.0)


@given(per_day=st.lists(st.tuples(st.integers(-3, 9), st.integers(0, 5)), min_size=1, max_size=12))
def test_what_was_learned_sums_up_to_what_was_sold_however_late_it_came(per_day: list[tuple[int, int]]) -> None:
    """Each day some units are sold in time (or come back), and some of earlier days come late."""
    total, learned, taken = 0, 0, 0.0
    highest = 0
    for in_time, late in per_day:
        total += in_time + late
        highest = max(highest, total)
        sale = [Moved(9, sold=in_time)]
        found, now = facts(books(50, sold=total, learned=learned), sale)
        taken += float(found.sold[0])
        learned = int(now[0]) // 1000
    assert taken == highest == learned


def test_a_slip_that_is_voided_days_later_does_not_keep_a_shelf_from_learning() -> None:
    """An item's number for its quantity, learned as much as it is believed, and taken back: from then on sales are sales."""
    slip = 12_345_678
    _, learned = facts(books(50, sold=40 + slip, learned=40), [Moved(9, sold=slip)])
    found, learned = facts(books(50, sold=42, learned=int(learned[0]) // 1000), [Moved(9, sold=2 - slip)])
    assert (found.sold[0], learned[0]) == (0.0, 42_000)
    found, learned = facts(books(50, sold=45, learned=int(learned[0]) // 1000), [Moved(9, sold=3)])
    assert (found.sold[0], learned[0]) == (3.0, 45_000)


def test_a_new_shelf_learns_its_day_and_not_what_it_sold_before() -> None:
    found, learned = facts(books(50, sold=40), [Moved(9, sold=3)])
    assert (found.sold[0], learned[0]) == (3.0, 40_000)


def test_what_is_sold_after_the_day_is_left_to_the_next_one() -> None:
    moved = [Moved(9, sold=3), Moved(SECONDS, sold=2)]
    found, learned = facts(books(50, sold=40, learned=35), moved)
    assert (found.sold[0], learned[0]) == (3.0, 38_000)
    nothing_more, _ = facts(replace(books(50, sold=38), learned_milli=learned), [moved[0]])
    assert nothing_more.sold[0] == 0


def test_only_lines_that_left_something_say_how_large_lines_are() -> None:
    found, _ = facts(books(0, sold=7), [Moved(9, sold=2), Moved(10, sold=2), Moved(12, sold=3)])
    assert found.line_sizes[0, 2] == 2
    assert found.line_sizes[0, 3] == 0
    assert found.emptied_by[0] == 3.0


def test_items_count_their_own_lines() -> None:
    shelves = ShelfBooks(
        item_of=np.array([0, 1, 1]),
        items=2,
        on_hand_milli=np.array([5000, 5000, 0]),
        counted=np.array([True, True, True]),
        sold_milli=np.array([1000, 2000, 4000]),
        learned_milli=np.full(3, NOT_LEARNED),
        opens_at=np.full(3, BEGINS + OPENS),
        closes_at=np.full(3, BEGINS + CLOSES),
    )
    moves = Moves(
        row=np.array([0, 1, 2]),
        at=np.array([BEGINS + 9, BEGINS + 10, BEGINS + 15]),
        sold_milli=np.array([1000, 2000, 4000]),
        moved_milli=np.zeros(3, dtype=np.int64),
    )
    found, _ = facts_of(DAY, BEGINS, ENDS, shelves, moves)
    assert found.line_sizes[:, :5].tolist() == [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0]]
    assert found.open_ratio.tolist() == [1.0, 1.0, 0.5]
    assert found.emptied_by.tolist() == [0.0, 0.0, 4.0]


def test_selling_hours_follow_the_clock_of_the_store() -> None:
    opens, closes = selling_hours(0, [0, 3600, -5 * 3600], [8 * 3600] * 3, [22 * 3600] * 3)
    assert (opens // 3_600_000_000).tolist() == [8, 7, 13]
    assert (closes // 3_600_000_000).tolist() == [22, 21, 24]


def test_a_store_that_sells_until_midnight_or_later_has_selling_hours() -> None:
    until_midnight, all_day, by_night = (6, 0), (0, 0), (20, 5)
    stores = (until_midnight, all_day, by_night)
    opens, closes = selling_hours(
        0, [0] * 3, [first * 3600 for first, _ in stores], [last * 3600 for _, last in stores]
    )
    assert (opens // 3_600_000_000).tolist() == [6, 0, 0]
    assert (closes // 3_600_000_000).tolist() == [24, 24, 5]

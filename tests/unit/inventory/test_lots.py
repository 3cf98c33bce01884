"""A ladder is a function of sums by moment: it comes to what is on hand, sells the oldest that may be sold, and knows no order of arrival."""

from datetime import datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.stock.lots import NEVER, ShelfBook, Step, ended_milli, ladder
from services.inventory.domain.stock.shelves import day_of
from tests.support.inventory_events import START

DAY = day_of(START)
LIFE = 4


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def came(days: float, units: int, **lots: int) -> Step:
    named = {DAY + int(name.removeprefix("d")): milli for name, milli in lots.items()}
    return Step(at=at(days), moved_milli=units, named=named)


def sold(days: float, units: int) -> Step:
    return Step(at=at(days), sold_milli=units)


def book(on_hand: int, **more: object) -> ShelfBook:
    return ShelfBook(on_hand_milli=on_hand, since_day=DAY, life_days=LIFE, **more)  # type: ignore[arg-type]  # few of them


def days(found: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    return [(last - DAY, milli) for last, milli in found]


steps = st.lists(
    st.builds(
        Step,
        at=st.integers(0, 40).map(lambda quarters: at(quarters / 4)),
        sold_milli=st.integers(-2, 9),
        moved_milli=st.integers(-6, 9),
        named=st.dictionaries(st.integers(DAY, DAY + 12), st.integers(-4, 6), max_size=2),
    ),
    max_size=15,
    unique_by=lambda one: one.at,
)
counts = st.one_of(st.none(), st.integers(0, 40).map(lambda quarters: at(quarters / 4)))


@given(steps, st.integers(-5, 40), counts, st.integers(0, 20), st.one_of(st.none(), st.integers(1, 9)), st.integers(0))
def test_a_ladder_comes_to_what_is_on_hand_in_whatever_order_facts_arrive(
    found: list[Step], on_hand: int, counted_at: datetime | None, counted: int, life: int | None, seed: int
) -> None:
    shelf = ShelfBook(
        on_hand_milli=on_hand, since_day=DAY, life_days=life, counted_at=counted_at, counted_milli=counted
    )
    rungs = ladder(found, shelf)
    assert sum(milli for _, milli in rungs) == max(on_hand, 0)
    assert all(milli > 0 for _, milli in rungs)
    assert list(rungs) == sorted(rungs)
    shuffled = list(found)
    Random(seed).shuffle(shuffled)
    assert ladder(shuffled, shelf) == rungs


def test_what_comes_without_a_lot_lasts_for_the_shelf_life_and_what_has_one_as_long_as_it_says() -> None:
    assert days(ladder([came(0, 10, d9=6)], book(10))) == [(4, 4), (9, 6)]
    assert ladder([came(0, 5)], ShelfBook(on_hand_milli=5, since_day=DAY, life_days=None)) == ((NEVER, 5),)


def test_the_oldest_that_may_be_sold_goes_first() -> None:
    assert days(ladder([came(0, 5), came(1, 5), sold(2, 6)], book(4))) == [(5, 4)]
    # On day 6 what ended on day 4 is not sold any more, as long as there is anything else.
    assert days(ladder([came(0, 5), came(3, 5), sold(6, 4)], book(6))) == [(4, 5), (7, 1)]
    assert days(ladder([came(0, 5), came(3, 5), sold(6, 7)], book(3))) == [(4, 3)]


def test_a_shorter_dated_delivery_that_comes_later_is_not_taken_as_sold_before_it_came() -> None:
    assert days(ladder([came(0, 5, d10=5), sold(1, 5), came(2, 5, d7=5)], book(5))) == [(7, 5)]


def test_waste_takes_what_has_ended_first_unless_it_names_a_lot() -> None:
    assert days(ladder([came(0, 5), came(3, 5), came(6, -5)], book(5))) == [(7, 5)]
    assert days(ladder([came(0, 5), came(3, 5), came(6, -5, d7=-5)], book(5))) == [(4, 5)]


def test_a_lot_of_which_too_much_leaves_is_made_up_by_the_next_younger() -> None:
    assert days(ladder([came(0, 5), came(1, 5), came(2, 5), came(3, -7, d5=-7)], book(8))) == [(4, 5), (6, 3)]


def test_a_count_keeps_the_youngest_and_what_it_finds_is_as_old_as_the_oldest_that_may_be_sold() -> None:
    both = [came(0, 5), came(3, 5)]
    assert days(ladder(both, book(6, counted_at=at(3.5), counted_milli=6))) == [(4, 1), (7, 5)]
    assert days(ladder(both, book(13, counted_at=at(3.5), counted_milli=13))) == [(4, 8), (7, 5)]
    assert days(ladder([], book(7, counted_at=at(3.5), counted_milli=7))) == [(7, 7)]
    after = [*both, sold(4, 2)]
    assert days(ladder(after, book(4, counted_at=at(3.5), counted_milli=6))) == [(7, 4)]


def test_what_lay_there_before_came_the_day_before_but_for_the_youngest_lots_that_were_named() -> None:
    assert days(ladder([], book(6))) == [(3, 6)]
    assert days(ladder([sold(1, 2)], book(6, before={DAY + 20: 5}))) == [(3, 1), (20, 5)]
    assert days(ladder([], book(3, before={DAY + 20: 2, DAY + 21: 2}))) == [(20, 1), (21, 2)]


def test_what_is_brought_back_is_as_old_as_the_oldest_that_may_be_sold() -> None:
    assert days(ladder([came(0, 2), came(2, 2), sold(5, -1)], book(5))) == [(4, 2), (6, 3)]


def test_what_has_ended_may_not_be_sold() -> None:
    rungs = ladder([came(0, 5), came(3, 5)], book(10))
    assert [ended_milli(rungs, DAY + day) for day in (4, 5, 7, 8)] == [0, 5, 5, 10]

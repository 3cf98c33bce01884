"""Searches as counts that name nobody."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.assortment.searches import (
    MINIMUM_VISITORS,
    Interest,
    Match,
    Place,
    PlaceKind,
    Sought,
    Subject,
    SubjectKind,
    added,
    sought,
    subject_of,
    visitor_bit,
)
from services.inventory.domain.assortment.words import words

OAT = Subject(SubjectKind.ITEM, "oat")
NORTH = {"s1": "north", "s2": "north", "s3": "south"}


def a_search(visitor: str, *, store_id: str = "s1", week: int = 100, unanswered: bool = True) -> Interest:
    bit = visitor_bit(visitor, OAT, week)
    return Interest(
        subject=OAT,
        place=Place(PlaceKind.STORE, store_id),
        week=week,
        searches=1,
        unanswered=int(unanswered),
        seen_by=bit,
        unanswered_by=bit if unanswered else 0,
    )


@cache
def different(count: int) -> list[str]:
    """Visitors that leave different bits."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < count:
        found.setdefault(visitor_bit(str(number), OAT, 100), str(number))
        number += 1
    return list(found.values())


def test_words_are_those_of_the_catalogue_whatever_accents_capitals_and_plurals() -> None:
    assert words("CRÈME Fraîches") == words("crème fraîche") == {"creme", "fraiche"}


def test_figures_and_short_words_are_no_words() -> None:
    assert words("0170 1234567 is my no") == frozenset()


@given(st.text())
def test_words_of_any_text_can_be_asked_for_again(text: str) -> None:
    assert words(" ".join(sorted(words(text)))) <= words(text) | {word.removesuffix("s") for word in words(text)}


def test_a_search_means_what_its_sender_says_before_what_its_words_say() -> None:
    matches = [Match("a", "milk")]
    assert subject_of("x", "y", matches) == Subject(SubjectKind.ITEM, "x")
    assert subject_of(None, "y", matches) == Subject(SubjectKind.CATEGORY, "y")
    assert subject_of(None, None, matches) == Subject(SubjectKind.ITEM, "a")


def test_a_search_that_fits_everything_or_nothing_is_not_counted() -> None:
    assert subject_of(None, None, []) is None
    assert subject_of(None, None, [Match("a", "milk"), Match("b", "soap")]) is None


@pytest.mark.parametrize("count", range(MINIMUM_VISITORS + 2))
def test_searches_of_fewer_visitors_than_the_minimum_are_not_shown(count: int) -> None:
    shown = sought([a_search(visitor) for visitor in different(count)], NORTH)
    assert (OAT, Place(PlaceKind.STORE, "s1")) in shown or count < MINIMUM_VISITORS
    assert (count >= MINIMUM_VISITORS) == bool(shown)


def test_one_visitor_who_searches_all_day_is_one_visitor() -> None:
    assert not sought([a_search("one") for _ in range(500)], NORTH)


def test_weeks_with_few_visitors_do_not_add_up_to_what_may_be_shown() -> None:
    assert not sought([a_search("one", week=week) for week in range(100, 130)], NORTH)


def test_searches_without_a_result_of_few_are_not_shown_beside_those_of_many() -> None:
    visitors = different(8)
    told = sought([a_search(visitor, unanswered=visitor == visitors[0]) for visitor in visitors], NORTH)
    assert told[OAT, Place(PlaceKind.STORE, "s1")] == Sought(searches=8, unanswered=0, visitors=8)


def test_stores_with_few_visitors_show_in_their_region_and_each_visitor_once() -> None:
    visitors = different(6)
    shown = sought(
        [a_search(visitor, store_id=store) for visitor in visitors for store in ("s1", "s2")][: 2 * 6], NORTH
    )
    few = sought([a_search(visitor, store_id=f"s{1 + place % 2}") for place, visitor in enumerate(visitors)], NORTH)
    region = (OAT, Place(PlaceKind.REGION, "north"))
    assert shown[region].visitors == few[region].visitors == 6
    assert (OAT, Place(PlaceKind.STORE, "s1")) not in few


@given(st.permutations(different(7)), st.integers(0, 7))
def test_what_is_kept_of_searches_does_not_depend_on_their_order_or_grouping(order: list[str], cut: int) -> None:
    one_by_one = [a_search(visitor) for visitor in different(7)]
    some = [a_search(visitor) for visitor in order]
    assert added([*added(some[:cut]), *added(some[cut:])]) == added(one_by_one)


def test_what_is_kept_of_a_search_names_neither_visitor_nor_words() -> None:
    (kept,) = added([a_search("loyalty:4711")])
    assert "4711" not in repr(kept)
    assert kept.seen_by.bit_count() == 1


def test_a_visitors_bits_do_not_tell_which_of_two_subjects_was_searched_by_the_same() -> None:
    visitors = [str(number) for number in range(2_000)]
    soap = Subject(SubjectKind.ITEM, "soap")
    same = sum(visitor_bit(visitor, OAT, 100) == visitor_bit(visitor, soap, 100) for visitor in visitors)
    assert same < 2 * len(visitors) / 63  # as often as two strangers

"""Links between items: which are refused, and which items are closed together."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.contracts.catalog import CatalogLink
from services.inventory.domain.closing.links import ClosingLinks, ItemLink, Tie, refusal_of

ITEMS = st.sampled_from("abcdefg")


def a_link(link_id: str, tie: Tie, item_id: str, *other_ids: str, **more: Any) -> ItemLink:
    return ItemLink(link_id=link_id, tie=tie, item_id=item_id, other_ids=other_ids, **more)


def follows(link_id: str, new: str, old: str) -> ItemLink:
    return a_link(link_id, Tie.SUPERSEDES, new, old, first_day=7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"other_ids": ("milk-2",)},
        {"other_ids": ("milk", "milk")},
        {"other_ids": ("milk", "tea")},
        {"first_day": None},
        {"ratio": Decimal("0.5")},
        {"kind": "looks_like"},
        {"kind": "substitutes", "first_day": None, "ratio": Decimal("1.5")},
        {"kind": "looks_like", "first_day": None, "ratio": Decimal(0)},
        {"kind": "looks_like", "first_day": None, "other_ids": ()},
    ],
)
def test_a_link_that_makes_no_sense_by_itself_is_refused_at_the_door(wrong: dict[str, Any]) -> None:
    right = {
        "link_id": "l",
        "kind": "supersedes",
        "item_id": "milk-2",
        "other_ids": ("milk",),
        "first_day": date(2031, 3, 3),
    }
    CatalogLink.model_validate(right)
    with pytest.raises(ValidationError):
        CatalogLink.model_validate({**right, **wrong})


def test_no_item_supersedes_itself_over_any_number_of_others() -> None:
    known = [follows("1", "b", "a"), follows("2", "c", "b"), follows("3", "d", "c")]
    assert refusal_of(follows("4", "a", "d"), known) == "a would in the end supersede itself: a, b, c, d"
    assert refusal_of(follows("4", "e", "d"), known) is None


def test_an_item_has_one_successor_and_one_predecessor() -> None:
    known = [follows("1", "b", "a")]
    assert refusal_of(follows("2", "c", "a"), known) == "a is superseded by b already: 1"
    assert refusal_of(follows("2", "b", "c"), known) == "b supersedes a already: 1"
    assert refusal_of(follows("1", "c", "a"), known) is None, "a link is replaced by its own newer fact"


def test_looks_go_in_no_circle_and_substitutes_are_in_one_set() -> None:
    looks = [a_link("1", Tie.LOOKS_LIKE, "b", "a", "x"), a_link("2", Tie.LOOKS_LIKE, "c", "b")]
    assert refusal_of(a_link("3", Tie.LOOKS_LIKE, "a", "c"), looks) == "a would in the end look like itself"
    assert refusal_of(a_link("3", Tie.LOOKS_LIKE, "b", "y"), looks) == "b looks like other items already: 1"
    assert refusal_of(a_link("3", Tie.LOOKS_LIKE, "d", "a", "b"), looks) is None
    both = [a_link("4", Tie.SUBSTITUTES, "a", "b")]
    assert refusal_of(a_link("5", Tie.SUBSTITUTES, "c", "b"), both) == "b is in another set of substitutes: 4"
    assert refusal_of(a_link("5", Tie.SUPERSEDES, "b", "a", first_day=1), both) is None


@given(st.lists(st.tuples(ITEMS, ITEMS).filter(lambda pair: pair[0] != pair[1]), max_size=20))
def test_what_is_never_refused_forms_chains_without_a_circle(pairs: list[tuple[str, str]]) -> None:
    kept: list[ItemLink] = []
    for number, (new, old) in enumerate(pairs):
        link = follows(str(number), new, old)
        if refusal_of(link, kept) is None:
            kept.append(link)
    after = {link.other_ids[0]: link.item_id for link in kept}
    assert len(after) == len(kept) == len(set(after.values()))
    for start in after:
        one, steps = start, 0
        while one in after:
            one, steps = after[one], steps + 1
            assert steps <= len(after)


@given(st.lists(st.tuples(ITEMS, ITEMS).filter(lambda pair: pair[0] != pair[1]), max_size=8), st.sets(ITEMS))
def test_tied_items_are_in_one_family_and_each_in_one_only(pairs: list[tuple[str, str]], listed: set[str]) -> None:
    links = ClosingLinks.of([a_link(str(n), Tie.LOOKS_LIKE, *pair) for n, pair in enumerate(pairs)], listed)
    families = [{first, *others} for first, others in links.families.items()]
    assert sum(map(len, families)) == len(set().union(*families)), "no item is in two"
    assert all(family <= listed for family in families)
    assert all(first < min(others) for first, others in links.families.items())
    for one, other in pairs:
        if {one, other} <= listed:
            assert any({one, other} <= family for family in families)
    assert links.with_families(links.families) == links.followers

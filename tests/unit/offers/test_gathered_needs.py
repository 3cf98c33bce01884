"""Needs gathered in one pass are what gathering, ordering and multiplying one after the other would make of them."""

from collections.abc import Collection, Mapping
from itertools import groupby
from math import prod

from hypothesis import given
from hypothesis import strategies as st

from libs.ranking.sketch import hash_of
from services.offers.domain.campaigns.catalogue import Item
from services.offers.domain.decisions.needs import ITEMS_NAMED, CategoryNeed, Likely, by_category

CATEGORIES = ("bread", "milk", "tea")
NAMES = [f"item-{number}" for number in range(18)]


@st.composite
def items(draw: st.DrawFn) -> dict[str, Item]:
    return {
        name: Item(
            item_id=name,
            name=name,
            category=draw(st.sampled_from(CATEGORIES)),
            item_type="any",
            price_cents=draw(st.sampled_from([None, 0, 99, 250])),
            voucherable=draw(st.integers(0, 9)) > 0,
            stock_keeping=draw(st.integers(0, 5)) > 0,
            barred="alcohol" if draw(st.integers(0, 9)) == 0 else None,
        )
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=9))
    }


@st.composite
def wanted(draw: st.DrawFn) -> Likely:
    names = draw(st.permutations(NAMES))[: draw(st.integers(0, len(NAMES)))]
    chances = [draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1)) for _ in names]
    in_order = draw(st.booleans())
    return Likely(names, sorted(chances, reverse=True) if in_order else chances, lambda place: (names[place],))


def gathered_plainly(
    likely: Likely, known_items: Mapping[str, Item], there: Collection[str], known: Collection[int]
) -> list[CategoryNeed]:
    """What `by_category` must say."""
    chance_of, offered = dict(zip(likely.item_ids, likely.chances, strict=True)), known_items.keys() & likely.item_ids
    best_first = sorted(
        (known_items[name] for name in offered if known_items[name].may_be_offered),
        key=lambda item: (item.category, -chance_of[item.item_id], item.item_id),
    )
    needs = []
    for category, group in groupby(best_first, key=lambda item: item.category):
        all_of_it = list(group)
        named = [item for item in all_of_it if item.item_id in there or not item.stock_keeping][:ITEMS_NAMED]
        needs.append(
            CategoryNeed(
                category=category,
                chance_ratio=1.0 - prod(1.0 - chance_of[item.item_id] for item in all_of_it),
                known=hash_of(category) in known,
                item_ids=tuple(item.item_id for item in named),
                price_cents=next((item.price_cents for item in named if item.price_cents), 0),
                likely=likely if named else Likely(),
                place=likely.item_ids.index(named[0].item_id) if named else 0,
            )
        )
    return needs


@given(wanted(), items(), st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(CATEGORIES)))
def test_one_pass_says_what_step_by_step_would(
    likely: Likely, known_items: dict[str, Item], there: set[str], bought: set[str]
) -> None:
    known = {hash_of(category) for category in bought}
    found = by_category(likely, known_items, there, known)
    plainly = gathered_plainly(likely, known_items, there, known)
    assert found == plainly
    assert [need.reasons for need in found] == [need.reasons for need in plainly]

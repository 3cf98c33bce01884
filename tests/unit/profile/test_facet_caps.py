"""At its caps a facet is still exact but for tallies of what was cut and came back; how far those may be off, in any order."""

from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.ranking.state import DAY_SECONDS
from services.profile.domain import facet as facet_module
from services.profile.domain.contact import AnyPurchase, Contact
from services.profile.domain.facet import EMPTY, Facet, ItemTally, WebTally, fold, merge
from services.profile.domain.facet_codec import decode, encode
from services.profile.domain.facet_of import NOTHING_BOUGHT, apply, apply_all
from tests.support.compact_contacts import BOUGHT, MATTERS, ON_THE_WEB, PURCHASES, histories
from tests.support.shopping import a_purchase
from tests.unit.profile.laws import grown_bytes, parted, shuffled

KEPT = 2
CAPS = (
    "VISITS_KEPT", "ITEMS_KEPT", "WEEKS_KEPT", "PERIODS_KEPT", "WEB_ITEMS_KEPT", "NAMES_KEPT", "MATTERS_KEPT",
)  # fmt: skip
SUMS = ("baskets", "quantity_milli", "amount_cents", "discount_cents", "rankable")
AT_CAPS = settings(max_examples=1_500)
seeds = st.integers(0, 2**32 - 1)


@contextmanager
def small_caps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in CAPS:
            patch.setattr(facet_module, name, KEPT)
        yield


def in_some_order(history: list[Contact], random: Random) -> Facet:
    """By the rules, in any order and grouping, or as folders do it."""
    groups = parted(shuffled(history, random), random)
    if random.random() < 0.5:
        return decode(grown_bytes(encode(EMPTY), *groups))
    return fold(shuffled([apply_all(EMPTY, group) for group in groups], random))


def greatest(section: Mapping[Any, Any]) -> dict[Any, Any]:
    return dict(sorted(section.items())[-KEPT:])


def latest(section: Mapping[str, Any]) -> dict[str, Any]:
    """Those met most recently: all that may be kept."""
    return dict(sorted(section.items(), key=lambda entry: (entry[1].last_at_seconds, entry[0]))[-KEPT:])


def since(history: list[Contact], floor: tuple[int, str], name: str) -> Facet:
    """What was told of an item from the least recent kept item's latest time on."""
    return apply_all(EMPTY, [contact for contact in history if (contact.occurred_at_seconds, name) >= floor])


@AT_CAPS
@given(histories(12), seeds)
def test_what_is_kept_by_a_static_order_is_exact_at_the_caps(history: list[Contact], seed: int) -> None:
    whole = apply_all(EMPTY, history)
    with small_caps():
        cut = in_some_order(history, Random(seed))
    for section in ("visits", "weeks", "periods", "answers", "counts"):
        assert getattr(cut, section) == greatest(getattr(whole, section))
    assert (cut.first_at_seconds, cut.last_at_seconds) == (whole.first_at_seconds, whole.last_at_seconds)


@AT_CAPS
@given(histories(8, PURCHASES) | histories(12), seeds)
def test_items_kept_are_those_bought_last_and_miss_nothing_since_the_oldest_of_them_was(
    history: list[Contact], seed: int
) -> None:
    whole = apply_all(EMPTY, history)
    bought: list[Contact] = [contact for contact in history if isinstance(contact, BOUGHT)]
    with small_caps():
        cut = in_some_order(history, Random(seed))
    expected = latest(whole.items)
    assert set(cut.items) == set(expected)
    floor = min(((tally.last_at_seconds, item) for item, tally in expected.items()), default=(0, ""))
    for item, tally in cut.items.items():
        assert_between(tally, since(bought, floor, item).items.get(item, NOTHING_BOUGHT), expected[item])


def assert_between(tally: ItemTally, least: ItemTally, most: ItemTally) -> None:
    assert (tally.last_at_seconds, tally.label) == (most.last_at_seconds, most.label)
    assert most.first_at_seconds <= tally.first_at_seconds <= least.first_at_seconds
    assert tally.returned_milli <= most.returned_milli
    assert tally.refund_cents <= most.refund_cents
    for name in SUMS:
        assert getattr(least, name) <= getattr(tally, name) <= getattr(most, name)


@AT_CAPS
@given(histories(8, ON_THE_WEB), seeds)
def test_items_seen_on_the_web_likewise(history: list[Contact], seed: int) -> None:
    whole = apply_all(EMPTY, history)
    with small_caps():
        cut = in_some_order(history, Random(seed))
    expected = latest(whole.web_items)
    assert set(cut.web_items) == set(expected)
    floor = min(((tally.last_at_seconds, item) for item, tally in expected.items()), default=(0, ""))
    for item, tally in cut.web_items.items():
        least: WebTally = since(history, floor, item).web_items[item]
        assert tally.last_at_seconds == expected[item].last_at_seconds
        assert least.views <= tally.views <= expected[item].views
        assert least.carts <= tally.carts <= expected[item].carts


@AT_CAPS
@given(histories(8, MATTERS), seeds)
def test_whether_a_kept_matter_is_open_is_exact_at_the_cap(history: list[Contact], seed: int) -> None:
    whole = apply_all(EMPTY, history)
    with small_caps():
        cut = in_some_order(history, Random(seed))
    kept = sorted(whole.matters.items(), key=lambda entry: (max(entry[1]), entry[0]))[-KEPT:]
    assert {name: matter.is_open for name, matter in cut.matters.items()} == {
        name: matter.is_open for name, matter in kept
    }


@AT_CAPS
@given(histories(12), seeds)
def test_merging_is_commutative_at_the_caps_too(history: list[Contact], seed: int) -> None:
    with small_caps():
        one, *rest = [in_some_order(group, Random(seed)) for group in parted(history, Random(seed))]
        other = fold(rest)
        assert encode(merge(one, other)) == encode(merge(other, one))


def bought(event_id: str, day: float, *items: str) -> AnyPurchase:
    return a_purchase(event_id, day=day, items=items)


def test_an_item_that_was_cut_and_comes_back_starts_its_tally_anew_unless_it_came_back_before_the_cut() -> None:
    history = [
        bought("e1", 1, "milk"),
        bought("e2", 2, "milk"),
        bought("e3", 3, "tea", "bread"),
        bought("e4", 4, "milk"),
    ]
    with small_caps():
        orderly = EMPTY
        for purchase in history:
            orderly = apply(orderly, purchase)
        late = EMPTY
        for purchase in (history[3], *history[:3]):
            late = apply(late, purchase)
        assert set(orderly.items) == set(late.items) == {"milk", "tea"}
        assert (orderly.items["milk"].baskets, late.items["milk"].baskets) == (1, 3)
        assert orderly.items["tea"] == late.items["tea"]
        assert orderly.weeks == late.weeks
        assert orderly.visits == late.visits


def test_a_customer_of_ten_years_misses_old_baskets_of_returning_items_and_nothing_of_the_last_two_years() -> None:
    """Three trips a week of fourteen draws from 40 000 items by Zipf's law (exponent 0.8): 1 665 items in the first year."""
    random = Random(1)
    weights = list(accumulate((place + 1) ** -0.8 for place in range(40_000)))
    history = [
        bought(f"e{trip}", trip * 7 / 3, *{f"i{bisect(weights, random.random() * weights[-1])}" for _ in range(14)})
        for trip in range(10 * 156)
    ]
    cut = decode(grown_bytes(encode(EMPTY), *(history[start : start + 10] for start in range(0, len(history), 10))))
    floor = min((tally.last_at_seconds, item) for item, tally in cut.items.items())
    whole = Counter(line.item_id for purchase in history for line in purchase.lines)
    recent = Counter(
        line.item_id
        for purchase in history
        for line in purchase.lines
        if (purchase.occurred_at_seconds, line.item_id) >= floor
    )
    assert (len(whole), len(cut.items)) == (10_688, facet_module.ITEMS_KEPT)
    assert (cut.last_at_seconds - floor[0]) // DAY_SECONDS == 1_024
    assert all(recent[item] <= tally.baskets <= whole[item] for item, tally in cut.items.items())
    missing = {item: whole[item] - tally.baskets for item, tally in cut.items.items()}
    assert sum(short > 0 for short in missing.values()) == 1_193
    assert round(sum(missing.values()) / sum(whole[item] for item in cut.items), 3) == 0.155

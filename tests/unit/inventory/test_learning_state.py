"""What is kept of a close comes back as it was, follows its stores, and is refused where it is not ours."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain.learning.closing import close_day
from services.inventory.domain.learning.facts import Shelves
from services.inventory.domain.learning.layout import PER_ITEM, PER_SHELF
from services.inventory.domain.learning.pool_bytes import (
    contribution_from_bytes,
    contribution_to_bytes,
    pooled_from_bytes,
    pooled_to_bytes,
)
from services.inventory.domain.learning.pooling import CHAIN_NUMBERS, STORE_NUMBERS, Contribution, combine, merged
from services.inventory.domain.learning.pooling import nothing_known as no_pool
from services.inventory.domain.learning.state import from_bytes, to_bytes
from tests.support.learned_chains import RULES, Kept, chain, days, part

SHELVES = chain()
DAYS = days(SHELVES, 60)


def learned() -> Kept:
    kept = Kept()
    for day in DAYS:
        kept.close(SHELVES, day)
    return kept


LEARNED = learned()
contributions = st.builds(
    lambda chain_numbers, names, seed: Contribution(
        chain=np.array(chain_numbers),
        store_ids=sorted(names),
        stores=np.random.default_rng(seed).integers(-(2**40), 2**40, (STORE_NUMBERS, len(names))),
    ),
    st.lists(st.integers(-(2**50), 2**50), min_size=CHAIN_NUMBERS, max_size=CHAIN_NUMBERS),
    st.sets(st.sampled_from(["a", "b", "c", "d"])),
    st.integers(0, 100),
)


def test_states_come_back_as_they_were() -> None:
    kept = [LEARNED.items[item_id] for item_id in SHELVES.item_ids]
    assert to_bytes(from_bytes(kept, SHELVES), SHELVES) == kept


def test_rows_follow_their_stores_when_one_comes_and_one_goes() -> None:
    kept = [LEARNED.items[item_id] for item_id in SHELVES.item_ids]
    states = from_bytes(kept, SHELVES)
    moved = Shelves(
        item_ids=SHELVES.item_ids[:1],
        starts=np.array([0, 4]),
        store_ids=["store-0", "store-11", "store-2", "store-3"],
        pack=np.ones(4),
        price_cents=np.ones(4),
    )
    found = from_bytes(kept[:1], moved)
    for field in PER_SHELF:
        np.testing.assert_array_equal(found.read(field.name)[:, [0, 2, 3]], states.read(field.name)[:, [0, 2, 3]])
        assert not found.read(field.name)[:, 1].any()
    for field in PER_ITEM:
        np.testing.assert_array_equal(found.read(field.name)[:, 0], states.read(field.name)[:, 0])


def test_a_store_that_is_new_is_closed_with_the_others() -> None:
    wide = chain(items=1, stores=5)
    states = from_bytes([LEARNED.items["item-0"]], wide)
    day = days(wide, 61)[60]
    pooled = pooled_from_bytes(LEARNED.pooled_bytes)
    closed = close_day(states, wide, day.facts, day.supply, pooled, RULES)
    assert closed.states.read("days_seen")[0].tolist() == [61, 61, 61, 61, 1]


@pytest.mark.parametrize("spoil", [lambda data: b"\x09" + data[1:], lambda data: data[:-3], lambda data: data[:5]])
def test_bytes_of_another_version_or_cut_short_are_refused(spoil: object) -> None:
    data = LEARNED.items["item-0"]
    one = part(SHELVES, DAYS[0], 0, 1)[0]
    with pytest.raises(ValueError, match=r"version|buffer|header|bytes"):
        from_bytes([spoil(data)], one)  # type: ignore[operator]  # each is a function of bytes
    with pytest.raises(ValueError, match=r"version|buffer|header|bytes"):
        pooled_from_bytes(spoil(LEARNED.pooled_bytes))  # type: ignore[operator]


@settings(max_examples=20, deadline=None)
@given(st.lists(contributions, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_contributions_add_up_in_any_order_and_grouping(parts: list[Contribution], random: object) -> None:
    mixed = parts[:]
    random.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    grouped = [merged(mixed[:2]), *mixed[2:]]
    whole, again = merged(parts), merged(grouped)
    assert whole.chain.tobytes() == again.chain.tobytes()
    assert list(whole.store_ids) == list(again.store_ids)
    assert whole.stores.tobytes() == again.stores.tobytes()
    kept, day = contribution_from_bytes(contribution_to_bytes(whole, 9))
    assert day == 9
    assert contribution_to_bytes(kept, 9) == contribution_to_bytes(whole, 9)


def test_an_item_left_for_days_is_caught_up_as_if_it_had_been_closed_on_each() -> None:
    kept, pools = Kept(), []
    for day in DAYS[:40]:
        pools.append(pooled_from_bytes(kept.pooled_bytes))
        kept.close(SHELVES, day)
        if day.facts.day == 29:
            left = kept.items["item-2"]
    for day, pooled in zip(DAYS[30:40], pools[30:40], strict=True):
        one, its_day = part(SHELVES, day, 2, 3)
        closed = close_day(from_bytes([left], one), one, its_day.facts, its_day.supply, pooled, RULES)
        [left] = to_bytes(closed.states, one)
    assert left == kept.items["item-2"]


def test_no_day_is_learned_twice_or_left_out() -> None:
    kept = [LEARNED.items[item_id] for item_id in SHELVES.item_ids]
    states, pooled = from_bytes(kept, SHELVES), pooled_from_bytes(LEARNED.pooled_bytes)
    day = DAYS[59]
    for wrong in (59, 61):
        facts, shifted = replace(day.facts, day=wrong), replace(pooled, day=wrong - 1)
        with pytest.raises(ValueError, match="day"):
            close_day(states, SHELVES, facts, day.supply, shifted, RULES)
        with pytest.raises(ValueError, match="day"):
            close_day(states, SHELVES, facts, day.supply, pooled, RULES)
        with pytest.raises(ValueError, match="day"):
            combine(pooled, [], wrong)


def test_an_empty_pool_comes_back_as_it_was() -> None:
    data = pooled_to_bytes(no_pool(4))
    assert pooled_to_bytes(pooled_from_bytes(data)) == data


def test_a_close_changes_no_state_that_it_was_given() -> None:
    kept = [LEARNED.items[item_id] for item_id in SHELVES.item_ids]
    states, pooled = from_bytes(kept, SHELVES), pooled_from_bytes(LEARNED.pooled_bytes)
    day = DAYS[59]
    close_day(states, SHELVES, replace(day.facts, day=60), day.supply, pooled, RULES)
    assert to_bytes(states, SHELVES) == kept

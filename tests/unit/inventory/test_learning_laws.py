"""Laws of the day's close: how items are batched, restarts and repeats change nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain.learning.closing import close_day
from services.inventory.domain.learning.pool_bytes import pooled_to_bytes
from services.inventory.domain.learning.pooling import combine, nothing_known
from services.inventory.domain.learning.state import fresh, to_bytes
from tests.support.learned_chains import RULES, Kept, chain, days

SHELVES = chain()
DAYS = days(SHELVES, 70)


@settings(max_examples=5, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SHELVES.item_ids)), max_size=4))
def test_how_items_are_batched_changes_no_byte(cuts: list[int]) -> None:
    whole, parts = Kept(), Kept()
    for day in DAYS:
        whole.close(SHELVES, day)
        parts.close(SHELVES, day, cuts)
    assert parts.items == whole.items
    assert parts.pooled_bytes == whole.pooled_bytes


def test_a_restart_in_mid_stream_changes_nothing() -> None:
    through_bytes = Kept()
    states, pooled = fresh(SHELVES), nothing_known(-1)
    for day in DAYS:
        through_bytes.close(SHELVES, day)
        closed = close_day(states, SHELVES, day.facts, day.supply, pooled, RULES)
        states = closed.states
        pooled = combine(pooled, [closed.contribution], day.facts.day)
    assert pooled_to_bytes(pooled) == through_bytes.pooled_bytes
    assert to_bytes(states, SHELVES) == list(through_bytes.items.values())
    kept = through_bytes.last[SHELVES.item_ids[0]]
    assert closed.plans.trigger.tolist() == kept.plans.trigger.tolist()
    assert closed.plans.demand.week.tobytes() == kept.plans.demand.week.tobytes()


@pytest.mark.parametrize("units", [1_000.0, 12_345_678.0, 1e9])
@pytest.mark.parametrize("day", [0, 30, 55])
def test_an_items_number_keyed_in_for_its_quantity_is_not_what_the_chain_knows_from_then_on(
    units: float, day: int
) -> None:
    slipped, right = Kept(), Kept()
    for one in DAYS:
        sold = one.facts.sold.copy()
        if one.facts.day == day:
            sold[3] = units
        slipped.close(SHELVES, replace(one, facts=replace(one.facts, sold=sold)))
        right.close(SHELVES, one)
    found, wanted = (kept.last[SHELVES.item_ids[0]].plans for kept in (slipped, right))
    others = np.arange(len(SHELVES)) >= SHELVES.starts[1]
    assert (found.trigger[others] <= 2 * wanted.trigger[others] + 5).all()
    assert (found.trigger < 200).all()
    assert np.isfinite(found.demand.week).all()


def test_demand_that_grows_manyfold_is_believed_within_days() -> None:
    kept = Kept()
    for one in DAYS:
        sold = np.full(len(SHELVES), 2.0 if one.facts.day < 35 else 3_000.0)
        kept.close(SHELVES, replace(one, facts=replace(one.facts, sold=sold, emptied_by=np.zeros_like(sold))))
        if one.facts.day == 41:
            assert (kept.last[SHELVES.item_ids[0]].plans.demand.tomorrow > 300).all()
    assert (kept.last[SHELVES.item_ids[0]].plans.demand.rate > 1_000).all()

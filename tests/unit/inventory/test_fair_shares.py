"""Laws of shares of a depot that has too little: no other split spares more, nothing is given that is not there."""

import tracemalloc
from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.depots.fair_shares import Ask, Step, fair_shares
from services.inventory.domain.depots.orders_ahead import Customers, orders_ahead


def worth(ask: Ask, packs: int) -> float:
    return sum(step.value for step in ask.steps[:packs])


falling = st.lists(st.integers(0, 50), max_size=5).map(lambda found: sorted(found, reverse=True))
asks = st.lists(falling, min_size=1, max_size=4).map(
    lambda found: [Ask(f"s{place}", [Step(1, float(one)) for one in steps]) for place, steps in enumerate(found)]
)


@given(asks, st.integers(0, 12))
def test_no_other_split_of_single_packs_spares_more(found: list[Ask], packs: int) -> None:
    given_packs = fair_shares(found, packs)
    assert sum(given_packs.values()) == min(packs, sum(len(ask.steps) for ask in found))
    best = max(
        sum(worth(ask, count) for ask, count in zip(found, counts, strict=True))
        for counts in product(*(range(len(ask.steps) + 1) for ask in found))
        if sum(counts) <= packs
    )
    assert sum(worth(ask, given_packs[ask.place]) for ask in found) == best


@given(asks, st.integers(0, 12), st.randoms())
def test_shares_do_not_depend_on_who_asked_first(found: list[Ask], packs: int, random: np.random.Generator) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert fair_shares(shuffled, packs) == fair_shares(found, packs)


def test_packs_that_spare_the_same_are_spread() -> None:
    same = [Ask(name, [Step(1, 1.0)] * 4) for name in "abc"]
    assert fair_shares(same, 7) == {"a": 3, "b": 2, "c": 2}


def test_a_least_order_that_does_not_fit_leaves_its_room_to_others() -> None:
    found = [Ask("a", [Step(5, 50.0)]), Ask("b", [Step(1, 1.0), Step(1, 0.5)])]
    assert fair_shares(found, 4) == {"a": 0, "b": 2}


@given(
    st.integers(0, 12),
    st.integers(1, 6),
    st.integers(0, 8),
    st.sampled_from([1, 2, 6]),
    st.floats(0.1, 20),
    st.floats(1.1, 3),
)
def test_orders_ahead_are_those_of_stores_that_order_as_they_do(  # the figures of one store
    position: int, trigger: int, cover: int, pack: int, mean: float, lumps: float
) -> None:
    customers = Customers(
        position=np.array([float(position)]),
        trigger=np.array([float(trigger)]),
        aim=np.array([float(trigger + cover)]),
        pack=float(pack),
        mean=np.array([mean]),
        variance=np.array([mean * lumps]),
    )
    expected, variance = orders_ahead(customers)
    shape, chance = mean / (lumps - 1), 1 / lumps
    demand = np.random.Generator(np.random.PCG64(7)).negative_binomial(shape, chance, 20_000)
    lot = -(-(cover + 1) // pack) * pack
    begun = position if position >= trigger else position + -(-(trigger + cover - position) // pack) * pack
    below = trigger - (begun - demand)
    ordered = begun - position + lot * np.where(below > 0, -(-below // lot), 0)
    noise = 5 * (ordered.std() + 0.05) / np.sqrt(len(demand))
    assert abs(expected[0] - ordered.mean()) <= noise
    assert np.isclose(np.sqrt(variance[0]), ordered.std(), rtol=0.1, atol=0.1)


def test_orders_ahead_of_fast_items_and_long_ways_take_no_room() -> None:
    mean = np.full(1_000, 18_000.0)
    tracemalloc.start()
    expected, variance = orders_ahead(
        Customers(position=mean, trigger=mean, aim=mean + 500, pack=12.0, mean=mean, variance=mean + 0.2 * mean * mean)
    )
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000_000
    assert np.isfinite(variance).all()
    assert np.allclose(expected, mean, rtol=0.05)

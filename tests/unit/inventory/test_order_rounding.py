"""The rounding rule: golden examples, and laws for any limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.ordering.rounding import NotOrdered, OrderLimits, Sized, size_order

GOLDEN = [
    # position, trigger, aim, limits -> packs
    (4, 4, 10, {"pack": 6}, 0),  # at the trigger nothing is due
    (3, 4, 10, {"pack": 6}, 2),  # 7 wanted: two packs reach 15 and pass the aim
    (3, 4, 9, {"pack": 6}, 1),  # 6 wanted: one pack reaches the aim exactly
    (3, 4, 10, {"pack": 6, "bound": 15}, 2),  # exactly the bound is not past it
    (3, 4, 10, {"pack": 6, "bound": 14}, 1),  # one unit past it is: the last pack goes
    (3, 4, 10, {"pack": 6, "bound": 8}, NotOrdered.NO_ROOM),
    (-5, 4, 10, {"pack": 6, "bound": 12}, 2),  # 15 wanted; two packs reach 7, three would pass 12
    (3, 4, 10, {"pack": 1, "least": 12}, 12),  # the least order passes the aim
    (3, 4, 10, {"pack": 1, "least": 12, "bound": 14}, NotOrdered.NO_ROOM),
    (0, 1, 7, {"pack": 1, "layer": 10, "from": 0.75}, 7),  # 7 of 10: the layer is not begun far enough
    (0, 1, 8, {"pack": 1, "layer": 10, "from": 0.75}, 10),  # 8 of 10: completed
    (0, 1, 13, {"pack": 1, "layer": 10, "from": 0.0}, 20),  # whole layers only
    (0, 1, 13, {"pack": 1, "layer": 10, "from": 0.0, "bound": 19}, 10),  # cut to whole layers
    (0, 1, 8, {"pack": 1, "layer": 10, "from": 0.75, "bound": 9}, 9),  # a layer that does not fit is broken
    (0, 1, 8, {"pack": 1, "layer": 10, "from": 2.0}, 8),  # never completed
]


def limits_of(said: dict[str, float]) -> OrderLimits:
    bound = said.get("bound")
    return OrderLimits(
        pack_milli=int(said["pack"]) * 1000,
        least_packs=int(said.get("least", 1)),
        layer_packs=int(said.get("layer", 1)),
        layer_from_ratio=said.get("from", 0.75),
        bound_milli=None if bound is None else int(bound) * 1000,
    )


@pytest.mark.parametrize(("position", "trigger", "aim", "said", "expected"), GOLDEN)
def test_golden_examples_of_the_rounding_rule(
    position: int, trigger: int, aim: int, said: dict[str, float], expected: int | NotOrdered
) -> None:
    found = size_order(position * 1000, trigger * 1000, aim * 1000, limits_of(said))
    assert found == (Sized(0, expected) if isinstance(expected, NotOrdered) else Sized(expected))


any_limits = st.builds(
    OrderLimits,
    pack_milli=st.integers(1, 5_000),
    least_packs=st.integers(1, 8),
    layer_packs=st.integers(1, 6),
    layer_from_ratio=st.sampled_from([0.0, 0.5, 0.75, 1.0, 2.0]),
    bound_milli=st.none() | st.integers(0, 60_000),
)
amounts = st.integers(-9_000, 40_000)


@given(amounts, amounts, st.integers(0, 30_000), any_limits)
def test_no_order_ever_passes_a_bound_breaks_a_least_order_or_a_whole_layer(
    position: int, trigger: int, cover: int, limits: OrderLimits
) -> None:
    found = size_order(position, trigger, trigger + cover, limits)
    if found.packs:
        assert position < trigger
        assert found.packs >= limits.least_packs
        assert limits.bound_milli is None or position + found.packs * limits.pack_milli <= limits.bound_milli
        assert not limits.whole_layers_only or found.packs % limits.layer_packs == 0
    assert (found.reason is not None) == (found.packs == 0 and position < trigger)


@given(amounts, amounts, st.integers(0, 30_000), any_limits)
def test_without_a_bound_the_aim_is_reached_and_passed_by_no_more_than_the_rule_says(
    position: int, trigger: int, cover: int, limits: OrderLimits
) -> None:
    free = OrderLimits(
        pack_milli=limits.pack_milli,
        least_packs=limits.least_packs,
        layer_packs=limits.layer_packs,
        layer_from_ratio=limits.layer_from_ratio,
    )
    found = size_order(position, trigger, trigger + cover, free)
    if position < trigger:
        assert position + found.packs * free.pack_milli >= trigger + cover
        plain = -((position - trigger - cover) // free.pack_milli)
        assert found.packs < max(plain, free.least_packs, 1) + free.layer_packs


@given(amounts, amounts, st.integers(0, 30_000), any_limits, st.integers(0, 20_000))
def test_less_on_the_shelf_never_orders_less_while_it_fits(
    position: int, trigger: int, cover: int, limits: OrderLimits, less: int
) -> None:
    free = OrderLimits(pack_milli=limits.pack_milli, least_packs=limits.least_packs, layer_packs=limits.layer_packs)
    more = size_order(position, trigger, trigger + cover, free).packs
    assert size_order(position - less, trigger, trigger + cover, free).packs >= more

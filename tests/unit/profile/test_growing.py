"""A facet that grows in place is, byte for byte, the one that the rules make."""

from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from services.profile.domain import facet as facet_module
from services.profile.domain.contact import Contact, Purchase, PurchaseLine, packed
from services.profile.domain.delta import Delta, decode_delta, effects_of, encode_delta, grown
from services.profile.domain.facet import EMPTY, VisitKey
from services.profile.domain.facet_codec import decode, encode, facet_of_rows, read_rows, write_rows
from services.profile.domain.facet_of import apply_all
from services.profile.domain.growing import GrowingFacet
from services.profile.domain.ranking_state import (
    ranking_json_of_rows,
    ranking_state,
    ranking_state_of_rows,
    visits_before,
)
from tests.support.noting import labels_of, noted
from tests.support.shopping import a_purchase
from tests.unit.profile.test_facet import histories, purchases

few = st.sampled_from(["milk", "tea"])
crowded = st.builds(
    Purchase,
    event_id=st.sampled_from(["e1", "e2", "e3"]), receipt_id=few, occurred_at_seconds=st.integers(5, 7), store_id=few,
    lines=st.lists(
        st.builds(
            PurchaseLine, item_id=few, category=few, type=st.sampled_from(["a", "b", "c"]),
            quantity_milli=st.integers(1, 9), amount_cents=st.integers(0, 9), rankable=st.booleans(),
        ),
        min_size=1, max_size=4,
    ).map(tuple),
)  # fmt: skip
crowds = st.lists(crowded, max_size=4)


def grow(content: bytes, contacts: Sequence[Contact]) -> bytes:
    growing = GrowingFacet(content)
    growing.tell(contacts)
    return write_rows(growing.settle())


@given(histories, histories)
def test_growing_in_place_gives_the_bytes_of_the_rules(before: list[Contact], told: list[Contact]) -> None:
    facet = apply_all(EMPTY, before)
    assert grow(encode(facet), told) == encode(apply_all(facet, told))


@given(histories, histories)
def test_growing_twice_is_growing_once(one: list[Contact], other: list[Contact]) -> None:
    empty = encode(EMPTY)
    assert grow(grow(empty, one), other) == grow(grow(empty, other), one) == grow(empty, one + other)


@settings(max_examples=2_000)
@given(crowds, st.lists(st.tuples(crowds.filter(bool), st.booleans()), max_size=3), st.data())
def test_columns_of_several_batches_grow_by_the_rules_in_any_order(
    before: list[Purchase], batches: list[tuple[list[Purchase], bool]], data: st.DataObject
) -> None:
    # Each batch has labels of its own: in between, the catalogue told something else.
    deltas = [Delta(bought=noted(batch, labels_of(batch)), quiet=quiet) for batch, quiet in batches]
    facet = apply_all(EMPTY, before)
    content, expected = encode(facet), facet
    for delta in deltas:
        expected = grown(expected, delta)
    growing = GrowingFacet(content)
    for delta in data.draw(st.permutations(deltas)):
        growing.hear(decode_delta(encode_delta(delta)))
    assert write_rows(growing.settle()) == encode(expected)


@given(st.lists(purchases, max_size=6), purchases)
def test_at_the_cap_of_items_the_latest_are_kept_with_all_that_is_known_of_them(
    history: list[Purchase], last: Purchase
) -> None:
    facet, whole = apply_all(EMPTY, history), apply_all(EMPTY, [*history, last])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facet_module, "ITEMS_KEPT", 3)
        cut = decode(grow(encode(facet), [last]))
    latest = sorted(whole.items, key=lambda item: (whole.items[item].last_at_seconds, item), reverse=True)[:3]
    assert cut.items == {item: whole.items[item] for item in latest}
    assert cut.visits == whole.visits


def test_the_same_receipt_twice_is_one_visit() -> None:
    once = a_purchase("e1", items=("milk", "tea"))
    other = msgspec.structs.replace(once, store_id="s0")
    for told in ([once, once], [once, other], [other, once]):
        assert grow(grow(encode(EMPTY), told[:1]), told[1:]) == encode(apply_all(EMPTY, told))


@given(histories)
def test_rows_give_the_ranking_state_of_the_facet(history: list[Contact]) -> None:
    facet = apply_all(EMPTY, history)
    assert ranking_state_of_rows(read_rows(encode(facet))) == ranking_state(facet)


def test_rows_give_the_ranking_state_of_a_great_facet_too() -> None:
    facet = apply_all(EMPTY, a_great_history())
    assert ranking_state_of_rows(read_rows(encode(facet))) == ranking_state(facet)


@given(histories)
def test_rows_give_the_ranking_state_as_json(history: list[Contact]) -> None:
    facet = apply_all(EMPTY, history)
    assert ranking_json_of_rows(read_rows(encode(facet))) == to_json(ranking_state(facet).to_json())


def test_rows_give_the_ranking_state_of_a_great_facet_as_json_too() -> None:
    facet = apply_all(EMPTY, a_great_history())
    assert ranking_json_of_rows(read_rows(encode(facet))) == to_json(ranking_state(facet).to_json())


def test_rows_give_the_ranking_state_with_items_of_which_only_a_visit_knows() -> None:
    facet = apply_all(EMPTY, [a_purchase(f"e{day}", day=day, items=("milk", f"tea{day}")) for day in range(9)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facet_module, "ITEMS_KEPT", 3)
        rows = read_rows(grow(encode(facet), [a_purchase("e9", day=9, items=("milk",))]))
    assert None in rows.tallies
    assert ranking_json_of_rows(rows) == to_json(ranking_state(facet_of_rows(rows)).to_json())


def a_great_history() -> list[Purchase]:
    random = Random(3)
    names = [f"item-{number}" for number in range(700)]
    return [a_purchase(f"e{day}", day=day, items=random.sample(names, 30)) for day in range(100)]


@settings(max_examples=2_000)
@given(crowds, crowds)
def test_baskets_that_name_an_item_twice_and_share_a_second_grow_by_the_rules_too(
    before: list[Purchase], told: list[Purchase]
) -> None:
    facet = apply_all(EMPTY, before)
    assert grow(encode(facet), told) == encode(apply_all(facet, told))


@given(purchases)
def test_a_packed_purchase_is_the_same_purchase(purchase: Purchase) -> None:
    assert packed(purchase).lines == purchase.lines
    assert encode(apply_all(EMPTY, [packed(purchase)])) == encode(apply_all(EMPTY, [purchase]))
    assert effects_of(Delta((packed(purchase),))) == effects_of(Delta((purchase,)))
    assert decode_delta(encode_delta(Delta((packed(purchase),)))).contacts == (packed(purchase),)


@settings(max_examples=300)
@given(histories, st.data())
def test_the_rows_tell_what_was_known_before_any_visit(history: list[Contact], data: st.DataObject) -> None:
    facet = apply_all(EMPTY, history)
    keys = sorted(facet.visits) or [VisitKey(0, 0)]
    key = data.draw(st.sampled_from(keys))
    before = VisitKey(key.at_seconds, key.tie + data.draw(st.integers(-1, 1)))
    rows = read_rows(encode(facet))
    assert ranking_state_of_rows(rows, before) == ranking_state(facet, before)
    assert visits_before(rows, before) == sum(one < before for one in facet.visits)

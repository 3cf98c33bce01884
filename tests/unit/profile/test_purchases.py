"""Purchases in columns are the purchases that were noted."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.domain.contact import Compliment, PackedPurchase, Purchase, packed
from services.profile.domain.delta import Delta, EarlierDelta, decode_delta, effects_of, encode_delta
from services.profile.domain.purchases import UNLISTED, ItemLabel
from tests.support.noting import labels_of, noted
from tests.support.shopping import a_purchase
from tests.unit.profile.test_facet import purchases

some = st.lists(purchases.filter(lambda one: bool(one.lines)), min_size=1, max_size=6)


def relabelled(purchase: Purchase, labels: dict[str, ItemLabel]) -> PackedPurchase:
    """As one catalogue has it."""
    columns = packed(purchase)
    found = [labels.get(item, UNLISTED) for item in columns.items]
    return msgspec.structs.replace(
        columns,
        categories=tuple(label.category for label in found),
        types=tuple(label.item_type for label in found),
        rankable=tuple(label.rankable for label in found),
    )


@given(some, st.data())
def test_each_is_found_where_it_was_noted_with_the_labels_of_the_batch(
    told: list[Purchase], data: st.DataObject
) -> None:
    known = labels_of(told)
    labels = {item: known[item] for item in data.draw(st.lists(st.sampled_from(sorted(known)), unique=True))}
    columns, expected = noted(told, labels), [relabelled(one, labels) for one in told]
    assert list(columns.each()) == expected
    assert [columns.at(place) for place in range(len(told))] == expected


@given(some)
def test_a_delta_of_columns_tells_what_a_delta_of_purchases_tells(told: list[Purchase]) -> None:
    labels = dict(labels_of(told))
    praise = Compliment("praise", 5)
    in_columns = Delta((praise,), "EUR", bought=noted(told, labels))
    one_by_one = Delta((*[relabelled(one, labels) for one in told], praise), "EUR")
    assert in_columns.contacts == one_by_one.contacts
    assert effects_of(in_columns) == effects_of(one_by_one)
    assert decode_delta(encode_delta(in_columns)) == in_columns
    contacts = in_columns.contacts
    assert [in_columns.contact_at(place) for place in range(len(contacts))] == list(contacts)


def test_an_item_is_named_once_however_often_it_is_bought() -> None:
    told = [a_purchase(f"e{day}", day=day, items=("milk", "tea", "milk")) for day in range(3)]
    columns = noted(told, {})
    assert columns.items == ["milk", "tea"]
    assert columns.item_numbers == [0, 1, 0] * 3
    assert encode_delta(Delta(bought=columns)).count(b"milk") == 1


def test_a_release_that_does_not_know_columns_refuses_a_delta_and_loses_nothing() -> None:
    for delta in (Delta(), Delta(bought=noted([a_purchase("e1")], {}))):
        with pytest.raises(msgspec.ValidationError):
            msgspec.msgpack.Decoder(EarlierDelta).decode(encode_delta(delta))


def test_what_is_no_delta_is_said_to_be_none() -> None:
    for content in (b"", b"\x91", b"\x91\x04", b"\x91\xc0"):
        with pytest.raises(msgspec.DecodeError):
            decode_delta(content)

"""Laws of keys and of the digests by which a request is known again."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.errors import InvalidInput
from services.offers.domain.repeating import (
    LONGEST_KEY,
    digest_of_checkout,
    digest_of_parts,
    digest_of_request,
    key_in,
    name_of,
)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
FEW: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([0, 1, 1.0, True, None, "1", "", [], {}]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
"""So few that equal ones come up."""
KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=LONGEST_KEY)
TEXTS = st.text(max_size=8)


def shuffled(value: Any) -> Any:
    """The same, its members in another order."""
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(value)}
    return [shuffled(each) for each in value] if isinstance(value, list) else value


def written(value: Any, indent: int | None = None) -> bytes:
    return json.dumps(value, indent=indent).encode()


@given(JSON)
def test_white_space_and_the_order_of_members_do_not_count(value: Any) -> None:
    asked = digest_of_request("POST", "/v1/x?", written(value))
    assert digest_of_request("POST", "/v1/x?", written(shuffled(value), 3)) == asked
    assert len(asked) == 16


@given(FEW, FEW)
def test_everything_else_does(one: Any, other: Any) -> None:
    same = digest_of_request("PUT", "/v1/x?", written(one)) == digest_of_request("PUT", "/v1/x?", written(other))
    assert same == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


@given(st.tuples(TEXTS, TEXTS, st.binary(max_size=8)), st.tuples(TEXTS, TEXTS, st.binary(max_size=8)))
def test_method_target_and_body_are_told_apart(one: tuple[str, str, bytes], other: tuple[str, str, bytes]) -> None:
    alike = one[:2] == other[:2] and (one[2] == other[2] or one[2].strip() == other[2].strip())
    assert alike or digest_of_request(*one) != digest_of_request(*other)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": 1e999}', b"[" * 100_000, b'"\\ud800"', b"9" * 5_000])
def test_any_bytes_have_a_digest(body: bytes) -> None:
    assert digest_of_request("POST", "/", body) == digest_of_request("POST", "/", body)
    assert digest_of_request("POST", "/", body) != digest_of_request("POST", "/", body + b"x")


@given(KEYS)
def test_a_quoted_key_is_read_as_it_was_written(key: str) -> None:
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert key_in(quoted) == key


@given(st.text(max_size=40) | KEYS)
def test_whatever_a_header_holds_it_is_a_key_or_invalid_input(header: str) -> None:
    try:
        key = key_in(header)
    except InvalidInput:
        pass
    else:
        assert 1 <= len(key) <= LONGEST_KEY
        assert key.isascii()
        assert key.isprintable()


@pytest.mark.parametrize(
    ("header", "key"), [("k-1", "k-1"), ('"k-1"', "k-1"), ('"a b"', "a b"), ("a:b/c.d", "a:b/c.d")]
)
def test_keys_that_are_taken(header: str, key: str) -> None:
    assert key_in(header) == key


@pytest.mark.parametrize(
    "header", ["", '""', '"', 'a"', '"a"b"', "a b", "a,b", "a;b", '"a";b=1', "ä", '"\t"', '"a\\b"']
)
def test_headers_that_hold_no_key(header: str) -> None:
    with pytest.raises(InvalidInput) as told:
        key_in(header)
    assert told.value.slug == "invalid-key"


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_no_caller_can_name_another_s(one: str, key: str, other: str, other_key: str) -> None:
    assert (name_of(one, key) == name_of(other, other_key)) == ((one, key) == (other, other_key))


def test_of_a_checkout_a_quantity_counts_and_not_how_it_is_written() -> None:
    def asked(quantity: str, cents: int = 250) -> bytes:
        return digest_of_checkout(("c1", None, 1), [(1, "bread", Decimal(quantity), cents)])

    assert asked("1") == asked("1.00")
    assert len({asked("1"), asked("2"), asked("0.1"), asked("1", 251)}) == 4


@given(
    st.lists(
        st.decimals(-(10**9), 10**9, allow_nan=False, places=3) | st.sampled_from([Decimal("1E+2"), Decimal("1.0")])
    )
)
def test_a_checkout_is_digested_as_before_quantities_were_remembered(quantities: list[Decimal]) -> None:
    lines = [(number, "item", quantity, 5) for number, quantity in enumerate(quantities)]
    spelled = [(number, item, quantity.normalize(), cents) for number, item, quantity, cents in lines]
    assert digest_of_checkout(("c", None), lines) == digest_of_parts((("c", None), spelled))

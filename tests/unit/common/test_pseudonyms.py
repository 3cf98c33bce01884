"""One identifier, one pseudonym; nothing of the identifier is left in it."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.errors import InvalidInput
from libs.common.pseudonyms import Pseudonyms, read_secret

SECRET = b"0123456789abcdef0123456789abcdef"
KINDS = st.sampled_from(IdentifierKind)
VALUES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=128)


@given(KINDS, VALUES)
def test_the_same_identifier_has_the_same_pseudonym_wherever_the_secret_is(kind: IdentifierKind, value: str) -> None:
    identifier = Identifier(kind=kind, value=value)
    here, there = Pseudonyms(SECRET, cached=1), Pseudonyms(SECRET)
    here.value_of("other", "one")
    assert here.of(identifier) == there.of(identifier) == here.of(identifier)
    assert there.key_of(identifier.key) == here.of(identifier).key


@given(KINDS, VALUES, KINDS, VALUES)
def test_different_identifiers_have_different_pseudonyms(
    kind: IdentifierKind, value: str, other_kind: IdentifierKind, other_value: str
) -> None:
    assume((kind, value) != (other_kind, other_value))
    pseudonyms = Pseudonyms(SECRET)
    assert pseudonyms.value_of(kind, value) != pseudonyms.value_of(other_kind, other_value)


@given(KINDS, VALUES)
def test_another_secret_gives_another_pseudonym(kind: IdentifierKind, value: str) -> None:
    assert Pseudonyms(SECRET).value_of(kind, value) != Pseudonyms(SECRET[::-1]).value_of(kind, value)


@given(KINDS, st.text("0123456789", min_size=5, max_size=30))
def test_nothing_of_the_value_is_left_and_the_kind_stays(kind: IdentifierKind, value: str) -> None:
    pseudonym = Pseudonyms(SECRET).of(Identifier(kind=kind, value=value))
    assert pseudonym.kind is kind
    assert value not in pseudonym.value
    assert len(pseudonym.value) == 27
    assert Identifier.model_validate(pseudonym.model_dump()) == pseudonym


def test_no_more_are_remembered_than_was_said() -> None:
    pseudonyms = Pseudonyms(SECRET, cached=10)
    for number in range(1_000):
        pseudonyms.value_of("app", str(number))
    assert len(pseudonyms._known) == 10


@pytest.mark.parametrize("key", ["", "loyalty_card", "loyalty_card:", ":1", "passport:1"])
def test_what_is_no_identifier_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Pseudonyms(SECRET).key_of(key)
    assert refused.value.slug == "invalid-identifier"


def test_a_secret_is_read_without_its_line_end_and_is_long_enough(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(SECRET + b"\n")
    assert read_secret(path, "USUAL_A_FILE") == SECRET
    path.write_bytes(b"short")
    for wrong in (path, tmp_path / "none", None):
        with pytest.raises(InvalidInput, match="USUAL_A_FILE"):
            read_secret(wrong, "USUAL_A_FILE")
    with pytest.raises(InvalidInput):
        Pseudonyms(b"short")

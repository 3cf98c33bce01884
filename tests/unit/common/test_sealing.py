"""What is sealed can be opened with the right key, as the right person's, unchanged, and in no other case."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.contracts.personal import GREATEST_SEALED_CHARACTERS, is_sealed
from libs.common.errors import InvalidInput
from libs.common.sealing import KeyEncryptionKey, PersonKey, SealBroken

ANNA, BERT = "loyalty_card:panna", "loyalty_card:pbert"
KEK = KeyEncryptionKey(b"0123456789abcdef0123456789abcdef")


def key_of(name: str) -> PersonKey:
    return KEK.unwrapped(name, KEK.new_wrapped(name))


@given(st.text())
def test_a_text_is_sealed_and_opened_again(text: str) -> None:
    key = key_of(ANNA)
    sealed = key.seal_text(text)
    assert is_sealed(sealed)
    assert len(text) < 4 or text not in sealed
    assert key.open_text(sealed) == text
    assert key.seal_text(text) != sealed


@given(st.binary(max_size=1_000))
def test_bytes_are_sealed_and_opened_again(raw: bytes) -> None:
    key = key_of(ANNA)
    assert key.open(key.seal(raw)) == raw


def test_the_longest_text_fits_where_it_stood() -> None:
    assert len(key_of(ANNA).seal_text("\U0001f600" * 2_000)) <= GREATEST_SEALED_CHARACTERS


def test_another_key_or_another_name_opens_nothing() -> None:
    wrapped = KEK.new_wrapped(ANNA)
    sealed = KEK.unwrapped(ANNA, wrapped).seal_text("hers")
    with pytest.raises(SealBroken):
        key_of(ANNA).open_text(sealed)
    with pytest.raises(SealBroken):
        KEK.unwrapped(BERT, wrapped)
    with pytest.raises(SealBroken):
        KeyEncryptionKey(b"another secret of thirty-two byte").unwrapped(ANNA, wrapped)
    raw = bytes(32)
    with pytest.raises(SealBroken):
        PersonKey(BERT, raw).open(PersonKey(ANNA, raw).seal(b"hers"))


@given(st.integers(0, 200), st.integers(1, 255))
def test_whatever_is_changed_is_noticed(place: int, by: int) -> None:
    key = key_of(ANNA)
    sealed = bytearray(key.seal(b"unchanged"))
    sealed[place % len(sealed)] ^= by
    with pytest.raises(SealBroken):
        key.open(bytes(sealed))


@pytest.mark.parametrize("text", ["", "plain", "sealed:v1:", "sealed:v1:AAAA", "sealed:v1:%%%", "sealed:v1:ü"])
def test_what_is_not_sealed_is_not_opened(text: str) -> None:
    with pytest.raises(SealBroken):
        key_of(ANNA).open_text(text)


def test_a_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="USUAL_KEY_ENCRYPTION_KEY_FILE"):
        KeyEncryptionKey.read(tmp_path / "none", "USUAL_KEY_ENCRYPTION_KEY_FILE")

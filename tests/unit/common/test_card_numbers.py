"""Card numbers are found however they are written, and nothing else is taken for one."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.card_numbers import MASK, CardNumberGuard, contains_card_number, masked
from tests.support.card_numbers import CARD_NUMBERS, card_number, with_luhn_digit

GUARD = CardNumberGuard()
VISA = "4111111111111111"
GTIN_AND_VISA = "4000000000006"
"""Thirteen digits that are a goods number by check digit, and a card number too."""


@pytest.mark.parametrize("number", CARD_NUMBERS)
@pytest.mark.parametrize("text", ["{}", "paid with {} today", "x{}y", '"{}"', "nr.{}", "{}, thanks"])
def test_a_card_number_is_found_anywhere_in_a_text(number: str, text: str) -> None:
    said = text.format(number)
    assert contains_card_number(said)
    assert masked(said) == text.format(MASK)
    assert GUARD.is_in(json.dumps({"note": said}).encode())


@given(
    card_number(), st.lists(st.sampled_from(["", " ", "-", "  ", " - ", "\u00a0", "\u2013"]), min_size=19, max_size=19)
)
def test_gaps_between_the_digits_hide_nothing(number: str, gaps: list[str]) -> None:
    said = "".join(digit + gap for digit, gap in zip(number, gaps, strict=False)).rstrip(" -\u00a0\u2013")
    assert contains_card_number(said)
    assert GUARD.is_in(json.dumps({"note": said}, ensure_ascii=False).encode())
    assert number not in masked(said)


@given(card_number(), st.sampled_from([0x0660, 0xFF10, 0x0966]))
def test_digits_of_another_script_hide_nothing(number: str, zero: int) -> None:
    said = "".join(chr(zero + int(digit)) for digit in number)
    assert contains_card_number(said)
    assert masked(f"see {said}") == f"see {MASK}"
    assert GUARD.is_in(json.dumps({"note": said}, ensure_ascii=False).encode())


@given(card_number(), st.sets(st.integers(0, 18)))
def test_escapes_hide_nothing(number: str, escaped: set[int]) -> None:
    written = "".join(f"\\u{ord(c):04X}" if place in escaped else c for place, c in enumerate(number))
    assert GUARD.is_in(f'{{"note": "{written}"}}'.encode())


@given(card_number(), st.integers(0, 3))
def test_found_at_every_depth_as_text_number_or_name_with_its_pointer(number: str, depth: int) -> None:
    for leaf in (number, int(number), [number]):
        document: object = leaf
        for _ in range(depth):
            document = {"a/b": [document]}
        raw = json.dumps({"below": document}).encode()
        assert GUARD.is_in(raw)
        assert GUARD.pointer_to(raw) == "/below" + "/a~1b/0" * depth + ("/0" if isinstance(leaf, list) else "")
    assert GUARD.is_in(json.dumps({"below": {number: 1}}).encode())
    assert GUARD.pointer_to(json.dumps({"below": {number: 1}}).encode()) == "/below"


def test_a_telephone_number_with_its_plus_is_none() -> None:
    mobile = with_luhn_digit("491511234567")
    assert contains_card_number(mobile)
    for said in (f"+{mobile}", f"+{mobile[:2]} {mobile[2:5]} {mobile[5:]}", f"call +{mobile}, please"):
        assert not contains_card_number(said)
        assert not GUARD.is_in(json.dumps({"phone": said}).encode())
    assert contains_card_number(f"+{VISA}")


def test_a_second_member_of_the_same_name_hides_nothing() -> None:
    assert GUARD.is_in(f'{{"note":"{VISA}","note":"fine"}}'.encode())


def test_what_is_no_json_is_looked_through_too() -> None:
    assert GUARD.is_in(f"{{'note': {VISA}".encode())
    assert GUARD.is_in(b"\xff\xfe " + VISA.encode())
    assert GUARD.pointer_to(b"{" + VISA.encode()) == ""


@given(card_number(), st.integers(1, 9))
def test_one_wrong_digit_makes_it_no_card_number(number: str, by: int) -> None:
    wrong = number[:-1] + str((int(number[-1]) + by) % 10)
    assert not contains_card_number(wrong)


@given(st.uuids(version=4), st.binary(min_size=32, max_size=32))
def test_what_machines_make_is_none(uuid: UUID, digest: bytes) -> None:
    trace = f"00-{digest[:16].hex()}-{digest[16:24].hex()}-01"
    document = {"id": str(uuid), "email_hash": digest.hex(), "traceparent": trace}
    assert not GUARD.is_in(json.dumps(document).encode())


def test_digits_that_a_uuid_or_a_digest_has_by_chance_are_none() -> None:
    assert not contains_card_number("41111111-1111-1111-a111-111111111111")
    assert not contains_card_number("a4111111111111111b" + "c" * 46)
    assert contains_card_number("a4111111111111111b" + "c" * 45)


def test_the_fraction_of_a_number_is_none() -> None:
    assert not GUARD.is_in(b'{"ratio":0.4111111111111111}')
    assert GUARD.is_in(b'{"note":"nr.4111111111111111"}')


def test_a_goods_number_passes_in_the_fields_of_goods_only() -> None:
    for field in ("gtin", "item_id", "productId", "product_id"):
        assert not GUARD.is_in(json.dumps({field: GTIN_AND_VISA}).encode())
        assert not GUARD.is_in(json.dumps({field: GTIN_AND_VISA}, separators=(",", ":")).encode())
    assert not GUARD.is_in(json.dumps({"gtins": ["4006381333931", GTIN_AND_VISA]}).encode())
    assert GUARD.is_in(json.dumps({"receipt_id": GTIN_AND_VISA}).encode())
    assert GUARD.is_in(json.dumps({"item_id": VISA}).encode())
    assert GUARD.is_in_text(GTIN_AND_VISA, "note")
    assert not GUARD.is_in_text(GTIN_AND_VISA, "gtin")


def test_forms_of_the_chains_own_cards_pass_where_they_are_the_whole_text() -> None:
    number = with_luhn_digit("639112345678901")
    assert CardNumberGuard().is_in(f'{{"value":"{number}"}}'.encode()) is contains_card_number(number)
    ours = with_luhn_digit("622200011112222")
    guard = CardNumberGuard.allowing([r"622200[0-9]{10}"])
    assert CardNumberGuard().is_in(f'{{"value":"{ours}"}}'.encode())
    assert not guard.is_in(f'{{"value":"{ours}"}}'.encode())
    assert guard.is_in(f'{{"value":"see {ours}"}}'.encode())
    with pytest.raises(ValueError, match="not a regular expression"):
        CardNumberGuard.allowing(["("])


@given(card_number(), st.binary(max_size=200), st.binary(max_size=200))
def test_whatever_stands_around_it_no_scan_fails(number: str, before: bytes, after: bytes) -> None:
    raw = before + b" :" + number.encode() + b": " + after
    assert GUARD.is_in(raw)
    GUARD.pointer_to(raw)


@given(st.text())
def test_a_text_without_one_stays_as_it_is(text: str) -> None:
    assert contains_card_number(text) or masked(text) == text

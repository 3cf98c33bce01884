"""Laws of voucher codes."""

import hmac
import re
from random import Random

import pytest
from stdnum.iso7064 import mod_37_36

from services.offers.domain.codes.code import CROCKFORD, CodeKey, normalised

KEY = CodeKey(b"k" * 32)
FORM = re.compile(rf"^[{CROCKFORD}]{{4}}-[{CROCKFORD}]{{4}}-[{CROCKFORD}]{{4}}-[0-9A-Z]$")


def test_a_code_is_derived_and_so_printed_again_without_being_stored() -> None:
    assert KEY.code_of("voucher-1") == CodeKey(b"k" * 32).code_of("voucher-1")
    assert KEY.code_of("voucher-1") != KEY.code_of("voucher-2")
    assert KEY.code_of("voucher-1") != CodeKey(b"j" * 32).code_of("voucher-1")


def test_a_code_has_sixty_bits_in_crockford_and_a_check_character() -> None:
    codes = [KEY.code_of(f"voucher-{number}") for number in range(5_000)]
    assert all(FORM.match(code) for code in codes)
    assert len(set(codes)) == len(codes)
    for place in (0, 5, 13):
        assert len({code[place] for code in codes}) == 32, "every character takes every value"


def test_a_code_is_spelled_as_the_standards_say() -> None:
    for number in range(2_000):
        digest = hmac.digest(b"k" * 32, f"code:voucher-{number}".encode(), "sha256")
        bits = int.from_bytes(digest[:8], "big") >> 4
        body = "".join(CROCKFORD[bits >> shift & 31] for shift in range(55, -5, -5))
        expected = f"{body[:4]}-{body[4:8]}-{body[8:]}-{mod_37_36.calc_check_digit(body)}"
        assert KEY.code_of(f"voucher-{number}") == expected


def test_what_a_till_types_is_read_as_printed() -> None:
    code = KEY.code_of("voucher-1")
    assert normalised(code) == code
    assert normalised(f" {code.lower().replace('-', ' ')} ") == code


def test_no_wrong_character_is_taken_for_a_code() -> None:
    random = Random(7)
    for number in range(300):
        code = KEY.code_of(f"voucher-{number}").replace("-", "")
        place = random.randrange(12)
        other = random.choice([sign for sign in CROCKFORD if sign != code[place]])
        assert normalised(code[:place] + other + code[place + 1 :]) is None


def test_hardly_a_swapped_pair_is_taken_for_a_code() -> None:
    swapped = taken = 0
    for number in range(1_000):
        code = KEY.code_of(f"voucher-{number}").replace("-", "")
        for place in range(11):
            if code[place] != code[place + 1]:
                swapped += 1
                taken += normalised(code[:place] + code[place + 1] + code[place] + code[place + 2 :]) is not None
    assert taken / swapped < 1 / 400, "mod 37,36 misses about one swap in 730"


@pytest.mark.parametrize("typed", ["", "1234", "ABCD-EFGH-JKMN-PQ", "ABCD-EFGH-JKM!-P", "\x00" * 13, "é" * 13])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert normalised(typed) is None


def test_the_lookup_tells_nothing_without_the_key() -> None:
    code = KEY.code_of("voucher-1")
    assert KEY.lookup_of(code) != CodeKey(b"j" * 32).lookup_of(code)
    assert len(KEY.lookup_of(code)) == 16


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        CodeKey(b"short")
    assert "kkk" not in repr(KEY)

"""Laws of numbers for scanners of digits, and of telling the forms apart that a till may present."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import ean

from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.codes.code import CodeKey, normalised
from services.offers.domain.codes.numbers import Numbered, NumberKind, number_in
from services.offers.domain.codes.presented import Form, read
from services.offers.domain.codes.signed import KeyRow, Promise, SigningKey, signed_text, signing_key
from tests.support.offers_facts import a_campaign

CODES = CodeKey(b"k" * 32)
EAN = Numbered(kind="ean13", prefix="29")
GCN = Numbered(kind="gcn", prefix="401234567890")
GCN_NUMBER = GCN.number_of("voucher-1", CODES)
NOW = datetime(2026, 3, 10, tzinfo=UTC)


def a_key(codes: CodeKey = CODES) -> SigningKey:
    return signing_key(codes, KeyRow(key_id=1, nonce=bytes(16), signs_from=NOW, withdrawn_at=None, made_by="test"))


def form_of(presented: str, *, at_till: bool = True) -> Form:
    return read(presented, CODES, [a_key()], {GCN.head}, at_till=at_till).form


@pytest.mark.parametrize("prefix", ["02", "04", *map(str, range(20, 30))])
def test_an_ean_of_ours_is_read_back_whatever_its_prefix(prefix: str) -> None:
    numbered = Numbered(kind="ean13", prefix=prefix)
    for number in range(200):
        digits = numbered.number_of(f"voucher-{number}", CODES)
        assert (len(digits), digits[:2], ean.is_valid(digits)) == (13, prefix, True)
        assert number_in(digits) == (NumberKind.EAN13, digits)
        assert number_in(f"]E0{digits}") == (NumberKind.EAN13, digits), "as a scanner says it"


@pytest.mark.parametrize(
    "presented",
    [
        f"255{GCN_NUMBER}",
        f"]C1255{GCN_NUMBER}",
        f"]d2255{GCN_NUMBER}",
        f"]C1255{GCN_NUMBER}\x1d17260401",
        f"]C117260401255{GCN_NUMBER}",
        f"(255){GCN_NUMBER}",
        f"(255){GCN_NUMBER}(17)260401(3902)150",
        f"https://coupons.example/255/{GCN_NUMBER}",
        f"https://coupons.example/some/path/255/{GCN_NUMBER}?17=260401",
    ],
)
def test_a_gcn_is_read_from_every_form_that_it_has(presented: str) -> None:
    assert number_in(presented) == (NumberKind.GCN, GCN_NUMBER)
    assert form_of(presented) is Form.NUMBER


def test_a_wrong_digit_is_none() -> None:
    random = Random(13)
    for number in range(100):
        digits = EAN.number_of(f"voucher-{number}", CODES)
        place = random.randrange(13)
        wrong = digits[:place] + str((int(digits[place]) + random.randrange(1, 10)) % 10) + digits[place + 1 :]
        assert number_in(wrong) is None
        coupon = GCN.head[: place % 13] + str((int(GCN.head[place % 13]) + 1) % 10) + GCN.head[place % 13 + 1 :]
        assert number_in(f"255{coupon}000000000001") is None


@pytest.mark.parametrize(
    "presented",
    ["4006381333931", "036000291452", "4012345678901", f"255{GCN.head}", "(01)09520123456788", "http://[", "(255)", ""],
)
def test_a_product_is_no_voucher_and_neither_is_a_coupon_without_a_serial(presented: str) -> None:
    assert number_in(presented) is None
    assert form_of(presented) is Form.MISTYPED, "and no guess: cashiers scan what lies there"


@given(st.text(max_size=60) | st.from_regex(r"\A(\](C1|E0|d2|Q3))?\(?255\)?[0-9]{0,30}\Z"))
def test_no_text_breaks_the_reader(presented: str) -> None:
    read(presented, CODES, [a_key()], {GCN.head}, at_till=True)


def test_forms_are_told_apart() -> None:
    code = CODES.code_of("voucher-1")
    promise = Promise(
        code=code,
        campaign_id="usual",
        category="bread",
        percent=10,
        greatest_value_cents=100,
        currency="USD",
        expires_at=NOW + timedelta(days=1),
        store_id="",
    )
    other = CodeKey(b"o" * 32)
    foreign_gcn = Numbered(kind="gcn", prefix="501234567890").number_of("voucher-1", CODES)
    assert form_of(code) is Form.CODE
    assert form_of(signed_text(a_key(), promise)) is Form.CODE
    assert form_of(signed_text(a_key(other), promise)) is Form.FOREIGN
    assert form_of(f"255{foreign_gcn}") is Form.FOREIGN
    assert form_of(code[:-1] + ("1" if code[-1] != "1" else "2")) is Form.MISTYPED
    assert read(code, CODES, [], (), at_till=True) == read(f" {code.lower()} ", CODES, [], (), at_till=False)


def test_an_ean_that_looks_like_a_code_is_still_a_number() -> None:
    digits = next(each for n in range(1_000) if normalised(each := EAN.number_of(f"voucher-{n}", CODES)) is not None)
    assert form_of(digits) is Form.NUMBER


def test_from_elsewhere_an_ean_finds_nothing() -> None:
    digits = EAN.number_of("voucher-1", CODES)
    here = read(digits, CODES, [], (), at_till=True)
    elsewhere = read(digits, CODES, [], (), at_till=False)
    assert (here.form, elsewhere.form) == (Form.NUMBER, Form.NUMBER)
    assert here.number_lookup == CODES.number_lookup_of("ean13", digits)
    assert elsewhere.number_lookup == b""


def test_numbers_follow_from_the_key_and_hardly_ever_meet() -> None:
    numbers = {GCN.number_of(f"voucher-{n}", CODES) for n in range(20_000)}
    assert len(numbers) == 20_000
    assert GCN.number_of("voucher-1", CODES) != GCN.number_of("voucher-1", CodeKey(b"o" * 32))
    assert all(number.startswith(GCN.head) and len(number) == 25 for number in numbers)


@pytest.mark.parametrize(("kind", "prefix"), [("ean13", "40"), ("ean13", "2"), ("gcn", "4012345"), ("gcn", "x" * 12)])
def test_a_campaign_cannot_number_with_what_is_not_ours(kind: str, prefix: str) -> None:
    with pytest.raises(ValueError, match=r"prefix|EAN-13|pattern"):
        a_campaign(numbered={"kind": kind, "prefix": prefix})


def test_a_campaign_with_numbers_is_read_back() -> None:
    campaign = a_campaign(numbered={"kind": "gcn", "prefix": GCN.prefix})
    assert Campaign.model_validate_json(campaign.model_dump_json()) == campaign

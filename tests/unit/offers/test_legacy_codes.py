"""Laws of codes of another system: one spelling, none that anybody guesses, found by what ours are found by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.offers.domain.batches import made_codes, voucher_id_of
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.codes.legacy import first_cells, lookup_of, refusal, spelled
from services.offers.domain.codes.presented import Form, read
from tests.support.offers_facts import a_batch

KEY = CodeKey(b"k" * 32)
SIGNS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+ ", min_size=1, max_size=30)


@given(SIGNS)
def test_a_code_is_found_however_it_is_typed(code: str) -> None:
    assert lookup_of(code.lower(), KEY) == lookup_of(f" {code} ", KEY) == lookup_of(code.replace("-", " "), KEY)


@given(text=SIGNS | st.text(max_size=80), at_till=st.booleans())
def test_what_is_imported_is_what_is_looked_for_when_it_is_presented(text: str, at_till: bool) -> None:  # noqa: FBT001 - the case
    imported = lookup_of(text, KEY)
    presented = read(text, KEY, [], (), at_till=at_till, legacy=True)
    if imported is not None and not text.strip().startswith("TU1:"):
        assert presented.code_lookup == imported
        assert presented.form is not Form.MISTYPED


@given(text=SIGNS | st.text(max_size=80), at_till=st.booleans())
def test_without_imports_nothing_else_than_our_forms_is_looked_for(text: str, at_till: bool) -> None:  # noqa: FBT001 - the case
    presented = read(text, KEY, [], (), at_till=at_till)
    ours = read(text, KEY, [], (), at_till=at_till, legacy=True)
    assert presented.form is not Form.CODE or presented.code_lookup == ours.code_lookup
    if presented.form is Form.MISTYPED:
        assert presented.code_lookup == KEY.lookup_of("")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SPRING-0001", None),
        ("4006381333931", None),
        ("a1b2c3", None),
        ("a1b2c", "guessable"),
        ("WILLKOMMEN", "guessable"),
        ("  - ", "empty"),
        ("x1" * 33, "too-long"),
        ("spring 1€23", "not-a-code"),
        ("spring\x001234", "not-a-code"),
    ],
)
def test_what_is_taken_for_a_code(text: str, why: str | None) -> None:
    assert refusal(spelled(text)) == why


def test_the_code_is_in_the_first_cell_of_a_line() -> None:
    lines = [b"\xef\xbb\xbfAB-123456;5.00", b'"CD-123456",x,y', b"EF-123456\tz\r", b"", b"\xff\xfe"]
    assert list(first_cells(lines)) == ["AB-123456", "CD-123456", "EF-123456", "", None]


def test_ours_and_another_systems_are_never_found_by_the_same() -> None:
    code = "SPRING0001"
    assert KEY.legacy_lookup_of(code) not in (KEY.lookup_of(code), KEY.number_lookup_of("ean13", code))


@given(first=st.integers(1, 10**6), count=st.integers(0, 20))
def test_a_chunk_made_again_is_the_same_and_numbers_differ(first: int, count: int) -> None:
    batch = a_batch("spring")
    made = made_codes(batch, first, count, KEY)
    assert made == made_codes(batch, first, count, KEY)
    assert [each.voucher_id for each in made] == [voucher_id_of("spring", first + place) for place in range(count)]
    assert len({each.code_lookup for each in made}) == count


def test_batches_and_parts_never_share_an_id() -> None:
    ids = [voucher_id_of(batch, serial, part) for batch in ("a", "a-1") for part in (0, 1, 10) for serial in (1, 10)]
    assert len(set(ids)) == len(ids)

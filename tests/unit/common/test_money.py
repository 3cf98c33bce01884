"""Money as whole minor units: exact or refused, in every currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.money import minor_digits, minor_units

CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLF", "ISK"])


@given(units=st.integers(-(10**12), 10**12), currency=CURRENCIES)
def test_an_amount_and_its_minor_units_are_the_same_money(units: int, currency: str) -> None:
    assert minor_units(Decimal(units).scaleb(-minor_digits(currency)), currency) == units


@given(units=st.integers(-(10**9), 10**9), part=st.integers(1, 9), currency=CURRENCIES)
def test_what_is_smaller_than_the_currency_knows_is_refused_and_never_rounded(
    units: int, part: int, currency: str
) -> None:
    with pytest.raises(ValueError, match="no part as small"):
        minor_units(Decimal(units * 10 + part).scaleb(-minor_digits(currency) - 1), currency)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1E999999999", "1E-999999999"])
def test_what_is_no_amount_is_refused_before_anything_is_reckoned(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        minor_units(Decimal(text), "EUR")

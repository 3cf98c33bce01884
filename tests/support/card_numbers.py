"""Card numbers for tests: the schemes' published test numbers, and made ones of every scheme."""

from hypothesis import strategies as st

CARD_NUMBERS = (
    "4111111111111111",
    "4222222222222",
    "4000000000000000006",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "38520000023237",
    "6011111111111117",
    "3530111333300000",
    "6200000000000005",
    "6759649826438453",
    "2200000000000004",
)
_FORMS = (
    ("4", 13),
    ("4", 16),
    ("4", 19),
    ("51", 16),
    ("2720", 16),
    ("34", 15),
    ("300", 14),
    ("6011", 16),
    ("3589", 19),
)


def with_luhn_digit(digits: str) -> str:
    """`digits` and the one that makes them right."""
    total = sum(
        sum(divmod(int(digit) * (2 if place % 2 == 0 else 1), 10)) for place, digit in enumerate(reversed(digits))
    )
    return digits + str(-total % 10)


def card_number() -> st.SearchStrategy[str]:
    """Right numbers of many schemes and lengths."""

    def of(form: tuple[str, int]) -> st.SearchStrategy[str]:
        prefix, length = form
        rest = length - len(prefix) - 1
        return st.text("0123456789", min_size=rest, max_size=rest).map(lambda digits: with_luhn_digit(prefix + digits))

    return st.sampled_from(_FORMS).flatmap(of)

"""Numbers that come all day, known before they come: `1`, `12`, `0.482`; the compiled contracts look for them first.

A decoder finds one of a few thousand known texts in the time that it takes to read it; to parse a text into a number and
to check its bounds takes many times as long, and a receipt has one in every line.
"""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Annotated, Any, Self, cast

from pydantic import TypeAdapter, ValidationError


class PlainDecimal(Decimal, Enum):
    """A number that is found by its spelling. It is a Decimal, equal to any other of its value."""

    __hash__ = Decimal.__hash__
    __str__ = Decimal.__str__
    __format__ = Decimal.__format__  # type: ignore[assignment]  # as the number, not as the member

    def __new__(cls, spelled: str) -> Self:
        """The number, found by its text and not by its value: `1` and `1.000` are equal, and two members all the same."""
        number = Decimal.__new__(cls, spelled)
        number._value_ = spelled
        return number


@cache
def plain_decimals(*constraints: object) -> type[PlainDecimal] | None:
    """Those that fit pydantic's `constraints`, as msgspec wants them; None where none does."""
    adapter: TypeAdapter[Decimal] = TypeAdapter(Annotated[(Decimal, *constraints)] if constraints else Decimal)

    def fits(spelled: str) -> bool:
        try:
            adapter.validate_python(spelled)
        except ValidationError:
            return False
        return True

    known = {f"n{place}": spelled for place, spelled in enumerate(_spellings()) if fits(spelled)}
    make = cast("Callable[[str, Any], type[PlainDecimal]]", PlainDecimal)  # Enum's way to make one with members
    return make("Known", known) if known else None


def _spellings() -> tuple[str, ...]:
    """Whole numbers to 999, tenths and hundredths below 1, thousandths below 2: pieces, rates of tax, kilograms."""
    whole = [str(number) for number in range(1_000)]
    parts = [f"0.{number}" for number in range(10)] + [f"0.{number:02}" for number in range(100)]
    weights = [f"{grams // 1_000}.{grams % 1_000:03}" for grams in range(2_000)]
    return (*whole, *parts, *weights)

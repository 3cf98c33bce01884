"""Members of loosely typed calls, read for what they mean: texts, places, amounts; called by the other files here."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from libs.common.money import minor_digits, minor_units

Members: TypeAlias = Mapping[str, Any]
_FLOAT_NOISE = Decimal("1e-9")
"""Scripts reckon in binary: three times 6.33 is sent as 18.990000000000002."""
_GREATEST_MAGNITUDE = 15


def text(value: object) -> str | None:
    """What stands there as a text, numbers as they were written; None for nothing, yes and no, lists and objects."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    return str(value).strip() or None


def first_text(members: Members, *names: str) -> str | None:
    """The first of these members that says something."""
    return next((found for name in names if (found := text(members.get(name))) is not None), None)


def below(members: Members, name: str) -> Members:
    """The object of this name, an empty one where there is none."""
    found = members.get(name)
    return found if isinstance(found, dict) else {}


def objects(members: Members, name: str) -> Sequence[Members]:
    """The list of this name; what is no object in it is an empty one."""
    found = members.get(name)
    return [each if isinstance(each, dict) else {} for each in found] if isinstance(found, list) else []


def told(**members: object) -> dict[str, Any]:
    """Only those that say something."""
    return {name: value for name, value in members.items() if value is not None}


def path_of(url: str | None) -> str | None:
    """The path of an address without its query, which may hold anything."""
    try:
        return urlsplit(url).path or "/" if url else None
    except ValueError:
        return None


def host_of(url: str | None) -> str | None:
    """The host of an address."""
    try:
        return urlsplit(url).hostname if url else None
    except ValueError:
        return None


def number(value: object) -> Decimal | None:
    """A number, also one written as a text; None for what is none, or is none of this world."""
    written = text(value)
    try:
        found = Decimal(written) if written is not None else None
    except ArithmeticError:
        return None
    return found if found is not None and found.is_finite() and found.adjusted() <= _GREATEST_MAGNITUDE else None


def exact_cents(value: object, currency: str | None) -> int | str | None:
    """An amount in minor units; what is none, or has smaller parts, stays a text that the contract will refuse.

    >>> exact_cents(Decimal("18.990000000000002"), "EUR"), exact_cents("150", "JPY"), exact_cents("1.999", "EUR")
    (1899, 150, '1.999')
    """
    if value is None or currency is None:
        return None
    found = number(value)
    try:
        return minor_units(found.quantize(_FLOAT_NOISE), currency) if found is not None else str(value)
    except ValueError:
        return str(value)


def nearest_cents(value: object, currency: str | None, times: object = None) -> int | str | None:
    """`value`, or so many times it, in whole minor units: for a price, which may have smaller parts.

    >>> nearest_cents("0.333", "EUR", 3), nearest_cents("1.999", "EUR"), nearest_cents("cheap", "EUR")
    (100, 200, 'cheap')
    """
    if value is None or currency is None:
        return None
    price, count = number(value), Decimal(1) if times is None else number(times)
    if price is None or count is None:
        return str(value)
    return int((price * count).scaleb(minor_digits(currency)).to_integral_value(ROUND_HALF_EVEN))

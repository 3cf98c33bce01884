"""The template: which rows a coupon has, in which order, and how much room each may take. Every rendering starts here."""

from dataclasses import dataclass
from enum import Enum, auto

import msgspec

from services.offers.domain.codes.numbers import Number

GREATEST_CODE = 64
"""Characters of a code: two lines of the narrowest paper."""


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """What one voucher says, in the customer's words."""

    voucher_id: str
    headline: str
    note: str
    """A condition, or nothing."""
    title: str
    such_as: str
    """Examples of what it is for, or nothing."""
    code: str
    valid_through: str
    signed: str | None = None
    """What the QR code says instead of the code, where a till without a network must be able to check it."""
    number: Number | None = None
    """What the bars say instead of the code, for scanners that read digits only."""

    def __post_init__(self) -> None:
        if not 0 < len(self.code) <= GREATEST_CODE:
            raise ValueError(f"a code has 1 to {GREATEST_CODE} characters")


class Style(Enum):
    """How a row is set."""

    PLAIN = auto()
    CENTRED = auto()
    LOUD = auto()
    RULE = auto()
    CODE = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the template, before it is broken to a width. What does not go into `greatest_lines` is left out."""

    style: Style
    text: str = ""
    greatest_lines: int = 1


TITLE_LINES = 2
HEADLINE_LINES = 4
NOTE_LINES = 2
EXAMPLE_LINES = 2
CODE_LINES = 2
NUMBER_LINES = 1
DAY_LINES = 3
GREATEST_LINES = 1 + TITLE_LINES + HEADLINE_LINES + NOTE_LINES + EXAMPLE_LINES + CODE_LINES + NUMBER_LINES + DAY_LINES
"""Of text, in one coupon, whatever is on it."""


def promised(title: str, headline: str, note: str) -> list[Row]:
    """The rows of what a coupon promises."""
    rows = [Row(Style.RULE), Row(Style.CENTRED, title, TITLE_LINES), Row(Style.LOUD, headline, HEADLINE_LINES)]
    return [*rows, Row(Style.CENTRED, note, NOTE_LINES)] if note else rows


def exemplified(such_as: str) -> list[Row]:
    """The row of examples, if there are any."""
    return [Row(Style.PLAIN, such_as, EXAMPLE_LINES)] if such_as else []


def read(code: str, number: Number | None) -> list[Row]:
    """The rows of what a person reads of its code; its symbols stand around them."""
    rows = [Row(Style.CODE, code, CODE_LINES)]
    return rows if number is None else [Row(Style.CODE, number.shown, NUMBER_LINES), *rows]


def lasting(valid_through: str) -> list[Row]:
    """The row of how long it is good."""
    return [Row(Style.CENTRED, valid_through, DAY_LINES)]

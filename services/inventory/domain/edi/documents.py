"""What is exchanged with a trading partner, whatever the format: orders, answers to them, and receipts of interchanges."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from libs.common.errors import InvalidInput

_MOST_DECIMALS = 6
GREATEST_QUANTITY = Decimal(10**9)
_FIRST_YEAR, _LAST_YEAR = 2000, 2100
_ORDER_NUMBER_LENGTH = 20
"""X12 has room for 22 characters, EDIFACT for 35. A hundred bits: no two commands meet."""


class EdiInvalid(InvalidInput):
    """An interchange that cannot be read, or does not keep its standard's rules. Nothing of it has an effect."""

    slug = "edi-invalid"


class EdiUnsayable(InvalidInput):
    """What is to be written has no form in the partner's character set or syntax."""

    slug = "edi-unsayable"


class Format(StrEnum):
    """Which standard a partner speaks."""

    EDIFACT = "edifact"
    X12 = "x12"


class Purpose(StrEnum):
    """What an order does to an earlier one of the same number."""

    ORIGINAL = "original"
    REPLACE = "replace"
    CANCEL = "cancel"
    DUPLICATE = "duplicate"
    """The same once more, because nobody has answered."""


@dataclass(frozen=True, slots=True)
class Party:
    """An address of an interchange, and what kind of number it is (14: GLN; ZZ: mutually agreed; ...)."""

    id: str
    qualifier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A trading partner, as data: who it is for us, which format it speaks, and under which names."""

    partner_id: str
    supplier_id: str
    format: Format
    ours: Party
    theirs: Party
    character_set: str = "UNOC"
    """EDIFACT's; X12 is ASCII."""
    currency: str = "EUR"
    time_zone: str = "UTC"
    """Of the dates and times in its documents, which carry none."""
    is_test: bool = False
    store_codes: Mapping[str, str] = field(default_factory=dict)
    """What the partner calls our stores; our own ids else."""

    def moment(self, day: date, at: time) -> datetime:
        """A time of its own zone."""
        return datetime.combine(day, at, ZoneInfo(self.time_zone))

    def local(self, at: datetime) -> datetime:
        """A moment as its clocks show it."""
        return at.astimezone(ZoneInfo(self.time_zone))


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """So much of an item. `unit` is one of each, kg, l, m."""

    number: int
    item_id: str
    quantity: Decimal
    unit: str = "each"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A purchase order."""

    order_number: str
    purpose: Purpose
    ordered_at: datetime
    deliver_at: datetime
    store_id: str
    lines: Sequence[OrderLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What makes an interchange one of a kind. `control_number` is never used twice for a partner."""

    control_number: int
    prepared_at: datetime


class Meaning(StrEnum):
    """What a partner says of an order line."""

    ACKNOWLEDGED = "acknowledged"
    AMENDED = "amended"
    REJECTED = "rejected"
    SHIPPED = "shipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineAnswer:
    """What becomes of an order or of one of its lines. `line` and `item_id` None: of all of it."""

    order_number: str
    meaning: Meaning
    line: int | None = None
    item_id: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    """Of the quantity, as we call it, or the partner's code where we have no word for it; None: not stated."""
    expected_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One message of an interchange that came in. `fault`: it was not understood, and has no effect."""

    reference: str
    kind: str
    answers: Sequence[LineAnswer] = ()
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a partner's system says of an interchange of ours (CONTRL, 997)."""

    control_number: int
    accepted: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An interchange that came in and was read. `control_reference` is the sender's own name for it."""

    sender: Party
    recipient: Party
    control_reference: str
    documents: Sequence[Document]
    receipts: Sequence[Receipt] = ()
    group_reference: str = ""
    """X12: the functional group's control number."""
    group_kind: str = ""

    is_test: bool = False

    @property
    def wants_receipt(self) -> bool:
        """Receipts are not answered with receipts."""
        return bool(self.documents)


def order_number_of(command_id: str) -> str:
    """The number of a command's order, of capitals and digits that every character set has.

    >>> order_number_of("c1") == order_number_of("c1") != order_number_of("c2")
    True
    """
    return base64.b32encode(hashlib.sha256(command_id.encode()).digest()).decode()[:_ORDER_NUMBER_LENGTH]


def fits(text: str, most: int, what: str) -> None:
    """Raise EdiUnsayable for a text longer than its place: a strict reader would refuse all that stands beside it."""
    if len(text) > most:
        raise EdiUnsayable(f"{what} has at most {most} characters: {text[:60]!r}")


def quantity_text(value: Decimal) -> str:
    """A number as both standards write it: no exponent, no zeros at the end.

    >>> quantity_text(Decimal("1E+1")), quantity_text(Decimal("0.500"))
    ('10', '0.5')
    """
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity_of(text: str, decimal_mark: str = ".") -> Decimal:
    """The number; raises EdiInvalid for anything else, also for one below nothing."""
    plain = text.replace(decimal_mark, ".").replace(",", ".")
    digits = plain.replace(".", "", 1)
    _, _, decimals = plain.partition(".")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15 and len(decimals) <= _MOST_DECIMALS):  # noqa: PLR2004 - the longest quantity of both standards
        raise EdiInvalid(f"not a quantity: {text[:20]!r}")
    if (value := Decimal(plain)) > GREATEST_QUANTITY:
        raise EdiInvalid(f"more than anybody orders: {text[:20]!r}")
    return value


def whole_number(text: str) -> int | None:
    """The number, None for anything else or one that no count or control number comes to.

    >>> whole_number("0042"), whole_number("-1"), whole_number("9" * 15)
    (42, None, None)
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 14 else None  # noqa: PLR2004 - EDIFACT's longest reference


def day_of(text: str) -> date:
    """The day of CCYYMMDD; raises EdiInvalid for another form, and for days that no order is about."""
    try:
        day = datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day, of the partner's zone
    except ValueError as error:
        raise EdiInvalid(f"not a day: {text[:10]!r}") from error
    if len(text) != 8 or not text.isascii() or not _FIRST_YEAR <= day.year < _LAST_YEAR:  # noqa: PLR2004 - CCYYMMDD
        raise EdiInvalid(f"not a day of this century: {text[:10]!r}")
    return day


def is_gtin(text: str) -> bool:
    """Whether it is a GTIN of 8, 12, 13 or 14 digits with its check digit.

    >>> is_gtin("4006381333931"), is_gtin("4006381333930"), is_gtin("milk")
    (True, False, False)
    """
    if len(text) not in {8, 12, 13, 14} or not (text.isascii() and text.isdigit()):
        return False
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(text)))
    return weighted % 10 == 0


def is_gln(text: str) -> bool:
    """Whether it is a Global Location Number."""
    return len(text) == 13 and is_gtin(text)  # noqa: PLR2004 - a GLN has 13 digits

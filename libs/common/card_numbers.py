"""Payment card numbers: found so that they can be refused, masked where a text must be shown. Pure; called by the doors.

A card number is a run of 13 to 19 digits, spaces and dashes between them allowed, that begins like a card of one of the
schemes, has that scheme's length and a right Luhn digit. Forms that machines make and that hold such runs by chance are
none: UUIDs, hexadecimal digests, trace ids, fractions of JSON numbers, and goods numbers in the fields of goods. Nor is
an international telephone number, which begins with + and has 15 digits at most.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from libs.common.errors import Kind, UsualError

MASK = "[card number]"
_BETWEEN = r"[ \-\u00a0\u2007\u2009\u202f\u2010-\u2015]"
_RUN = re.compile(rf"[0-9](?:{_BETWEEN}{{0,3}}[0-9]){{12,}}")
_GAP = re.compile(_BETWEEN)
_GROUP = re.compile(r"[0-9]+")
_SCHEMES = re.compile(
    r"""
      4[0-9]{12}(?:[0-9]{3}){0,2}                                                  # Visa
    | (?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}  # Mastercard
    | 3[47][0-9]{13}                                                               # American Express
    | (?:30[0-5][0-9]|3095|3[689][0-9]{2})[0-9]{10,15}                             # Diners Club
    | 35(?:2[89]|[3-8][0-9])[0-9]{12,15}                                           # JCB
    | (?:6011|64[4-9][0-9]|65[0-9]{2}|62[0-9]{2})[0-9]{12,15}                      # Discover, UnionPay
    | (?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{9,15}                        # Maestro
    | 220[0-4][0-9]{12,15}                                                         # Mir
    """,
    re.VERBOSE,
)
_MACHINE_MADE = re.compile(
    r"""(?<![0-9A-Za-z])(?:
          [0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}
        | [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}
        | [0-9a-f]{128} | [0-9a-f]{96} | [0-9a-f]{64} | [0-9a-f]{56} | [0-9a-f]{40} | [0-9a-f]{32}
    )(?![0-9A-Za-z])""",
    re.VERBOSE | re.IGNORECASE,
)
_GREATEST_DIGITS, _LEAST_DIGITS, _GREATEST_PHONE_DIGITS = 19, 13, 15
_ZERO = ord("0")
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")

_GOODS_FIELDS = frozenset({"gtin", "gtins", "itemid", "itemids", "productid", "sku", "barcode", "ean", "upc"})
_GOODS_NUMBER_LENGTHS = frozenset({8, 12, 13, 14})
_AFTER_GOODS_NAME = re.compile(r'"([A-Za-z_]+)"\s*:\s*(?:\[[\s",0-9]*)?"?\Z')
_AFTER_POINT = re.compile(r"(?:^|[\s:\[,])-?[0-9]+\.\Z")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")

# The fast scan of a document: digits become 0, all else a point; thirteen in a row are then one literal to search for.
_SHAPE = bytes(_ZERO if chr(byte) in "0123456789" else ord(".") for byte in range(256))
_THIRTEEN = b"0" * _LEAST_DIGITS
_LONG_RUN = re.compile(_THIRTEEN + b"+")
_BEFORE_GOODS = (b'"gtin":"', b'"gtin": "', b'"item_id":"', b'"item_id": "')


class CardNumberFound(UsualError):
    """A payment card number came in: nothing of what brought it is kept or logged."""

    kind = Kind.UNACCEPTABLE
    slug = "card-number"

    def __init__(self, pointer: str = "") -> None:
        super().__init__("a payment card number must not be sent here; nothing was kept", context={"pointer": pointer})


def contains_card_number(text: str) -> bool:
    """Whether a card number stands anywhere in `text`, in digits of any script."""
    return len(text) >= _LEAST_DIGITS and next(_card_numbers(_in_ascii(text)), None) is not None


def masked(text: str) -> str:
    """`text` with `[card number]` in the place of each; whatever is shown or logged may pass through here."""
    plain = _in_ascii(text)
    spans = list(_card_numbers(plain))
    if not spans:
        return text
    parts, end = [], 0
    for start, stop in spans:
        if start >= end:
            parts += [plain[end:start], MASK]
        end = max(end, stop)
    return "".join([*parts, plain[end:]])


@dataclass(frozen=True, slots=True)
class CardNumberGuard:
    """Finds card numbers in JSON documents. A text that wholly has one of the `allowed` forms is none: the chain's own cards.

    >>> CardNumberGuard().is_in(b'{"note": "4111 1111 1111 1111"}')
    True
    >>> CardNumberGuard().is_in(b'{"note": "4111 1111 1111 1112"}')
    False
    """

    allowed: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def allowing(cls, forms: Iterable[str]) -> Self:
        """From regular expressions; raises ValueError for one that is none."""
        try:
            return cls(tuple(re.compile(form) for form in forms))
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error

    def is_in(self, raw: bytes) -> bool:
        """Whether `raw`, JSON or meant to be, holds one in a text, a number or a name, written out or escaped."""
        if not may_hold_card_number(raw):
            return False
        text = _unescaped(raw.decode("utf-8", "replace"))
        return any(not self._is_innocent(text, start, stop) for start, stop in _card_numbers(text))

    def check(self, raw: bytes, *, below: str = "") -> None:
        """Raises CardNumberFound, with its pointer from `below` on, when a JSON document holds one."""
        if self.is_in(raw):
            raise CardNumberFound(below + self.pointer_to(raw))

    def is_in_text(self, text: str, field: str = "") -> bool:
        """Whether one text has one; `field` is the name of the member or element that it stands in."""
        if any(form.fullmatch(text) for form in self.allowed) or (_is_goods_field(field) and _is_goods_number(text)):
            return False
        return contains_card_number(text)

    def pointer_to(self, raw: bytes) -> str:
        """Where the first one stands, as a JSON pointer that holds none itself; empty where that cannot be said."""
        try:
            return self._search(msgspec.json.decode(raw), "", "") or ""
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ""

    def _search(self, value: Any, pointer: str, field: str) -> str | None:
        if isinstance(value, str | int):
            return pointer if self.is_in_text(str(value), field) else None
        below: Iterable[tuple[str, str, Any]] = ()
        if isinstance(value, dict):
            if any(map(contains_card_number, value)):
                return pointer
            below = ((name.replace("~", "~0").replace("/", "~1"), name, one) for name, one in value.items())
        elif isinstance(value, list):
            below = ((str(place), field, one) for place, one in enumerate(value))
        places = (self._search(one, f"{pointer}/{step}", name) for step, name, one in below)
        return next((place for place in places if place is not None), None)

    def _is_innocent(self, text: str, start: int, stop: int) -> bool:
        before = text[max(0, start - 4_000) : start]
        if _AFTER_POINT.search(before[-30:]):
            return True
        named = _AFTER_GOODS_NAME.search(before)
        if named is not None and _is_goods_field(named[1]) and _is_goods_number(text[start:stop]):
            return True
        opened, closed = text.rfind('"', 0, start), text.find('"', stop)
        whole = text[opened + 1 : closed]
        return opened >= 0 and closed >= 0 and any(form.fullmatch(whole) for form in self.allowed)


def may_hold_card_number(raw: bytes) -> bool:
    """Whether a closer look is needed; False is certain. A few microseconds for a receipt."""
    if b"\\" in raw and b"\\u" in raw:
        return True
    if not raw.isascii() and _has_foreign_digits(raw):
        return True
    joined = raw.translate(_SHAPE, b" -")
    if _THIRTEEN not in joined:
        return False
    shape = raw.translate(_SHAPE)
    if _LONG_RUN.findall(shape) != _LONG_RUN.findall(joined):
        return True  # spaces or dashes stand between digits
    return any(_is_suspect(raw, *run.span()) for run in _LONG_RUN.finditer(shape))


def _is_suspect(raw: bytes, start: int, stop: int) -> bool:
    found = raw[start:stop]
    if _luhn_sum(found) % 10:  # nine of ten end here
        return False
    digits = found.decode()
    return _is_card_number(digits) and not (raw.endswith(_BEFORE_GOODS, 0, start) and _is_goods_number(digits))


def _has_foreign_digits(raw: bytes) -> bool:
    return any(map(_is_digit_or_gap, set(_NOT_ASCII.findall(raw.decode("utf-8", "replace")))))


def _card_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Where they stand in a text with plain digits. A run in groups may hold one that begins and ends with a group."""
    human = _MACHINE_MADE.sub(lambda made: "x" * len(made[0]), text) if _RUN.search(text) else ""
    return (found for run in _RUN.finditer(human) for found in _in_run(human, *run.span()))


def _in_run(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    groups = [group.span() for group in _GROUP.finditer(text, start, stop)]
    if text[start - 1 : start] == "+" and sum(end - begin for begin, end in groups) <= _GREATEST_PHONE_DIGITS:
        return
    for first, (begin, _) in enumerate(groups):
        digits = ""
        for group_start, group_stop in groups[first:]:
            digits += text[group_start:group_stop]
            if len(digits) > _GREATEST_DIGITS:
                break
            if _is_card_number(digits):
                yield begin, group_stop


def _is_card_number(digits: str) -> bool:
    return _SCHEMES.fullmatch(digits) is not None and _luhn_sum(digits.encode()) % 10 == 0


def _luhn_sum(digits: bytes) -> int:
    return sum(digits[::-2]) + sum(digits[-2::-2].translate(_DOUBLED)) - _ZERO * len(digits)


def _is_goods_field(name: str) -> bool:
    return name.replace("_", "").lower() in _GOODS_FIELDS


def _is_goods_number(digits: str) -> bool:
    """Whether it is a GTIN by length and check digit."""
    if len(digits) not in _GOODS_NUMBER_LENGTHS or not (digits.isascii() and digits.isdecimal()):
        return False
    code = digits.encode()
    return (sum(code[::-2]) + 3 * sum(code[-2::-2]) - _ZERO * (len(code[::-2]) + 3 * len(code[-2::-2]))) % 10 == 0


def _in_ascii(text: str) -> str:
    """The same text, digits of other scripts as ours."""
    return text if text.isascii() else _NOT_ASCII.sub(_plain_digit, text)


def _plain_digit(found: re.Match[str]) -> str:
    decimal = unicodedata.decimal(found[0], None)
    return found[0] if decimal is None else str(decimal)


def _unescaped(text: str) -> str:
    """A JSON text with its escaped digits and gaps written out; what else is escaped stays so."""
    return _in_ascii(_ESCAPED.sub(_written_out, text))


def _written_out(found: re.Match[str]) -> str:
    meant = chr(int(found[1], 16))
    return meant if _is_digit_or_gap(meant) else found[0]


def _is_digit_or_gap(character: str) -> bool:
    return character.isdecimal() or _GAP.match(character) is not None

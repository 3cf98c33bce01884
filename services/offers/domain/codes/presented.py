"""What somebody typed or scanned at a till: which of our forms it is, and what to look it up by."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from libs.tills.verify_voucher import PREFIX
from services.offers.domain.codes.code import CodeKey, normalised
from services.offers.domain.codes.legacy import lookup_of
from services.offers.domain.codes.numbers import NumberKind, number_in
from services.offers.domain.codes.signed import SigningKey, code_in


class Form(Enum):
    """What it is."""

    CODE = auto()
    NUMBER = auto()
    FOREIGN = auto()
    """A coupon of somebody else's: another key's signature, another company's coupon number."""
    MISTYPED = auto()
    """Nothing that could be one: a check character or digit is wrong."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A form with what its vouchers are found by; a form that finds nothing has look-ups that nothing has."""

    form: Form
    code_lookup: bytes
    number_lookup: bytes


def is_signed(presented: str) -> bool:
    """Whether it claims to be the text of a signed voucher, so that `read` needs the keys for it."""
    return presented.strip().startswith(PREFIX)


def read(
    presented: str,
    codes: CodeKey,
    keys: Sequence[SigningKey],
    coupons: Collection[str],
    *,
    at_till: bool,
    legacy: bool = False,
) -> Presented:
    """What was presented. `coupons`: the coupon numbers (13 digits) of our campaigns. `at_till`: by an authorised till.

    `legacy`: codes of another system may be ours too, so nothing that could be one is a typing error.
    An EAN-13 has too few digits to be let in from elsewhere: it is looked for under nothing there.
    """
    text = presented.strip()
    if is_signed(presented):
        code = code_in(text, keys)
        return _found(codes, Form.CODE if code else Form.FOREIGN, codes.lookup_of(code) if code else None)
    code = normalised(text)
    ours = codes.lookup_of(code) if code else None
    found = lookup_of(text, codes) if legacy else ours
    # One EAN-13 in 36 has the check character of a code; nothing else that is a code is a number too.
    number = None if code and not text.isdigit() else number_in(text)
    if number is None:
        return _found(codes, Form.CODE if found else Form.MISTYPED, found)
    kind, digits = number
    if kind is NumberKind.GCN and digits[:13] not in coupons:
        return _found(codes, Form.FOREIGN, found)
    if kind is NumberKind.EAN13 and not at_till:
        return _found(codes, Form.NUMBER, found)
    return _found(codes, Form.NUMBER, found, number)


def _found(
    codes: CodeKey, form: Form, code_lookup: bytes | None, number: tuple[NumberKind, str] | None = None
) -> Presented:
    """Look-ups in equal number, whatever was found."""
    return Presented(form, code_lookup or codes.lookup_of(""), codes.number_lookup_of(*number) if number else b"")

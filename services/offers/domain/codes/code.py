"""Voucher codes: derived by keyed hash, so that they need not be stored; checked, so that a typing error is no guess."""

import hashlib
import hmac
from dataclasses import dataclass, field

from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHARACTERS = 12
_CHECKS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The alphabet of ISO 7064 mod 37,36."""
_WHOLE = len(_CHECKS)
_PAIRS = [first + second for first in CROCKFORD for second in CROCKFORD]
_VALUES = {pair: tuple(map(_CHECKS.index, pair)) for pair in _PAIRS}
_LOOKS_LIKE = str.maketrans("OIL", "011")


@dataclass(frozen=True, slots=True)
class CodeKey:
    """The secret behind codes. Who holds it can make codes, so no till ever does."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < hashlib.sha256().digest_size:
            raise ValueError("a code key has at least 32 bytes")

    def code_of(self, voucher_id: str) -> str:
        """The code of a voucher, `XXXX-XXXX-XXXX-C`: 60 bits in Crockford's base32 and an ISO 7064 mod 37,36 check."""
        digest = hmac.digest(self.secret, b"code:" + voucher_id.encode(), hashlib.sha256)
        number = int.from_bytes(digest[:8], "big") >> 4
        parts = [_PAIRS[number >> shift & 1023] for shift in (50, 40, 30, 20, 10, 0)]
        check = _WHOLE // 2
        for pair in parts:
            for value in _VALUES[pair]:
                check = (((check or _WHOLE) * 2) % (_WHOLE + 1) + value) % _WHOLE
        sign = _CHECKS[(1 - ((check or _WHOLE) * 2) % (_WHOLE + 1)) % _WHOLE]
        one, two, three, four, five, six = parts
        return f"{one}{two}-{three}{four}-{five}{six}-{sign}"

    def derived(self, name: str) -> int:
        """64 bits that follow from the key and `name`."""
        return int.from_bytes(hmac.digest(self.secret, name.encode(), hashlib.sha256)[:8], "big")

    def number_lookup_of(self, kind: str, number: str) -> bytes:
        """What the database finds a number by, in the same way as a code."""
        return hmac.digest(self.secret, f"number-lookup:{kind}:{number}".encode(), hashlib.sha256)[:16]

    def legacy_lookup_of(self, code: str) -> bytes:
        """What the database finds a code of another system by, in the same way."""
        return hmac.digest(self.secret, b"legacy-lookup:" + code.encode(), hashlib.sha256)[:16]

    def lookup_of(self, code: str) -> bytes:
        """What the database finds a code by: 16 bytes that give nothing away without the key."""
        return hmac.digest(self.secret, b"lookup:" + code.encode(), hashlib.sha256)[:16]


def normalised(code: str) -> str | None:
    """The code as it was printed, from what somebody typed; None when it can't be one (its check character says so).

    >>> normalised("0123 4567 89ab 9")
    '0123-4567-89AB-9'
    >>> normalised("O123-4567-89ab-9") == normalised("0123-4567-89AB-9")
    True
    >>> normalised("0123-4567-98AB-9") is None
    True
    """
    bare = "".join(sign for sign in code.upper() if sign not in "- ")
    if len(bare) != _CHARACTERS + 1:
        return None
    body, check = bare[:_CHARACTERS].translate(_LOOKS_LIKE), bare[_CHARACTERS:]
    try:
        mod_37_36.validate(body + check)
    except ValidationError:
        return None
    return f"{body[:4]}-{body[4:8]}-{body[8:]}-{check}" if set(body) <= set(CROCKFORD) else None

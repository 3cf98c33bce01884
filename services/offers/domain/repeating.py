"""What was asked under an id or a key: digests by which the same request is known again, and another one is found out."""

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from libs.common.errors import InvalidInput
from services.offers.domain.vouchers.voucher import Basket

LONGEST_KEY = 255
_BYTES = 16
_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_canonical = msgspec.json.Encoder(order="sorted")
_BARE = re.compile(r"[!#-+\--:<-~]+")
"""Visible ASCII without quote, comma and semicolon, which mean something in a structured header."""
_QUOTED = re.compile(r'"(?P<key>(?:[ !#-\[\]-~]|\\["\\])+)"')


def digest_of(code: str, basket: Basket, *more: int) -> bytes:
    """16 bytes that say what was asked: the code, however it is spaced, the basket with all its lines, and what else belongs to it."""
    lines = [(line.line_no, line.item_id, line.quantity.normalize(), line.amount_cents) for line in basket.lines]
    bare = "".join(sign for sign in code.upper() if sign not in "- ")
    return digest_of_parts((bare, basket.receipt_id, basket.store_id, basket.currency, lines, more))


def digest_of_checkout(stated: Sequence[object], lines: Sequence[tuple[int, str, Decimal, int]]) -> bytes:
    """16 bytes that say what a checkout asked: what it stated of itself, and its lines; a quantity counts, not how it is written."""
    plain = [(line_no, item_id, _spelled(quantity), cents) for line_no, item_id, quantity, cents in lines]
    return digest_of_parts((stated, plain))


@lru_cache(maxsize=16_384)
def _spelled(quantity: Decimal) -> str:
    """A quantity as it is digested; the same few come all day."""
    return str(quantity.normalize())


def digest_of_request(method: str, target: str, body: bytes) -> bytes:
    """16 bytes that say what a request asked. White space and the order of members in JSON do not count."""
    with suppress(ValueError, RecursionError):  # what is no JSON counts byte for byte
        body = _canonical.encode(msgspec.json.decode(body))
    return digest_of_parts((method, target, body))


def name_of(caller: str, key: str) -> bytes:
    """16 bytes for a caller's key: what one caller names, no other can."""
    return digest_of_parts((caller, key))


def key_in(header: str) -> str:
    """The key in an `Idempotency-Key` header: a quoted string, as the IETF's draft has it, or the same without quotes.

    Raises InvalidInput for one that is empty, longer than LONGEST_KEY, or holds anything but visible ASCII (and blanks within quotes).

    >>> key_in('"8e03978e-40d5"'), key_in("8e03978e-40d5")
    ('8e03978e-40d5', '8e03978e-40d5')
    """
    quoted = _QUOTED.fullmatch(header)
    key = re.sub(r"\\(.)", r"\1", quoted["key"]) if quoted else header
    if not (quoted or _BARE.fullmatch(header)) or len(key) > LONGEST_KEY:
        raise InvalidInput(
            f"Idempotency-Key is 1 to {LONGEST_KEY} visible signs, best between double quotes", slug="invalid-key"
        )
    return key


def digest_of_parts(asked: Any) -> bytes:
    """16 bytes that stand for plain values, in their order."""
    return hashlib.blake2b(_encoder.encode(asked), digest_size=_BYTES).digest()

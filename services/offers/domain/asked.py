"""What was asked under an id: a digest by which the same question is known again, and another one is found out."""

import hashlib

import msgspec

from services.offers.domain.voucher import Basket

_BYTES = 16
_encoder = msgspec.msgpack.Encoder(decimal_format="string")


def digest_of(code: str, basket: Basket, *more: int) -> bytes:
    """16 bytes that say what was asked: the code, however it is spaced, the basket with all its lines, and what else belongs to it."""
    lines = [(line.line_no, line.item_id, line.quantity.normalize(), line.amount_cents) for line in basket.lines]
    bare = "".join(sign for sign in code.upper() if sign not in "- ")
    asked = (bare, basket.receipt_id, basket.store_id, basket.currency, lines, more)
    return hashlib.blake2b(_encoder.encode(asked), digest_size=_BYTES).digest()

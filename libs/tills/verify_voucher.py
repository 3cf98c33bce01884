"""Checks a signed voucher where there is no network: one file, Python 3.9 or later, nothing but its standard library.

`python verify_voucher.py keys.json STORE_ID 'TU1:...'`, where keys.json is what `GET /v1/voucher-keys` of offers says.
A signature says that the chain promised this; it does not say that nobody used it yet: keep a list of spent codes.
"""

import hashlib
import json
import struct
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple

PREFIX = "TU1:"
LAYOUT = struct.Struct(">BBQ6sBI3s4sI4s")
"""Version, key, code, campaign, percent, greatest value, currency, category, end, store."""
VERSION = 1
ANY_STORE = bytes(4)
_SIGNATURE_BYTES = 64
_BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MOD36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Refused(ValueError):
    """Why a text is no voucher here and now: not-a-voucher, unknown-key, forged, expired, other-store."""


class Voucher(NamedTuple):
    """What the chain promised. `percent` 0: an amount. Campaign and category are fingerprints, to compare with your own."""

    code: str
    campaign: bytes
    category: bytes
    percent: int
    greatest_value_cents: int
    currency: str
    expires_at_seconds: int


def verify(text: str, keys: Mapping[int, bytes], store_id: str, now_seconds: float) -> Voucher:
    """The voucher that a scanned text promises; raises Refused."""
    raw = decode(text)
    payload, signature = raw[: LAYOUT.size], raw[LAYOUT.size :]
    _, key_id, number, campaign, percent, cents, currency, category, end, store = LAYOUT.unpack(payload)
    if key_id not in keys:
        raise Refused("unknown-key")
    if not signed(keys[key_id], payload, signature):
        raise Refused("forged")
    if now_seconds >= end:
        raise Refused("expired")
    if store not in (ANY_STORE, fingerprint(store_id, 4)):
        raise Refused("other-store")
    return Voucher(code_of(number), campaign, category, percent, cents, currency.decode("ascii"), end)


def decode(text: str) -> bytes:
    """Payload and signature, in the one spelling that they have; raises Refused."""
    body = text[len(PREFIX) :]
    try:
        digits = [_BASE45.index(sign) for sign in body]
    except ValueError:
        raise Refused("not-a-voucher") from None
    whole = [digits[at] + 45 * digits[at + 1] + 2025 * digits[at + 2] for at in range(0, len(digits) - 2, 3)]
    right_length = len(body) * 2 == 3 * (LAYOUT.size + _SIGNATURE_BYTES)
    if not (text.startswith(PREFIX) and right_length) or max(whole) > 0xFFFF:
        raise Refused("not-a-voucher")
    raw = b"".join(struct.pack(">H", number) for number in whole)
    if raw[0] != VERSION:
        raise Refused("not-a-voucher")
    return raw


def code_of(number: int) -> str:
    """The code beside the bars, from its 60 bits: Crockford's base32 and an ISO 7064 mod 37,36 check character."""
    body = "".join(_BASE32[number >> shift & 31] for shift in range(55, -5, -5))
    check = 36
    for sign in body:
        check = (check + _MOD36.index(sign)) % 36 or 36
        check = check * 2 % 37
    return "-".join((body[:4], body[4:8], body[8:], _MOD36[(1 - check) % 36]))


def fingerprint(name: str, size: int) -> bytes:
    """How campaigns, categories and stores are named: the first bytes of their SHA-256."""
    return hashlib.sha256(name.encode()).digest()[:size]


# Ed25519 (RFC 8032): p the field, d the curve, order the base point's; points as (X, Y, Z, T), x = X/Z, y = Y/Z, xy = T/Z.
_Point = tuple[int, int, int, int]
_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
_NEUTRAL: _Point = (0, 1, 1, 0)


def signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is this key's for the message. Only the one spelling of each number is taken."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    try:
        ax, ay = _decompress(public_key)
    except ValueError:
        return False
    if s >= _ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % _ORDER
    minus_a = (_P - ax, ay, 1, (_P - ax) * ay % _P)
    return _compress(_sum_of_multiples(s, _BASE, h, minus_a)) == signature[:32]


def _decompress(encoded: bytes) -> tuple[int, int]:
    number = int.from_bytes(encoded, "little")
    y, odd = number & (2**255 - 1), number >> 255
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if (v * x * x + u) % _P == 0:
        x = x * _ROOT % _P
    if y >= _P or (v * x * x - u) % _P or (x == 0 and odd):
        raise ValueError("not a point")
    return (x if x & 1 == odd else _P - x), y


def _compress(point: _Point) -> bytes:
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _add(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    e = 2 * one[2] * other[2] % _P
    return (b - a) * (e - c) % _P, (e + c) * (b + a) % _P, (e - c) * (e + c) % _P, (b - a) * (b + a) % _P


def _sum_of_multiples(m: int, one: _Point, n: int, other: _Point) -> _Point:
    both, total = _add(one, other), _NEUTRAL
    for bit in range(255, -1, -1):
        total = _add(total, total)
        pick = m >> bit & 1, n >> bit & 1
        if pick != (0, 0):
            total = _add(total, {(1, 0): one, (0, 1): other, (1, 1): both}[pick])
    return total


_BX, _BY = _decompress(bytes([0x58]) + bytes([0x66]) * 31)
_BASE: _Point = (_BX, _BY, 1, _BX * _BY % _P)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as listed:
        known = {
            key["key_id"]: bytes.fromhex(key["public_key"]) for key in json.load(listed) if not key["withdrawn_at"]
        }
    try:
        print(verify(sys.argv[3], known, sys.argv[2], time.time()))
    except Refused as refusal:
        sys.exit(f"refused: {refusal}")

"""Vouchers that a till without a network can check: which key signs when, and the text of the QR code.

libs/tills/verify_voucher.py is the other half, and has the layout.
"""

import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from libs.tills.verify_voucher import ANY_STORE, LAYOUT, PREFIX, VERSION, Refused, code_of, decode, fingerprint
from services.offers.domain.codes.code import CROCKFORD, CodeKey

_BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """What is stored of a key. Its private half is derived from the voucher key, and stands nowhere."""

    key_id: int
    nonce: bytes
    signs_from: datetime
    withdrawn_at: datetime | None
    made_by: str


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key with both halves."""

    row: KeyRow
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """The half that tills hold; 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    def signs_at(self, moment: datetime) -> bool:
        """Whether it may sign what is issued at `moment`."""
        row = self.row
        return row.signs_from <= moment and (row.withdrawn_at is None or moment < row.withdrawn_at)


def signing_key(codes: CodeKey, row: KeyRow) -> SigningKey:
    """The key of a row: the same voucher key and row give the same key, so a repeat gives the same signature."""
    seed = hmac.digest(codes.secret, b"signing:%d:" % row.key_id + row.nonce, hashlib.sha256)
    return SigningKey(row, Ed25519PrivateKey.from_private_bytes(seed))


def key_at(keys: Sequence[SigningKey], moment: datetime) -> SigningKey | None:
    """The newest key that signs what is issued at `moment`; of the past, always the same one."""
    in_force = [key for key in keys if key.signs_at(moment)]
    return max(in_force, key=lambda key: (key.row.signs_from, key.row.key_id), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a signed voucher says. `percent` 0: an amount; `store_id` empty: any store."""

    code: str
    campaign_id: str
    category: str
    percent: int
    greatest_value_cents: int
    currency: str
    expires_at: datetime
    store_id: str


def signed_text(key: SigningKey, promise: Promise) -> str:
    """The promise with its signature as a QR code in alphanumeric mode takes it: 154 signs, 41 x 41 modules at level M."""
    number = 0
    for sign in promise.code.replace("-", "")[:12]:
        number = number << 5 | CROCKFORD.index(sign)
    payload = LAYOUT.pack(
        VERSION,
        key.row.key_id,
        number,
        fingerprint(promise.campaign_id, 6),
        promise.percent,
        promise.greatest_value_cents,
        promise.currency.encode("ascii"),
        fingerprint(promise.category, 4),
        int(promise.expires_at.timestamp()),
        fingerprint(promise.store_id, 4) if promise.store_id else ANY_STORE,
    )
    return PREFIX + _base45(payload + key.private.sign(payload))


def code_in(text: str, keys: Sequence[SigningKey]) -> str | None:
    """The code that a signed text carries; None when no key of ours signed it."""
    try:
        raw = decode(text)
    except Refused:
        return None
    payload, signature = raw[: LAYOUT.size], raw[LAYOUT.size :]
    _, key_id, number, *_ = LAYOUT.unpack(payload)
    for key in keys:
        if key.row.key_id == key_id:
            try:
                key.private.public_key().verify(signature, payload)
            except InvalidSignature:
                return None
            return code_of(number)
    return None


def _base45(raw: bytes) -> str:
    """RFC 9285, for an even number of bytes."""
    numbers = struct.unpack(f">{len(raw) // 2}H", raw)
    return "".join(_BASE45[n % 45] + _BASE45[n // 45 % 45] + _BASE45[n // 2025] for n in numbers)

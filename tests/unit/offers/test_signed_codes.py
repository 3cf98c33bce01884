"""Laws of signed vouchers: the stand-alone verifier agrees with the library, and one bit is enough to be refused."""

import ast
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from qrcode import QRCode, constants

from libs.tills import verify_voucher
from libs.tills.verify_voucher import LAYOUT, PREFIX, Refused, decode, fingerprint, signed, verify
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.codes.signed import KeyRow, Promise, SigningKey, code_in, key_at, signed_text, signing_key
from services.offers.domain.codes.signed import _base45 as base45

CODES = CodeKey(b"k" * 32)
NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
NOW_SECONDS = NOW.timestamp()
ORDER = 2**252 + 27742317777372353535851937790883648493
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


def a_key(key_id: int = 1, *, signs_from: datetime = NOW, withdrawn_at: datetime | None = None) -> SigningKey:
    row = KeyRow(
        key_id=key_id, nonce=bytes([key_id]) * 16, signs_from=signs_from, withdrawn_at=withdrawn_at, made_by="test"
    )
    return signing_key(CODES, row)


def a_promise(**changes: object) -> Promise:
    plain: dict[str, object] = {
        "code": CODES.code_of("voucher-1"),
        "campaign_id": "usual",
        "category": "bread",
        "percent": 10,
        "greatest_value_cents": 150,
        "currency": "USD",
        "expires_at": NOW + timedelta(days=7),
        "store_id": "",
    }
    return Promise(**(plain | changes))  # type: ignore[arg-type]  # a builder


KEY = a_key()
TEXT = signed_text(KEY, a_promise())
KEYS = {1: KEY.public_key}


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_the_vectors_of_rfc_8032_hold(secret: str, public: str, message: str, signature: str) -> None:
    of_library = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert of_library.public_key().public_bytes_raw().hex() == public
    assert of_library.sign(bytes.fromhex(message)).hex() == signature
    assert signed(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))
    assert not signed(bytes.fromhex(public), bytes.fromhex(message) + b"!", bytes.fromhex(signature))


def test_on_random_keys_and_messages_the_verifier_says_what_the_library_says() -> None:
    random = Random(8032)
    for _ in range(150):
        private = Ed25519PrivateKey.from_private_bytes(random.randbytes(32))
        message = random.randbytes(random.randrange(200))
        public, signature = private.public_key().public_bytes_raw(), private.sign(message)
        assert signed(public, message, signature)
        for altered in (flipped(signature, random), random.randbytes(64)):
            assert signed(public, message, altered) == says_the_library(public, message, altered)
        other = flipped(public, random)
        assert signed(other, message, signature) == says_the_library(other, message, signature)


def test_another_spelling_of_a_signature_is_none() -> None:
    payload, signature = decode(TEXT)[: LAYOUT.size], decode(TEXT)[LAYOUT.size :]
    s = int.from_bytes(signature[32:], "little")
    again = signature[:32] + (s + ORDER).to_bytes(32, "little")
    assert signed(KEY.public_key, payload, signature)
    assert not signed(KEY.public_key, payload, again)
    assert not signed(KEY.public_key, payload, signature[:63])


def test_another_spelling_of_a_key_is_none() -> None:
    """The neutral point as a key takes any message; spelled as 1 it is that, spelled as p + 1 it is nothing."""
    neutral = verify_voucher._NEUTRAL
    r = verify_voucher._compress(verify_voucher._sum_of_multiples(7, verify_voucher._BASE, 0, neutral))
    signature = r + (7).to_bytes(32, "little")
    assert signed((1).to_bytes(32, "little"), b"anything", signature)
    assert not signed((2**255 - 19 + 1).to_bytes(32, "little"), b"anything", signature)


def test_a_till_without_a_network_reads_what_was_promised() -> None:
    read = verify(TEXT, KEYS, "store-1", NOW_SECONDS)
    assert read == (
        CODES.code_of("voucher-1"),
        fingerprint("usual", 6),
        fingerprint("bread", 4),
        10,
        150,
        "USD",
        int((NOW + timedelta(days=7)).timestamp()),
    )


def test_with_any_one_bit_changed_it_is_refused() -> None:
    raw = decode(TEXT)
    for bit in range(8 * len(raw)):
        altered = bytearray(raw)
        altered[bit // 8] ^= 1 << bit % 8
        text = PREFIX + base45(bytes(altered))
        with pytest.raises(Refused):
            verify(text, KEYS, "store-1", NOW_SECONDS)
        assert code_in(text, [KEY]) is None, "nor online"


def test_with_any_one_sign_changed_it_is_refused() -> None:
    random = Random(45)
    for place in range(len(TEXT)):
        other = random.choice([sign for sign in verify_voucher._BASE45 if sign != TEXT[place]])
        with pytest.raises(Refused):
            verify(TEXT[:place] + other + TEXT[place + 1 :], KEYS, "store-1", NOW_SECONDS)


@given(st.text(max_size=200) | st.text(verify_voucher._BASE45, min_size=150, max_size=150).map(PREFIX.__add__))
def test_no_text_breaks_the_verifier(text: str) -> None:
    with pytest.raises(Refused):
        verify(text, KEYS, "store-1", NOW_SECONDS)
    assert code_in(text, [KEY]) is None


@pytest.mark.parametrize(
    ("promise", "store_id", "seconds", "reason"),
    [
        ({}, "store-1", 7 * 86_400 - 1, None),
        ({}, "store-1", 7 * 86_400, "expired"),
        ({"store_id": "store-1"}, "store-1", 0, None),
        ({"store_id": "store-1"}, "store-2", 0, "other-store"),
    ],
)
def test_time_and_store_count(promise: dict[str, object], store_id: str, seconds: int, reason: str | None) -> None:
    text = signed_text(KEY, a_promise(**promise))
    if reason is None:
        verify(text, KEYS, store_id, NOW_SECONDS + seconds)
    else:
        with pytest.raises(Refused, match=reason):
            verify(text, KEYS, store_id, NOW_SECONDS + seconds)


def test_keys_that_a_till_does_not_hold_are_refused() -> None:
    with pytest.raises(Refused, match="unknown-key"):
        verify(TEXT, {}, "store-1", NOW_SECONDS)
    with pytest.raises(Refused, match="forged"):
        verify(TEXT, {1: a_key(2).public_key}, "store-1", NOW_SECONDS)


def test_a_rotation_changes_no_signature_of_before() -> None:
    old = a_key(1, signs_from=NOW - timedelta(days=9), withdrawn_at=NOW + timedelta(days=2))
    new = a_key(2, signs_from=NOW + timedelta(days=1))
    both = [new, old]
    assert key_at(both, NOW) is old
    assert key_at(both, NOW + timedelta(days=1)) is new
    assert key_at([old], NOW + timedelta(days=2)) is None
    assert key_at(both, NOW - timedelta(days=10)) is None
    text = signed_text(old, a_promise())
    assert signed_text(a_key(1), a_promise()) == text, "derived: nothing needs to be stored to print it again"
    assert code_in(text, both) == code_in(signed_text(new, a_promise()), both) == a_promise().code
    assert code_in(text, [new]) is None


def test_it_fits_a_small_qr_code_in_alphanumeric_mode() -> None:
    qr = QRCode(error_correction=constants.ERROR_CORRECT_M)
    qr.add_data(TEXT)
    qr.make()
    assert (len(TEXT), qr.modules_count) == (154, 41)


def test_the_verifier_is_one_small_file_on_the_standard_library_alone(tmp_path: Path) -> None:
    source = Path(verify_voucher.__file__).read_text()
    assert len(source) < 7_000
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    assert imported <= set(sys.stdlib_module_names)
    alone, keys = tmp_path / "verify_voucher.py", tmp_path / "keys.json"
    alone.write_text(source)
    keys.write_text(json.dumps([{"key_id": 1, "public_key": KEY.public_key.hex(), "withdrawn_at": None}]))
    text = signed_text(KEY, a_promise(expires_at=datetime(2100, 1, 1, tzinfo=UTC)))
    command = [sys.executable, "-I", str(alone), str(keys), "store-1"]
    good = subprocess.run([*command, text], capture_output=True, text=True, check=False)
    assert (good.returncode, a_promise().code in good.stdout) == (0, True)
    bad = subprocess.run([*command, text[:-1] + "0"], capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stderr.startswith("refused: ")) == (1, True)


def says_the_library(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def flipped(raw: bytes, random: Random) -> bytes:
    altered = bytearray(raw)
    altered[random.randrange(len(raw))] ^= 1 << random.randrange(8)
    return bytes(altered)

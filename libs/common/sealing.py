"""Seals that only the holder of a key can open: a person's texts under the person's key, that key under the deployment's.

AES-256-GCM throughout, with the person's key name as associated data: what was sealed for one cannot be opened as
another's. Whoever deletes a person's key makes everything that was sealed under it unreadable, wherever it lies.
"""

import hashlib
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from libs.common.contracts.personal import SEALED_PREFIX, is_sealed
from libs.common.errors import Kind, UsualError
from libs.common.pseudonyms import read_secret

_KEY_BYTES = 32
_NONCE_BYTES = 12


class SealBroken(UsualError):
    """This was not sealed with this key for this person, or it was changed since."""

    kind = Kind.CONFLICT
    slug = "seal-broken"


class PersonKey:
    """The key of one person; `name` is what the person is called behind the doors.

    >>> key = PersonKey("loyalty_card:p1", bytes(32))
    >>> key.open_text(key.seal_text("call me at home"))
    'call me at home'
    """

    __slots__ = ("_cipher", "name")

    def __init__(self, name: str, key: bytes) -> None:
        self.name = name
        self._cipher = AESGCM(key)

    def seal(self, raw: bytes) -> bytes:
        """Nonce and ciphertext; the same bytes look different every time."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, raw, self.name.encode())

    def open(self, sealed: bytes) -> bytes:
        """What was sealed; raises SealBroken."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self.name.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken("not sealed with this key for this person, or changed since") from error

    def seal_text(self, text: str) -> str:
        """`sealed:v1:` and base64url of nonce and ciphertext, in the place of the text."""
        return SEALED_PREFIX + urlsafe_b64encode(self.seal(text.encode("utf-8", "surrogatepass"))).decode()

    def open_text(self, text: str) -> str:
        """The text that was sealed; raises SealBroken, also for a text that is not sealed."""
        try:
            if not is_sealed(text):
                raise SealBroken("not a sealed text")
            return self.open(urlsafe_b64decode(text.removeprefix(SEALED_PREFIX))).decode("utf-8", "surrogatepass")
        except ValueError as error:
            raise SealBroken("not a sealed text") from error


class KeyEncryptionKey:
    """The deployment's key, under which persons' keys lie in the database: the database alone opens nothing."""

    def __init__(self, secret: bytes) -> None:
        derived = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"the-usual person keys v1").derive(
            secret
        )
        self._cipher = AESGCM(derived)
        self.fingerprint = hashlib.sha256(b"fingerprint:" + derived).hexdigest()[:16]
        """Says which one it is, and nothing else of it."""

    @classmethod
    def read(cls, path: Path | None, setting: str) -> "KeyEncryptionKey":
        """From the file that `setting` names; raises InvalidInput."""
        return cls(read_secret(path, setting))

    def new_wrapped(self, name: str) -> bytes:
        """A fresh key for the person `name`, wrapped."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, os.urandom(_KEY_BYTES), name.encode())

    def unwrapped(self, name: str, wrapped: bytes) -> PersonKey:
        """The person's key; raises SealBroken when it was wrapped under another key or for another person."""
        try:
            key = self._cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken("this person's key was wrapped under another key, or for another person") from error
        return PersonKey(name, key)

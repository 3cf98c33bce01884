"""Pseudonyms: what stands for an identifier in every topic and table behind the doors (docs/adr/0011).

Derived with a secret, so that every door that holds it finds the same one without asking anybody, and nobody else can.
"""

import hmac
from base64 import b32encode
from pathlib import Path

from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.errors import InvalidInput

LEAST_SECRET_BYTES = 32
_DIGEST_BYTES = 16
_CACHED = 20_000
_KINDS = frozenset(kind.value for kind in IdentifierKind)


class Pseudonyms:
    """Identifiers to pseudonyms, one way. The most recent are remembered; a forgotten one costs a few microseconds.

    >>> ours = Pseudonyms(b"0123456789abcdef0123456789abcdef")
    >>> card = Identifier(kind=IdentifierKind.LOYALTY_CARD, value="9800001")
    >>> ours.of(card).key == ours.of(card).key != card.key
    True
    """

    def __init__(self, secret: bytes, *, cached: int = _CACHED) -> None:
        if len(secret) < LEAST_SECRET_BYTES:
            raise InvalidInput(f"the secret of pseudonyms needs {LEAST_SECRET_BYTES} bytes", slug="weak-secret")
        self._secret = secret
        self._greatest = cached
        self._known: dict[str, str] = {}

    def of(self, identifier: Identifier) -> Identifier:
        """What stands for `identifier`: of the same kind, nothing else of it is left."""
        value = self.value_of(identifier.kind, identifier.value)
        return Identifier(kind=identifier.kind, value=value)

    def value_of(self, kind: str, value: str) -> str:
        """`p` and 26 characters (128 bits) that follow from the secret, the kind and the value alone."""
        key = f"{kind}:{value}"
        known = self._known.get(key)
        if known is None:
            digest = hmac.digest(self._secret, key.encode("utf-8", "surrogatepass"), "sha256")[:_DIGEST_BYTES]
            known = "p" + b32encode(digest).decode().rstrip("=").lower()
            if len(self._known) >= self._greatest:
                del self._known[next(iter(self._known))]
            self._known[key] = known
        return known

    def key_of(self, key: str) -> str:
        """What stands for an identifier that is written `kind:value`; raises InvalidInput for another form."""
        kind, colon, value = key.partition(":")
        if not (colon and value and kind in _KINDS):
            raise InvalidInput("an identifier is kind:value", slug="invalid-identifier")
        return f"{kind}:{self.value_of(kind, value)}"


def read_secret(path: Path | None, setting: str) -> bytes:
    """A secret of its own file, white space at its ends taken off; raises InvalidInput that names `setting`."""
    if path is None:
        raise InvalidInput(f"{setting} must name a file with a secret", slug="no-secret-file")
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise InvalidInput(f"{setting}: not readable ({type(error).__name__})", slug="no-secret-file") from error
    if len(secret) < LEAST_SECRET_BYTES:
        raise InvalidInput(f"{setting}: at least {LEAST_SECRET_BYTES} bytes are needed", slug="weak-secret")
    return secret

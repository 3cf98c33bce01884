"""Identifiers that stand for nobody: what tills, forms and trackers send when they know no customer. Admission removes them.

They are looked for at the door because behind it there are only pseudonyms, and every "0000" of the chain would be one and the same
person. The list is data and short on purpose: what it holds can never be somebody's identifier.
"""

import hashlib
import re
from functools import cache

import msgspec

from libs.common.contracts import Contract, identifier_fields
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.errors import InvalidMessage

_WORDS = frozenset(
    {
        *("null", "none", "nil", "nan", "n/a", "na", "undefined", "unknown", "never", "void", "false", "true", "-1"),
        *("anonymous", "anonymous user", "anon", "guest", "nobody", "test", "tester", "testuser", "test user", "dummy"),
        *("default", "[object object]", "invalid", "not set", "(not set)", "(null)", "<null>", "?", "."),
    }
)
_NOTHING = re.compile(r"[0\s._-]*")
"""Zeros and what stands between them: also the advertising id of a device that gives none."""
_LEAST_EQUAL = 6
"""Real cards and accounts have been seen with fewer equal characters."""
_MAIL_NAMES = frozenset({"test", "noreply", "no-reply", "none", "noemail", "no-email", "nomail", "null", "na", "dummy"})
_MAIL_PLACES = (
    "test.com",
    "example.com",
    "example.org",
    "email.com",
    "mail.com",
    "gmail.com",
    "none.com",
    "noemail.com",
)
_HASHES = frozenset(
    hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()
    for algorithm in ("md5", "sha1", "sha256")
    for text in (
        *("", " ", "0", "@", *_WORDS),
        *(f"{name}@{place}" for name in _MAIL_NAMES for place in _MAIL_PLACES),
    )
)


def is_junk(identifier: Identifier) -> bool:
    """Whether an identifier stands for nobody.

    >>> is_junk(Identifier(kind=IdentifierKind.LOYALTY_CARD, value="0000"))
    True
    >>> is_junk(Identifier(kind=IdentifierKind.LOYALTY_CARD, value="1111"))
    False
    """
    value = identifier.value.strip().casefold()
    if value in _WORDS or _NOTHING.fullmatch(value) or (len(value) >= _LEAST_EQUAL and len(set(value)) == 1):
        return True
    return identifier.kind == IdentifierKind.EMAIL_HASH and (value in _HASHES or value.partition("@")[0] in _MAIL_NAMES)


def junk_in(data: Contract, model: type[Contract]) -> tuple[str, ...]:
    """The members of a body whose identifier may be left out and stands for nobody.

    Raises InvalidMessage (`junk-identifier`) where the event says nothing without one: what nobody viewed, answered or allowed.
    """
    found = []
    for name, may_go in _members(model):
        identifier: Identifier | None = getattr(data, name)
        if identifier is not None and is_junk(identifier):
            if not may_go:
                raise InvalidMessage(
                    "this identifier stands for nobody",
                    slug="junk-identifier",
                    context={"pointer": f"/data/{name}/value"},
                )
            found.append(name)
    return tuple(found)


def without(body: bytes, names: tuple[str, ...]) -> bytes:
    """A body without these members; the rest byte for byte."""
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({name: raw for name, raw in members.items() if name not in names})


@cache
def _members(model: type[Contract]) -> tuple[tuple[str, bool], ...]:
    """Members that hold an identifier, and whether they may be left out."""
    return tuple((place[0], not model.model_fields[place[0]].is_required()) for place in identifier_fields(model))

"""Pseudonyms put into a body in the place of its identifiers, all around them left as it is; called by personal."""

from collections.abc import Mapping, Sequence
from functools import cache

from libs.common.contracts.values import Identifier


def spliced(body: bytes, names: Sequence[str], renamed: Mapping[str, tuple[Identifier, str]]) -> bytes | None:
    """The body with pseudonyms, nothing of it read again; None where that is not certain to find every identifier.

    It is for a body that its compiled contract read: then it holds no member but the contract's, and as it holds no
    backslash either, what looks like a member is one. A member may come twice; the last is read, and both must go.
    """
    for name in names:
        member = _member(name)
        at = body.find(member)
        if at >= 0 and body.find(member, at + 1) >= 0:
            return None
        if name not in renamed:
            continue
        identifier, pseudonym = renamed[name]
        opening, value = _opening(name, identifier.kind), identifier.value.encode()
        begin = at + len(opening)
        if not (body.startswith(opening, at) and body.startswith(value + b'"}', begin)):
            return None
        body = b"".join((body[:begin], pseudonym.encode(), body[begin + len(value) :]))
    return body


@cache
def _member(name: str) -> bytes:
    return f'"{name}":'.encode()


@cache
def _opening(name: str, kind: str) -> bytes:
    """What an identifier looks like before its value, without white space."""
    return f'"{name}":{{"kind":"{kind}","value":"'.encode()

"""Whom an invalid event names, as far as that can be read: its bytes are sealed under this person's key."""

import re
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import unescape

import msgspec
from pydantic import ValidationError

from libs.common.contracts.values import Identifier, IdentifierKind
from services.ingest.domain.halves import without_halves
from services.ingest.domain.segment.people import Who

_LOYALTY_ACCOUNT = re.compile(r"<(?:[\w.-]+:)?Loyalty(?:Account)?ID(?:\s[^<>]*)?>\s*([^<]*[^<\s])\s*<")


class _Body(msgspec.Struct):
    data: dict[str, Any] = {}


_decoder = msgspec.json.Decoder(_Body)


def named_in(raw: bytes) -> Identifier | None:
    """The first identifier among the members of its body, whatever they are called; None when there is none. Never raises.

    A call of Segment's that no event fits names its visitor, else its account; a till's transaction its loyalty account.

    >>> named_in(b'{"data":{"customer":{"kind":"loyalty_card","value":"7"},"lines":"wrong"}}').key
    'loyalty_card:7'
    >>> named_in(b'{"data":{"userId":"8"}}').key, named_in(b"<Transaction><LoyaltyID>9</LoyaltyID>").key
    ('account:8', 'loyalty_card:9')
    >>> named_in(b'{"data":{"customer":{"kind":"loyalty_card"}}}'), named_in(b'{"da')
    (None, None)
    """
    return next((found for said in _handles(raw) if (found := _identifier(said)) is not None), None)


def _handles(raw: bytes) -> Iterator[object]:
    """What may be an identifier, the likeliest first."""
    try:
        body = _decoder.decode(without_halves(raw)).data
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError):
        account = _LOYALTY_ACCOUNT.search(raw.decode("utf-8", "replace"))
        if account is not None:
            yield {"kind": IdentifierKind.LOYALTY_CARD, "value": unescape(account[1])}
        return
    yield from body.values()
    yield Who.of(body).seen_as


def _identifier(said: object) -> Identifier | None:
    try:
        return Identifier.model_validate(said) if isinstance(said, dict) else None
    except (ValidationError, RecursionError):
        return None

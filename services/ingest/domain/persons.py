"""Whom an invalid event names, as far as that can be read: its bytes are sealed under this person's key."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import msgspec
from pydantic import ValidationError

from libs.common.contracts.values import Identifier, IdentifierKind
from services.ingest.domain.halves import without_halves
from services.ingest.domain.segment.people import Who

_LOYALTY_ACCOUNT = re.compile(
    r"<(?:[\w.-]+:)?Loyalty(?:Account)?ID(?:\s[^<>]*+)?>\s*+(?:<!\[CDATA\[([^<\]]*+)\]\]>|([^<]*+))"
)
"""What stands in it, as it is or with marks for characters. It never looks twice at a character: this is anybody's text."""


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
    >>> named_in(b"<LoyaltyID><![CDATA[9]]></LoyaltyID>").key, named_in(b"<LoyaltyID> &#57; </LoyaltyID>").key
    ('loyalty_card:9', 'loyalty_card:9')
    >>> named_in(b'{"data":{"customer":{"kind":"loyalty_card"}}}'), named_in(b'{"da')
    (None, None)
    """
    return next((found for said in _handles(raw) if (found := _identifier(said)) is not None), None)


def _handles(raw: bytes) -> Iterator[object]:
    """What may be an identifier, the likeliest first."""
    try:
        body = _decoder.decode(without_halves(raw)).data
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError):
        for as_it_is, marked in _LOYALTY_ACCOUNT.findall(raw.decode("utf-8", "replace")):
            yield {"kind": IdentifierKind.LOYALTY_CARD, "value": (as_it_is or unescape(marked)).strip()}
        return
    yield from body.values()
    yield Who.of(body).seen_as


def _identifier(said: object) -> Identifier | None:
    try:
        return Identifier.model_validate(said) if isinstance(said, dict) else None
    except (ValidationError, RecursionError):
        return None

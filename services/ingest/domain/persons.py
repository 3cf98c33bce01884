"""Whom an invalid event names, as far as that can be read: its bytes are sealed under this person's key."""

from typing import Any

import msgspec
from pydantic import ValidationError

from libs.common.contracts.values import Identifier


class _Body(msgspec.Struct):
    data: dict[str, Any] = {}


_decoder = msgspec.json.Decoder(_Body)


def named_in(raw: bytes) -> Identifier | None:
    """The first identifier among the members of its body, whatever they are called; None when there is none. Never raises.

    >>> named_in(b'{"data":{"customer":{"kind":"loyalty_card","value":"7"},"lines":"wrong"}}').key
    'loyalty_card:7'
    >>> named_in(b'{"data":{"customer":{"kind":"loyalty_card"}}}'), named_in(b'{"da')
    (None, None)
    """
    try:
        members = _decoder.decode(raw).data.values()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError):
        return None
    found = (_identifier(member) for member in members if isinstance(member, dict))
    return next((identifier for identifier in found if identifier is not None), None)


def _identifier(member: dict[str, Any]) -> Identifier | None:
    try:
        return Identifier.model_validate(member)
    except (ValidationError, RecursionError):
        return None

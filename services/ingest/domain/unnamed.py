"""Members that a contract does not name: nobody knows what they say, so they do not travel open; called by personal.py."""

from typing import Any, Final

import msgspec
from pydantic import BaseModel

SEALED_MEMBERS: Final = "sealed_members"
"""The member under which they travel: a sealed text, a JSON object of their values by JSON pointer."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def are_in(body: Any) -> bool:
    """Whether a body, as its contract read it, holds such members at any depth. A compiled contract reads none that does."""
    if isinstance(body, BaseModel):
        return bool(body.model_extra) or any(are_in(getattr(body, name)) for name in type(body).model_fields)
    return isinstance(body, tuple) and any(map(are_in, body))


def apart(members: dict[str, msgspec.Raw], body: BaseModel) -> tuple[dict[str, msgspec.Raw], bytes]:
    """The members of `body` without those, and those: a JSON object by JSON pointer, their values as they were spelled."""
    taken: dict[str, msgspec.Raw] = {}
    kept = _named(members, body, "", taken)
    return kept, _encode(taken)


def _named(
    members: dict[str, msgspec.Raw], body: BaseModel, pointer: str, taken: dict[str, msgspec.Raw]
) -> dict[str, msgspec.Raw]:
    kept = {}
    for name, value in members.items():
        place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if name in type(body).model_fields:
            kept[name] = _below(value, getattr(body, name), place, taken)
        else:
            taken[place] = value
    return kept


def _below(value: msgspec.Raw, known: Any, pointer: str, taken: dict[str, msgspec.Raw]) -> msgspec.Raw:
    if not are_in(known):
        return value
    if isinstance(known, BaseModel):
        return msgspec.Raw(_encode(_named(_members.decode(value), known, pointer, taken)))
    items = enumerate(zip(_items.decode(value), known, strict=True))
    return msgspec.Raw(_encode([_below(one, item, f"{pointer}/{place}", taken) for place, (one, item) in items]))

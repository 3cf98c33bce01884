"""Every place of every event where somebody could leave a card number, from the contracts' JSON Schemas. Pure."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from libs.common.contracts import CONTRACTS

CARDS: Sequence[str | int] = ("4111111111111111", "5500 0000 0000 0004", "3782-822463-10005", 6011111111111117)
"""Numbers that the card schemes give out for tests."""
ENVELOPE = ("id", "source", "type", "subject", "time", "dataschema", "traceparent", "anextension")
_DEEPEST = 6
Pointer = tuple[str | int, ...]


def places(event_type: str) -> Sequence[Pointer]:
    """Pointers to all leaves of the type's body, one for each field, and to a field that its contract does not name."""
    schema = CONTRACTS[event_type].model_json_schema()
    return [*dict.fromkeys(_leaves(schema, schema.get("$defs", {}), ())), ("a_field_of_tomorrow",)]


def with_card(body: Mapping[str, Any], pointer: Pointer, card: str | int) -> dict[str, Any]:
    """`body` with the card number at `pointer`; what is missing on the way is made."""
    changed: Any = copy.deepcopy(dict(body))
    inner = changed
    for step, following in pairwise(pointer):
        inner = _below(inner, step, [] if isinstance(following, int) else {})
    _put(inner, pointer[-1], card)
    return changed  # type: ignore[no-any-return]  # a JSON object as it went in


def _below(outer: Any, step: str | int, empty: Any) -> Any:
    there = outer.get(step) if isinstance(outer, dict) else (outer[0] if outer else None)
    if not isinstance(there, type(empty)):
        there = empty
        _put(outer, step, there)
    return there


def _put(outer: Any, step: str | int, value: Any) -> None:
    if isinstance(outer, list):
        outer[:1] = [value]
    else:
        outer[step] = value


def _leaves(schema: Mapping[str, Any], known: Mapping[str, Any], at: Pointer) -> Iterator[Pointer]:
    if len(at) > _DEEPEST:
        return
    if "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    for option in options:
        yield from _leaves(option, known, at)
    for name, below in schema.get("properties", {}).items():
        yield from _leaves(below, known, (*at, name))
    if "items" in schema:
        yield from _leaves(schema["items"], known, (*at, 0))
    if isinstance(extra := schema.get("additionalProperties"), dict):
        yield from _leaves(extra, known, (*at, "anything"))
    is_leaf = not options and "properties" not in schema and "items" not in schema
    if is_leaf and at:
        yield at

"""Events that hold a canary in every personal place: what must be found nowhere behind the door."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from libs.common.contracts import CONTRACTS, Place, identifier_fields, personal_fields

FIRST = "canary"


def with_canaries(event_type: str, body: Mapping[str, Any], mark: str) -> tuple[dict[str, Any], list[str]]:
    """`body` with a text of its own, `mark` in it, at each personal place, and an identifier at each of theirs."""
    changed = copy.deepcopy(dict(body))
    planted: list[str] = []
    for number, (place, _) in enumerate(personal_fields(CONTRACTS[event_type])):
        canary = _fitting(place, f"{FIRST}{mark}t{number}")
        _put(changed, place, canary)
        planted.append(canary)
    for number, place in enumerate(identifier_fields(CONTRACTS[event_type])):
        handle = _at(changed, place) or {"kind": "loyalty_card"}
        canary = f"{FIRST}{mark}i{number}"
        _put(changed, place, {**handle, "value": canary})
        planted.append(canary)
    return changed, planted


def with_unnamed(body: Mapping[str, Any], mark: str) -> tuple[dict[str, Any], list[str]]:
    """`body` with members that its contract does not name, in its lines too; a canary in their names and values."""
    canaries = [f"{FIRST}{mark}u{number}" for number in range(4)]
    name, value, deep, below = canaries
    changed = {**copy.deepcopy(dict(body)), name: value, f"{name}/": [{"deep": deep}]}
    lines = [{**line, name: below} for line in changed.get("lines", ())]
    return (changed | {"lines": lines}, canaries) if lines else (changed, canaries[:3])


def found_in(haystack: bytes, canaries: list[str]) -> list[str]:
    """Those that stand in it, in whatever case, also as JSON or Python would escape them."""
    lowered = haystack.lower()
    return [canary for canary in canaries if any(form in lowered for form in _forms(canary))]


def _forms(canary: str) -> Iterator[bytes]:
    yield canary.lower().encode()
    yield json.dumps(canary).strip('"').lower().encode()


def _fitting(place: Place, canary: str) -> str:
    """The canary in the form that the contract wants at this place."""
    digits = "".join(str(ord(character) % 10) for character in canary)[-9:]
    match place[-1]:
        case "email":
            return f"{canary}@example.org"
        case "phone":
            return f"+49 30 {digits}"
        case "birthday":
            return f"19{int(digits[-2:]):02}-12-2{int(digits[-3]) % 9}"
        case _:
            return f"{canary} and more"


def _at(body: Any, place: Place) -> Any:
    for step in place:
        body = body.get(step) if isinstance(body, dict) else None
    return body


def _put(body: Any, place: Place, value: Any) -> None:
    for step, following in zip(place, (*place[1:], ""), strict=True):
        if step == "*":
            body[:] = body or [{"name": "other"}]
            body = body[0]
        elif not following:
            body[step] = value
        else:
            body = body.setdefault(step, [] if following == "*" else {})

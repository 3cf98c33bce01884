"""What is done with events of one type and country, worked out from the policy and the contract; used by personal.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from libs.common.contracts import Contract, Place, identifier_fields
from services.ingest.domain.field_policy import Action

_EVERY: Final = "*"


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done with events of one type and country."""

    identifiers: tuple[str, ...]
    """Members that hold an identifier."""
    texts: Mapping[str, tuple[tuple[Place, Action], ...]]
    """Members that hold something to be sealed or dropped: where below them, and which of both."""
    optional: frozenset[Place]
    """Texts that may be left out; what is dropped of the others is emptied."""
    unnamed: Action
    """What is done with members that the contract does not name."""


def treatment_of(model: type[Contract], actions: Mapping[Place, Action], others: Action) -> Treatment:
    """What is done with bodies of a contract, by the policy's actions; `others` is for members that it does not name.

    Raises TypeError for a contract with an identifier elsewhere than among its own members.
    """
    deep = [place for place in identifier_fields(model) if len(place) > 1]
    if deep:
        raise TypeError(f"{model.__name__} has an identifier below its members: {deep}")
    texts: dict[str, tuple[tuple[Place, Action], ...]] = {}
    for place, action in actions.items():
        texts[place[0]] = (*texts.get(place[0], ()), (place[1:], action))
    optional = frozenset(place for place in actions if _may_be_left_out(model, place))
    return Treatment(tuple(place[0] for place in identifier_fields(model)), texts, optional, others)


def _may_be_left_out(model: type[Contract], place: Place) -> bool:
    """Whether the innermost member is optional, as far as the contract's own schema says."""
    schema = model.model_json_schema()
    node: Any = schema
    for step in place[:-1]:
        node = _resolved(node["items"] if step == _EVERY else node["properties"][step], schema)
    return place[-1] not in node.get("required", ())


def _resolved(node: Any, schema: Any) -> Any:
    """The node itself, behind a reference or beside null."""
    for one in node.get("anyOf", ()):
        if one.get("type") != "null":
            return _resolved(one, schema)
    reference = node.get("$ref")
    return node if reference is None else schema["$defs"][reference.rpartition("/")[2]]

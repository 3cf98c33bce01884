"""The AsyncAPI document as tests ask it: is it one, and does a message fit what it says."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT7

OFFICIAL = Path(__file__).parent / "3.0.0.json"
_ROOT = "urn:the-usual:asyncapi"


def faults_of(document: Mapping[str, Any]) -> list[str]:
    """What the official schema of AsyncAPI 3.0.0 finds wrong, at most ten."""
    found = Draft7Validator(json.loads(OFFICIAL.read_text()), format_checker=FormatChecker()).iter_errors(document)
    return [f"{error.json_path}: {error.message[:200]}" for error, _ in zip(found, range(10), strict=False)]


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for below in value.values():
            yield from references(below)
    elif isinstance(value, list):
        for below in value:
            yield from references(below)


def found_at(document: Mapping[str, Any], reference: str) -> Any:
    """What a `#/...` reference points to; raises KeyError when it points to nothing."""
    place: Any = document
    for step in reference.removeprefix("#/").split("/"):
        place = place[step.replace("~1", "/").replace("~0", "~")]
    return place


class Documented:
    """Messages, as the document describes them."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._registry: Registry[Any] = Registry().with_resource(_ROOT, DRAFT7.create_resource(document))

    def faults(self, channel: str, headers: Mapping[str, str], payload: object) -> list[str]:
        """Why a message that is on this channel does not fit the document; empty when it does.

        The message is the one that its `ce_type` names, among those of the channel.
        """
        messages = self._document["channels"][channel]["messages"]
        name = headers.get("ce_type", "")
        if name not in messages:
            return [f"{channel} carries no {name!r}"]
        place = messages[name]["$ref"]
        return [*self._against(f"{place}/headers", headers), *self._against(f"{place}/payload", payload)]

    def _against(self, place: str, instance: object) -> list[str]:
        schema = {"$ref": f"{_ROOT}{place}"}
        validator = Draft7Validator(schema, registry=self._registry, format_checker=FormatChecker())
        return [f"{place}: {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(instance)]

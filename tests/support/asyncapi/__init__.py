"""The AsyncAPI document as tests ask it: is it one, and does a message fit what it says."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT7

from libs.common.streaming.reader import TopicRecord

OFFICIAL = Path(__file__).parent / "3.0.0.json"
WRITTEN = Path(__file__).parents[3] / "docs" / "asyncapi.json"
_ROOT = "urn:the-usual:asyncapi"


def written_document() -> dict[str, Any]:
    """The document as it stands in the repository."""
    document: dict[str, Any] = json.loads(WRITTEN.read_text())
    return document


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

        self._validators: dict[str, Draft7Validator] = {}

    def faults_of_record(self, record: TopicRecord) -> list[str]:
        """The same of what lies on a topic; a tombstone fits where the topic is compacted."""
        if record.value is None:
            kept = self._document["channels"][record.topic]["bindings"]["kafka"]["topicConfiguration"]
            return [] if kept["cleanup.policy"] == ["compact"] else [f"{record.topic} has no tombstones"]
        headers = {name: content.decode() for name, content in record.headers}
        return self.faults(record.topic, headers, json.loads(record.value))

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
        found = self._validator(place).iter_errors(instance)
        return [f"{place}: {error.json_path}: {error.message[:200]}" for error in found]

    def _validator(self, place: str) -> Draft7Validator:
        if place not in self._validators:
            schema = {"$ref": f"{_ROOT}{place}"}
            self._validators[place] = Draft7Validator(schema, registry=self._registry, format_checker=FormatChecker())
        return self._validators[place]

"""The AsyncAPI document is one, says what the code does, and its examples are what they claim to be."""

import ast
import copy
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import services
from docs.asyncapi import asyncapi_document
from docs.described import subscriptions
from libs.common.contracts import CONTRACTS, TOPICS, topics
from tests.support.asyncapi import Documented, faults_of, found_at, references, written_document

SERVICES = ("ingest", "profile", "offers", "inventory")
SERVICES_ROOT = Path(services.__path__[0])
DOCUMENT = asyncapi_document()
EXAMPLES = [(channel, name) for channel, described in DOCUMENT["channels"].items() for name in described["messages"]]


def topics_of(action: str, service: str) -> set[str]:
    """What the document says that a service does."""
    begin = f"{service}.{action}."
    return {name.removeprefix(begin) for name in DOCUMENT["operations"] if name.startswith(begin)}


def card_of(service: str) -> Mapping[str, set[str]]:
    """The topics that a service's card names, by the word before the colon."""
    text = import_module(f"services.{service}").__doc__ or ""
    lines = re.split(r"^(\w+): ", text.split("\n\n")[1], flags=re.MULTILINE)
    return {
        word: set(re.findall(r"`([a-z]+\.[a-z]+\.v\d+)`", said))
        for word, said in zip(lines[1::2], lines[2::2], strict=True)
    }


def sent_by(service: str) -> set[str]:
    """The topics that a service's code makes messages for: `OutboxMessage.of(event, TOPIC)`."""
    found = set()
    for path in (SERVICES_ROOT / service).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "OutboxMessage.of":
                found |= {getattr(topics, ast.unparse(argument)).name for argument in node.args[1:]}
    return found


def test_it_is_a_document_of_asyncapi_3() -> None:
    assert faults_of(DOCUMENT) == []


def _drop_the_title(document: dict[str, Any]) -> None:
    del document["info"]["title"]


def _act_otherwise(document: dict[str, Any]) -> None:
    document["operations"]["ingest.sends.ingest.pos.v1"]["action"] = "publish"


def _add_a_member(document: dict[str, Any]) -> None:
    document["channels"]["ingest.pos.v1"]["subscribe"] = {}


def _name_a_type_that_is_none(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Sale"]["type"] = "record"


def _bind_wrongly(document: dict[str, Any]) -> None:
    document["channels"]["ingest.pos.v1"]["bindings"]["kafka"]["partitions"] = "many"


@pytest.mark.parametrize(
    "break_it", [_drop_the_title, _act_otherwise, _add_a_member, _name_a_type_that_is_none, _bind_wrongly]
)
def test_the_official_schema_finds_what_is_wrong(break_it: Callable[[dict[str, Any]], None]) -> None:
    broken = copy.deepcopy(DOCUMENT)
    break_it(broken)
    assert faults_of(broken)


def test_every_reference_points_to_something() -> None:
    for reference in references(DOCUMENT):
        assert found_at(DOCUMENT, reference) is not None


def test_the_page_in_the_repository_is_this_document() -> None:
    assert written_document() == DOCUMENT


def test_every_topic_is_a_channel_and_every_contract_a_message_of_one() -> None:
    assert set(DOCUMENT["channels"]) == {topic.name for topic in TOPICS}
    assert sorted(name for _, name in EXAMPLES) == sorted(CONTRACTS)


@pytest.mark.parametrize(("channel", "name"), EXAMPLES)
def test_each_example_fits_its_message(channel: str, name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]
    for example in message["examples"]:
        assert Documented(DOCUMENT).faults(channel, example["headers"], example["payload"]) == []


def test_what_does_not_fit_is_seen() -> None:
    documented = Documented(DOCUMENT)
    example = DOCUMENT["components"]["messages"]["usual.pos.sale.v1"]["examples"][0]
    headers, payload = example["headers"], example["payload"]
    nameless = {name: text for name, text in headers.items() if name != "ce_id"}
    assert documented.faults("ingest.web.v1", headers, payload)
    assert documented.faults("ingest.pos.v1", nameless, payload)
    assert documented.faults("ingest.pos.v1", {**headers, "ce_time": "yesterday"}, payload)
    assert documented.faults("ingest.pos.v1", headers, {**payload, "currency": "usd"})


@pytest.mark.parametrize(
    ("comment", "fits"), [("x" * 2001, False), ("sealed:v1:" + "x" * 4000, True), ("sealed:v1:" + "x" * 12_000, False)]
)
def test_a_personal_text_on_a_topic_is_short_or_sealed(comment: str, *, fits: bool) -> None:
    example = DOCUMENT["components"]["messages"]["usual.feedback.survey_answered.v2"]["examples"][0]
    payload = {**example["payload"], "comment": comment}
    assert (Documented(DOCUMENT).faults("ingest.feedback.v1", example["headers"], payload) == []) is fits


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_receives_what_its_consumers_read_and_its_card_says(service: str) -> None:
    read = {topic.name for one in subscriptions().get(service, ()) for topic in one.topics}
    assert topics_of("receives", service) == read
    assert card_of(service)["Consumes"] - card_of(service)["Publishes"] == read - card_of(service)["Publishes"]


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "ingest"])
def test_a_service_sends_what_its_code_makes_messages_for_and_its_card_says(service: str) -> None:
    assert topics_of("sends", service) == sent_by(service) == card_of(service)["Publishes"]


def test_ingest_sends_what_comes_in() -> None:
    assert topics_of("sends", "ingest") == card_of("ingest")["Publishes"]
    assert topics_of("sends", "ingest") == {topic.name for topic in TOPICS if "ingest" in topic.writers}

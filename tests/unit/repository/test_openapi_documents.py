"""The OpenAPI documents leave nothing out: laws of `docs/openapi/`, which another test keeps as the services say."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "docs/openapi"
DOCUMENTS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
SCHEMAS = {"/v1/schemas", "/v1/schemas/{event_type}", "/v1/schemas/{name}/{version}"}
OPEN = {"/livez", "/readyz", "/metrics", "/v1/tracker.js", *SCHEMAS}


@pytest.fixture(params=DOCUMENTS)
def document(request: pytest.FixtureRequest) -> Any:
    return DOCUMENTS[request.param]


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for below in part.values():
            yield from references(below)
    elif isinstance(part, list):
        for below in part:
            yield from references(below)


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_every_refusal_is_a_problem_with_a_schema(document: Any) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400" and operation.get("tags") != ["operations"]:
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
                assert "Problem" in json.dumps(answer["content"]), (name, status)


def test_who_needs_a_key_is_told_so_and_told_what_happens_without_it(document: Any) -> None:
    for name, operation in operations(document):
        path = name.partition(" ")[2]
        if operation.get("security"):
            assert {"401", "403", "503"} <= set(operation["responses"]), name
        else:
            assert path in OPEN, name


def test_what_says_come_again_says_when(document: Any) -> None:
    for name, operation in operations(document):
        for status in {"429", "503"} & set(operation["responses"]):
            answer = operation["responses"][status]
            assert operation.get("tags") == ["operations"] or "Retry-After" in answer.get("headers", {}), (name, status)


def test_every_route_and_every_parameter_is_described(document: Any) -> None:
    for name, operation in operations(document):
        assert operation.get("summary"), name
        assert operation.get("operationId"), name
        assert all("schema" in parameter for parameter in operation.get("parameters", ())), name
        assert all(answer["description"] for answer in operation["responses"].values()), name


def test_no_two_routes_share_an_operation_id(document: Any) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))

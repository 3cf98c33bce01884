"""Completes a service's OpenAPI document with what all doors answer alike; `create_service_app` calls it.

A router says what its routes answer when all is well, and what only they answer. What follows from the form of a route
is said here, once: who needs a key may be refused, what has an address may be missing, and every problem is problem+json.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

PROBLEM_TYPE = "application/problem+json"
_METHODS = frozenset({"get", "put", "post", "patch", "delete"})
_MEANINGS: Mapping[int, str] = {
    400: "The body could not be read.",
    401: "No key, or one that is unknown or out of date.",
    403: "A key without the scope, or of another store.",
    404: "There is no such thing, or not for this key.",
    406: "No form of it that you accept.",
    409: "The present state does not allow it.",
    412: "Not the newest version was read.",
    413: "More than a limit.",
    415: "A media type that is not read, or a compressed body.",
    422: "The request does not fit its schema, or not what is there.",
    429: "Too much in a short time; come again after `Retry-After`.",
    503: "Not now; the same request may come again after `Retry-After`.",
}
_RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}


class Place(BaseModel):
    """One part of a request that does not fit."""

    pointer: str
    rule: str
    message: str


class Problem(BaseModel):
    """RFC 9457. `type` ends in the slug that `title` repeats; `docs/problems.md` lists them all. `detail` is for people."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    errors: list[Place] | None = None


class HealthAnswer(BaseModel):
    """Whether all is well, and each check's answer."""

    ok: bool
    checks: dict[str, bool]


HEALTH: dict[int | str, dict[str, Any]] = {
    200: {"model": HealthAnswer, "description": "Every check says yes."},
    503: {"model": HealthAnswer, "description": "At least one check says no."},
}
METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "In Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


def problems(*statuses: int, **meanings: str) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for problems that do not follow from the form of a route.

    `meanings` (`s404="..."`) say more exactly what some of them mean there.
    """
    return {
        status: {"description": meanings.get(f"s{status}", _MEANINGS[status]), "model": Problem} for status in statuses
    }


def complete_openapi(app: FastAPI) -> None:
    """From now on the app's document is complete."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(described())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    for operation in _operations(document):
        answers = operation["responses"]
        for status in _following(operation):
            answers.setdefault(str(status), {"description": _MEANINGS[status]})
        for status, answer in answers.items():
            if int(status) >= 400 and _is_problem(answer):  # noqa: PLR2004 - where HTTP's errors begin
                _describe_problem(int(status), answer)
    _add_schemas(document.setdefault("components", {}).setdefault("schemas", {}))
    return document


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (operation for method, operation in path.items() if method in _METHODS)


def _following(operation: Mapping[str, Any]) -> Iterator[int]:
    """The statuses that follow from the form of a route."""
    if "requestBody" in operation:
        yield from (400, 413)
    if operation.get("security"):
        yield from (401, 403, 503)
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        yield 404
    if "requestBody" in operation or operation.get("parameters"):
        yield 422


def _schema_name(answer: Mapping[str, Any]) -> str:
    schemas = [content.get("schema", {}) for content in answer.get("content", {}).values()]
    return next((schema["$ref"].rpartition("/")[2] for schema in schemas if "$ref" in schema), "")


def _is_problem(answer: Mapping[str, Any]) -> bool:
    name = _schema_name(answer)
    return not answer.get("content") or name.endswith("Problem") or name == "HTTPValidationError"


def _describe_problem(status: int, answer: dict[str, Any]) -> None:
    name = _schema_name(answer)
    own = name if name.endswith("Problem") else "Problem"
    answer["content"] = {PROBLEM_TYPE: {"schema": {"$ref": f"#/components/schemas/{own}"}}}
    if name == "HTTPValidationError":
        answer["description"] = _MEANINGS[422]
    if status in {429, 503}:
        answer.setdefault("headers", {})["Retry-After"] = _RETRY_AFTER


def _add_schemas(schemas: dict[str, Any]) -> None:
    common = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    parts = common.pop("$defs")
    own = schemas.get("Problem", {})
    schemas["Problem"] = {**common, "properties": {**common["properties"], **own.get("properties", {})}}
    schemas |= parts
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)

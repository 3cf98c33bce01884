"""What every service's document says of its routes without being told: laws of `libs.common.http.openapi`."""

from typing import Annotated, Any

import pytest
from fastapi import Depends
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import PROBLEM_TYPE, problems
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health

Caller = Annotated[Credential, Depends(require("things:read"))]


class Thing(BaseModel):
    name: str


class ThingProblem(BaseModel):
    title: str
    things: list[Thing]


@pytest.fixture
def paths() -> dict[str, Any]:
    app = create_service_app("test", description="", health=Health(), metrics=CollectorRegistry())

    @app.get("/open")
    async def open_to_all() -> Thing:
        return Thing(name="one")

    @app.put("/things/{thing_id}", responses=problems(409))
    async def put(thing_id: int, thing: Thing, caller: Caller) -> Thing:
        return Thing(name="one")

    @app.get("/things", responses={503: {"model": ThingProblem, "description": "Some things are missing."}})
    async def listed(caller: Caller) -> list[Thing]:
        return []

    document = app.openapi()
    return {"paths": document["paths"], "schemas": document["components"]["schemas"]}


def statuses(operation: dict[str, Any]) -> set[str]:
    return set(operation["responses"])


def test_what_follows_from_the_form_of_a_route_is_in_its_document(paths: dict[str, Any]) -> None:
    routes = paths["paths"]
    assert statuses(routes["/open"]["get"]) == {"200"}
    assert statuses(routes["/things"]["get"]) == {"200", "401", "403", "503"}
    put = routes["/things/{thing_id}"]["put"]
    assert statuses(put) == {"200", "400", "401", "403", "404", "409", "413", "422", "503"}
    assert put["security"] == [{"APIKeyHeader": []}]


def test_every_problem_is_problem_json_with_a_schema_that_is_there(paths: dict[str, Any]) -> None:
    operations = [operation for path in paths["paths"].values() for operation in path.values()]
    answers = [
        (operation["operationId"], status, answer)
        for operation in operations
        for status, answer in operation["responses"].items()
        if status >= "400" and operation.get("tags") != ["operations"]
    ]
    assert answers
    for operation_id, status, answer in answers:
        (content,) = answer["content"]
        name = answer["content"][content]["schema"]["$ref"].rpartition("/")[2]
        assert (content, name in paths["schemas"]) == (PROBLEM_TYPE, True), (operation_id, status)


def test_what_a_route_says_of_its_own_problem_stays(paths: dict[str, Any]) -> None:
    answer = paths["paths"]["/things"]["get"]["responses"]["503"]
    assert answer["description"] == "Some things are missing."
    assert answer["content"][PROBLEM_TYPE]["schema"]["$ref"].endswith("/ThingProblem")
    assert "Retry-After" in answer["headers"]


def test_health_says_no_with_503_and_is_no_problem(paths: dict[str, Any]) -> None:
    answers = paths["paths"]["/readyz"]["get"]["responses"]
    assert set(answers) == {"200", "503"}
    assert "application/json" in answers["503"]["content"]

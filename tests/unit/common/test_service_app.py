"""What every process answers alike: health, metrics, errors as problem+json."""

from collections.abc import AsyncIterator
from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from httpx import ASGITransport, AsyncClient
from prometheus_client import CollectorRegistry

from libs.common.errors import Conflict, Kind, RetryableError, UsualError
from libs.common.http.problems import STATUS
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def app(health: Health) -> FastAPI:
    app = create_service_app("test", description="", health=health, metrics=CollectorRegistry())

    @app.get("/conflict")
    async def conflict() -> None:
        raise Conflict("somebody was first", context={"winner": "till-2"})

    @app.get("/down")
    async def down() -> None:
        raise RetryableError("the broker is away")

    @app.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError

    @app.get("/typed")
    async def typed(k: Annotated[int, Query(ge=1)]) -> int:
        return k

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def test_every_kind_of_error_has_a_status() -> None:
    assert set(STATUS) == set(Kind)
    assert UsualError("x").kind in STATUS


async def test_an_error_of_ours_says_what_happened_with_a_stable_slug(client: AsyncClient) -> None:
    answer = await client.get("/conflict")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:the-usual:problem:conflict",
        "title": "conflict",
        "status": 409,
        "detail": "somebody was first",
        "winner": "till-2",
    }


async def test_what_may_be_tried_again_says_when(client: AsyncClient) -> None:
    answer = await client.get("/down")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_bug_tells_nothing_of_our_insides(client: AsyncClient) -> None:
    answer = await client.get("/bug")
    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text


async def test_a_request_that_does_not_fit_names_the_place(client: AsyncClient) -> None:
    answer = await client.get("/typed", params={"k": 0})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/k"


async def test_what_does_not_exist_is_a_problem_too(client: AsyncClient) -> None:
    answer = await client.get("/nowhere")
    assert (answer.status_code, answer.json()["title"]) == (404, "http-404")


async def test_a_process_is_ready_only_while_all_its_checks_pass_and_it_is_not_draining(
    client: AsyncClient, health: Health
) -> None:
    assert (await client.get("/readyz")).status_code == 200

    async def fails() -> bool:
        raise OSError

    health.ready["database"] = fails
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, False)
    assert (await client.get("/livez")).status_code == 200, "a database that is down is no reason to restart us"
    del health.ready["database"]
    health.draining = True
    assert (await client.get("/readyz")).status_code == 503


async def test_requests_are_counted_by_route_and_not_by_address(client: AsyncClient) -> None:
    await client.get("/conflict")
    await client.get("/nowhere/1")
    await client.get("/nowhere/2")
    shown = (await client.get("/metrics")).text
    assert 'http_requests_total{code="409",method="GET",route="/conflict"} 1.0' in shown
    assert 'http_requests_total{code="404",method="GET",route="unmatched"} 2.0' in shown

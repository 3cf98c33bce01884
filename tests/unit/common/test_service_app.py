"""What every process answers alike: health, metrics, errors as problem+json."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from httpx import ASGITransport, AsyncClient
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.common.errors import Conflict, Kind, NotFound, RetryableError, UsualError
from libs.common.http.direct_routes import GREATEST_SHORT_BODY_BYTES, DirectRoute, ReadyJson
from libs.common.http.problems import STATUS
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health

JSON = {"content-type": "application/json"}


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


class Unforeseen(Exception):
    """Nobody expects it."""


def direct_app(registry: CollectorRegistry) -> FastAPI:
    app = create_service_app("test", description="", health=Health(), metrics=registry)
    router = APIRouter(route_class=DirectRoute)

    @router.post("/hot", status_code=202)
    async def hot(request: Request) -> Response:
        match await request.body():
            case b"ours":
                raise NotFound("not here", slug="not-here")
            case b"fastapi":
                raise HTTPException(415, "not this")
            case b"bug":
                raise Unforeseen
        return Response(b"{}", status_code=202)

    app.include_router(router, prefix="/v1")
    return app


async def test_a_direct_route_answers_without_the_apps_middleware_and_is_described_and_measured_like_any_other() -> (
    None
):
    registry, passed = CollectorRegistry(), []

    class Watching:
        def __init__(self, app: ASGIApp) -> None:
            self._app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                passed.append(scope["path"])
            await self._app(scope, receive, send)

    app = direct_app(registry)
    app.add_middleware(Watching)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://app") as client:
        assert (await client.post("/v1/hot")).status_code == 202
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/v1/hot")).status_code == 405
        assert "/v1/hot" in (await client.get("/openapi.json")).json()["paths"]
    assert passed == ["/livez", "/v1/hot", "/openapi.json"]
    answered = {"route": "/hot", "method": "POST", "code": "202"}
    assert registry.get_sample_value("http_requests_total", answered) == 1
    assert registry.get_sample_value("http_request_seconds_count", {"route": "/hot"}) == 2, "and what was refused"


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [(b"ours", 404, "not-here"), (b"fastapi", 415, "http-415"), (b"bug", 500, "unforeseen")],
)
async def test_what_goes_wrong_in_a_direct_route_is_the_same_problem_as_anywhere(
    body: bytes, status: int, slug: str
) -> None:
    transport = ASGITransport(direct_app(CollectorRegistry()), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://app") as client:
        answer = await client.post("/v1/hot", content=body)
    assert (answer.status_code, answer.json()["title"]) == (status, slug)
    assert answer.headers["content-type"] == "application/problem+json"


def shortened_app(registry: CollectorRegistry) -> FastAPI:
    app = create_service_app("test", description="", health=Health(), metrics=registry)
    router = APIRouter(prefix="/things")

    @router.get("/all")
    async def every() -> str:
        return "all"

    @router.get("/{thing_id}")
    async def thing(thing_id: Annotated[str, Path(max_length=3)]) -> str:
        return f"declared {thing_id}"

    async def short_cut(request: Request) -> Response | None:
        match request.scope["path"].rpartition("/")[2]:
            case "hot":
                return JSONResponse("short")
            case "ours":
                raise NotFound("not here", slug="not-here")
        return None

    app.include_router(router)
    app.shorten(router, "/things/{thing_id}", short_cut)
    with pytest.raises(ValueError, match="no such route"):
        app.shorten(router, "/things/{other}", short_cut)
    return app


async def test_a_short_cut_answers_the_ordinary_request_and_leaves_the_rest_to_the_declared_route() -> None:
    registry = CollectorRegistry()
    async with AsyncClient(transport=ASGITransport(shortened_app(registry)), base_url="http://app") as client:
        assert (await client.get("/things/hot")).json() == "short"
        assert (await client.get("/things/ours")).json()["title"] == "not-here"
        assert (await client.get("/things/odd")).json() == "declared odd"
        assert (await client.get("/things/all")).json() == "all"
        assert (await client.get("/things/toolong")).status_code == 422
        assert (await client.get("/things/hot/deeper")).status_code == 404
        assert (await client.post("/things/hot")).status_code == 405
    short = {"route": "/things/{thing_id}", "method": "GET", "code": "200"}
    assert registry.get_sample_value("http_requests_total", short) == 2
    assert registry.get_sample_value("http_requests_total", short | {"code": "404"}) == 1


class Thing(BaseModel):
    """What is sent."""

    name: Annotated[str, Field(max_length=9)]


async def test_a_short_cut_that_read_a_body_leaves_it_to_the_declared_route_as_it_was() -> None:
    read: list[bytes] = []
    app, router = (
        create_service_app("Things", description="", health=Health(), metrics=CollectorRegistry()),
        APIRouter(),
    )

    @router.post("/things")
    async def thing(thing: Thing) -> str:
        return f"declared {thing.name}"

    async def short_cut(request: Request) -> Response | None:
        read.append(await request.body())
        return JSONResponse("short") if read[-1] == b'{"name":"hot"}' else None

    app.include_router(router)
    app.shorten(router, "/things", short_cut, method="POST")
    async with AsyncClient(transport=ASGITransport(app), base_url="http://app") as client:
        assert (await client.post("/things", json={"name": "hot"})).json() == "short"
        assert (await client.post("/things", json={"name": "odd"})).json() == "declared odd"
        assert (await client.post("/things", json={"name": "far too long"})).json()["errors"][0]["pointer"] == "/name"
        assert (await client.post("/things", content=b"{", headers=JSON)).status_code == 422
        assert len(read) == 4
        large = b'{"name":"big"' + b" " * GREATEST_SHORT_BODY_BYTES + b"}"
        assert (await client.post("/things", content=large, headers=JSON)).json() == "declared big"
        assert (await client.post("/things", content=b'{"name":"hot"}')).status_code == 422
        assert (await client.get("/things")).status_code == 405
        assert len(read) == 4


async def test_a_short_cut_is_given_a_body_that_comes_in_pieces_and_no_request_that_states_a_header_twice() -> None:
    app, read = (
        create_service_app("Things", description="", health=Health(), metrics=CollectorRegistry()),
        list[bytes](),
    )
    router = APIRouter()

    @router.post("/things")
    async def thing(thing: Thing) -> str:
        return f"declared {thing.name}"

    async def short_cut(request: Request) -> Response | None:
        read.append(await request.body())
        return ReadyJson(b'"short"')

    app.include_router(router)
    app.shorten(router, "/things", short_cut, method="POST")

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"name":'
        yield b'"hot"}'

    stated = [("content-type", "application/json"), ("content-length", "14")]
    async with AsyncClient(transport=ASGITransport(app), base_url="http://app") as client:
        answer = await client.post("/things", content=pieces(), headers=stated)
        assert (answer.json(), read) == ("short", [b'{"name":"hot"}'])
        ready, ordinary = ReadyJson(b'"short"'), Response(b'"short"', media_type="application/json")
        assert (ready.raw_headers, ready.status_code) == (ordinary.raw_headers, ordinary.status_code)
        twice = await client.post("/things", content=b'{"name":"hot"}', headers=[*stated, stated[0]])
        assert (twice.json(), len(read)) == ("declared hot", 1)


async def test_a_caller_that_leaves_in_the_middle_of_its_body_is_no_request_to_a_short_cut() -> None:
    app, asked = (
        create_service_app("Things", description="", health=Health(), metrics=CollectorRegistry()),
        list[bytes](),
    )
    router = APIRouter()

    @router.post("/things")
    async def thing(thing: Thing) -> str:
        return f"declared {thing.name}"

    async def short_cut(request: Request) -> Response | None:
        asked.append(await request.body())
        return ReadyJson(b'"short"')

    app.include_router(router)
    app.shorten(router, "/things", short_cut, method="POST")
    heard = iter([{"type": "http.request", "body": b'{"na', "more_body": True}, {"type": "http.disconnect"}])
    told: list[Any] = []

    async def receive() -> Any:
        return next(heard)

    async def send(message: Any) -> None:
        told.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"14")]
    scope = {"type": "http", "method": "POST", "path": "/things", "headers": headers, "query_string": b""}
    await app(scope, receive, send)
    assert (asked, told[0]["status"]) == ([], 400)

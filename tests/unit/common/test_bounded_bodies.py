"""No door holds more of a body than it may have, whoever sends it and however it says how long it is."""

import re
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request
from httpx import ASGITransport, AsyncClient
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from libs.common.http.bounded_bodies import Bodies
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health

BOUND = 1_000
JSON = {"content-type": "application/json"}


class Said(BaseModel):
    word: str


@pytest.fixture
def app() -> FastAPI:
    bodies = Bodies(greatest_bytes=BOUND, streamed=re.compile("/long/[a-z]+"))
    app = create_service_app("test", description="", health=Health(), metrics=CollectorRegistry(), bodies=bodies)

    @app.post("/said")
    async def said(said: Said) -> int:
        return len(said.word)

    @app.post("/long/{name}")
    async def long(name: str, request: Request) -> int:
        return sum([len(part) async for part in request.stream()]) if name else 0

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def a_body(size: int) -> bytes:
    return b'{"word":"' + b"x" * (size - 11) + b'"}'


class Sender:
    """Sends a body in pieces without saying how long it is, and notes how much of it was asked for."""

    def __init__(self, size: int) -> None:
        self.size, self.sent = size, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, self.size, 100):
            piece = a_body(self.size)[start : start + 100]
            self.sent += len(piece)
            yield piece


async def test_a_body_of_the_greatest_length_is_read(client: AsyncClient) -> None:
    assert (await client.post("/said", content=a_body(BOUND), headers=JSON)).json() == BOUND - 11
    assert (await client.post("/said", content=aiter(Sender(BOUND)), headers=JSON)).json() == BOUND - 11


async def test_a_longer_one_is_refused_unread_where_its_length_is_stated(client: AsyncClient) -> None:
    sender = Sender(BOUND + 1)
    stated = JSON | {"content-length": str(BOUND + 1)}
    answer = await client.post("/said", content=aiter(sender), headers=stated)
    assert (answer.status_code, answer.json()["title"]) == (413, "body-too-large")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_longer_one_is_refused_as_soon_as_it_passes_the_bound(client: AsyncClient) -> None:
    sender = Sender(50 * BOUND)
    answer = await client.post("/said", content=aiter(sender), headers=JSON)
    assert (answer.status_code, answer.json()["title"]) == (413, "body-too-large")
    assert BOUND < sender.sent <= BOUND + 200


async def test_a_route_that_reads_piece_by_piece_has_limits_of_its_own(client: AsyncClient) -> None:
    assert (await client.post("/long/list", content=aiter(Sender(5 * BOUND)))).json() == 5 * BOUND
    assert (await client.post("/long", content=a_body(5 * BOUND))).status_code == 413

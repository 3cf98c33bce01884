"""The script that pages load: small, cached, and only what the source says."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from services.ingest.api.tracker import tracker_router


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    app.include_router(tracker_router())
    async with AsyncClient(transport=ASGITransport(app), base_url="http://door") as client:
        yield client


async def test_the_tracker_is_under_four_kilobytes_as_served(client: AsyncClient) -> None:
    answer = await client.get("/v1/tracker.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert 1_000 < len(answer.content) < 4_096


async def test_a_browser_that_has_it_is_told_so(client: AsyncClient) -> None:
    first = await client.get("/v1/tracker.js")
    assert first.headers["cache-control"] == "public, max-age=3600"
    again = await client.get("/v1/tracker.js", headers={"if-none-match": f'W/"x", {first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await client.get("/v1/tracker.js", headers={"if-none-match": '"x"'})).status_code == 200


async def test_it_sets_no_cookie_and_mentions_none(client: AsyncClient) -> None:
    answer = await client.get("/v1/tracker.js")
    assert "set-cookie" not in answer.headers
    assert "cookie" not in answer.text

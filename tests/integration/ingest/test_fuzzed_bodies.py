"""Whatever is sent to a real door, it lives, says what is wrong in documented words, and keeps its size."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil
import pytest

from tests.support.ingest_hostile import Hostile
from tests.support.ingest_lab import FIRST_DOOR, IngestLab, running_lab
from tests.support.ingest_ways import EVENTS, IN_HEADERS, SALE, WAYS, Way

AT_ONCE = 6
ROUNDS = 2
MAY_GROW_BYTES = 24 * 1024 * 1024
"""What a process may keep of hostile bodies of more than 100 MB a round: its windows fill, its allocator keeps pages."""
WRONG_TYPES = ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x" * 500)
HOSTILE_HEADERS = (b"", b"%20", b"%", b"%00", b"%ff%fe", b"%ED%A0%80", b"\xff\xfe", b"%0d%0ax: y", b"x" * 6_000, b"NaN")
PROBLEMS = Path(__file__).parents[3] / "docs" / "problems.md"
SLUGS = frozenset(re.findall(r"^\| `([a-z0-9-]+)` \|", PROBLEMS.read_text(), flags=re.MULTILINE))
"""What may be wrong, in the doors' words."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngestLab]:
    with running_lab(
        tmp_path_factory.mktemp("fuzzed"), broker="embedded", processes=[FIRST_DOOR], patient=True
    ) as running:
        yield running


@asynccontextmanager
async def a_client(lab: IngestLab) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"x-api-key": lab.keys.key("erp")}
    async with httpx.AsyncClient(base_url=lab.doors[0], headers=headers, timeout=60.0, trust_env=False) as client:
        yield client


def process(lab: IngestLab) -> psutil.Process:
    return psutil.Process(lab.children[FIRST_DOOR.name].pid)


async def send_all(
    client: httpx.AsyncClient, way: Way, bodies: Iterable[Hostile]
) -> list[tuple[Hostile, httpx.Response]]:
    """All answers; some requests at the same time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def send(hostile: Hostile) -> tuple[Hostile, httpx.Response]:
        async with room:
            headers = {"content-type": way.media_type, **way.headers}
            return hostile, await client.post(way.path, content=hostile.body, headers=headers)

    return await asyncio.gather(*map(send, bodies))


def undocumented(answer: httpx.Response, responses: dict[str, Any]) -> str | None:
    """What is wrong with an answer, None when nothing is."""
    content = answer.json()
    if str(answer.status_code) not in responses or answer.status_code >= 500:
        return f"status {answer.status_code}: {answer.text[:200]}"
    if not answer.is_success and answer.headers["content-type"] != "application/problem+json":
        return f"{answer.status_code} without a problem: {answer.text[:200]}"
    said = set(slugs_in(content)) | ({content.get("title")} if answer.is_client_error else set())
    return f"{answer.status_code} with {said - SLUGS}" if said - SLUGS else None


def slugs_in(content: Any) -> Iterator[str]:
    """Every slug of every result, however deep."""
    if isinstance(content, dict):
        if "slug" in content:
            yield content["slug"]
        content = list(content.values())
    if isinstance(content, list):
        for below in content:
            yield from slugs_in(below)


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_every_hostile_body_has_a_documented_answer_and_the_door_lives(lab: IngestLab, way: Way) -> None:
    before = process(lab)
    async with a_client(lab) as client:
        responses = (await client.get("/openapi.json")).json()["paths"][way.path]["post"]["responses"]
        answers = await send_all(client, way, way.hostile(Random(way.name)))
        wrong = [f"{hostile.what}: {said}" for hostile, answer in answers if (said := undocumented(answer, responses))]
        assert not wrong, "\n".join([f"{len(wrong)} of {len(answers)}", *wrong[:40]])
        assert (await send_all(client, way, [Hostile("valid", way.valid)]))[0][1].is_success
    assert before.is_running()


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_body_that_is_said_to_be_something_else_has_a_documented_answer(lab: IngestLab, way: Way) -> None:
    async with a_client(lab) as client:
        responses = (await client.get("/openapi.json")).json()["paths"][way.path]["post"]["responses"]
        headers = [{"content-type": wrong} for wrong in WRONG_TYPES]
        headers += [{"content-type": way.media_type, "content-encoding": coding} for coding in ("gzip", "br", "x, y")]
        for wrong in headers:
            answer = await client.post(way.path, content=way.valid, headers={**way.headers, **wrong})
            assert undocumented(answer, responses) is None, wrong


@pytest.mark.parametrize("name", sorted(IN_HEADERS))
@pytest.mark.parametrize("content", HOSTILE_HEADERS)
async def test_a_hostile_attribute_in_a_header_has_a_documented_answer(
    lab: IngestLab, name: str, content: bytes
) -> None:
    async with a_client(lab) as client:
        responses = (await client.get("/openapi.json")).json()["paths"][EVENTS]["post"]["responses"]
        headers = {"content-type": "application/json", **IN_HEADERS, name: content.decode("latin-1")}
        sent = [(known.encode(), text.encode("latin-1")) for known, text in headers.items()]
        answer = await client.post(EVENTS, content=json.dumps(SALE["data"]), headers=sent)
        assert undocumented(answer, responses) is None


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_body_of_unsaid_length_is_cut_off_at_the_limit(lab: IngestLab, way: Way) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b" " * 65_536

    async with a_client(lab) as client:
        answer = await client.post(way.path, content=endless(), headers={"content-type": way.media_type, **way.headers})
    assert (answer.status_code, answer.json()["title"]) == (413, "body-too-large")


async def test_the_door_keeps_its_size(lab: IngestLab) -> None:
    async def a_round(number: int) -> int:
        async with a_client(lab) as client:
            for way in WAYS:
                await send_all(client, way, way.hostile(Random(number)))
        return int(process(lab).memory_info().rss)

    sizes = [await a_round(number) for number in range(1 + ROUNDS)]
    assert sizes[-1] - sizes[0] < MAY_GROW_BYTES, sizes

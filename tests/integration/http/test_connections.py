"""What a connection may cost: laws of the server, on real sockets."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from fastapi import FastAPI, Request, Response
from httpx import AsyncClient
from prometheus_client import CollectorRegistry

from libs.common.http.connection_guard import ConnectionLimits
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health
from tests.support.serving import Served, served
from tests.support.stopwatch import stopwatch

LIMITS = ConnectionLimits(head_seconds=0.5, body_seconds=0.6, idle_seconds=60, write_seconds=0.5)
SLACK_SECONDS = 1.5
PATIENT = ConnectionLimits(head_seconds=60.0, body_seconds=60.0, idle_seconds=60, write_seconds=60.0)
"""For laws that are not about time: no deadline of the server's comes near."""
PROMPT_SECONDS, PATIENCE_SECONDS = 5.0, 30.0
HALF = b"GET /quick HTTP/1.1\r\nHost: door\r\nX-Slow: "
WHOLE = b"GET /quick HTTP/1.1\r\nHost: door\r\n\r\n"


def an_app() -> FastAPI:
    app = create_service_app("test", description="", health=Health(), metrics=CollectorRegistry())

    @app.get("/quick")
    async def quick() -> str:
        return "here"

    @app.get("/thinking")
    async def thinking() -> str:
        await _pause(3.6)
        return "thought"

    @app.get("/long")
    async def long() -> Response:
        return Response(bytes(30_000_000))

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    @app.post("/early")
    async def early() -> Response:
        return Response(status_code=413)

    return app


async def _pause(seconds: float) -> None:
    await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=seconds)


@pytest.fixture(scope="module")
def door() -> Iterator[Served]:
    with served(an_app(), LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def patient_door() -> Iterator[Served]:
    with served(an_app(), PATIENT) as running:
        yield running


@asynccontextmanager
async def connected(door: Served) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def drip(writer: StreamWriter, byte: bytes = b"x", *, every_seconds: float = 0.05) -> None:
    """Send a byte now and then until the other side has had enough."""
    while not writer.is_closing():
        writer.write(byte)
        await _pause(every_seconds)


async def last_words(reader: StreamReader) -> bytes:
    """What the server says before it closes; raises TimeoutError if it does not."""
    heard = b""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while chunk := await reader.read(65_536):
                heard += chunk
    except ConnectionError:  # it closed with bytes of ours unread
        pass
    return heard


async def until_closed(reader: StreamReader, *, within_seconds: float) -> bytes:
    """The same, and it may not take longer by a stopwatch."""
    with stopwatch() as watch:
        heard = await last_words(reader)
        assert watch.seconds < within_seconds
    return heard


async def until_open(door: Served, *, at_most: int) -> None:
    """Return when no more connections than that are open; raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while door.connections > at_most:
            await _pause(0.01)


def a_client(door: Served) -> AsyncClient:
    return AsyncClient(base_url=f"http://127.0.0.1:{door.port}", timeout=PATIENCE_SECONDS)


def problem_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head.lower()
    told = json.loads(body)
    assert told["type"] == f"urn:the-usual:problem:{told['title']}"
    assert head.startswith(f"HTTP/1.1 {told['status']} ".encode())
    return told["status"], told["title"]


async def test_two_hundred_half_open_connections_are_closed_in_time_and_nobody_else_waits() -> None:
    limits = ConnectionLimits(head_seconds=2.0, connections=300)
    with served(an_app(), limits) as door:
        async with AsyncExitStack() as stack, a_client(door) as client:
            watch = stack.enter_context(stopwatch())
            closing: list[asyncio.Task[bytes]] = []
            drips: list[asyncio.Task[None]] = []
            for _ in range(200):
                reader, writer = await stack.enter_async_context(connected(door))
                writer.write(HALF)
                closing.append(asyncio.create_task(last_words(reader)))
                drips.append(asyncio.create_task(drip(writer, every_seconds=0.2)))
            waited: list[float] = []
            while not all(one.done() for one in closing):
                asked = watch.seconds
                assert (await client.get("/quick")).text == '"here"'
                waited.append(watch.seconds - asked)
                await _pause(0.02)
            took_seconds = watch.seconds
            for task in drips:
                task.cancel()
            heard = await asyncio.gather(*closing)
        assert took_seconds < limits.head_seconds + SLACK_SECONDS
        assert len(waited) > 5
        assert sorted(waited)[len(waited) // 2] < limits.head_seconds / 20
        assert {problem_of(answer) for answer in heard} == {(408, "request-too-slow")}
        assert door.cut("request-too-slow") == 200


@pytest.mark.parametrize("first", [b"", b"\r\n", WHOLE], ids=["silent", "empty lines", "after a request"])
async def test_a_caller_that_asks_nothing_is_left_without_a_word(door: Served, first: bytes) -> None:
    async with connected(door) as (reader, writer):
        writer.write(first)
        if first == WHOLE:
            await reader.readuntil(b'"here"')
        dripping = asyncio.create_task(drip(writer, b"\r\n")) if first else None
        assert await until_closed(reader, within_seconds=LIMITS.head_seconds + SLACK_SECONDS) == b""
        if dripping:
            dripping.cancel()


async def test_the_second_request_of_a_connection_has_the_same_deadline(door: Served) -> None:
    async with connected(door) as (reader, writer):
        writer.write(WHOLE)
        await reader.readuntil(b'"here"')
        writer.write(HALF)
        dripping = asyncio.create_task(drip(writer))
        answer = await until_closed(reader, within_seconds=LIMITS.head_seconds + SLACK_SECONDS)
        dripping.cancel()
    assert problem_of(answer) == (408, "request-too-slow")


async def test_a_body_that_does_not_end_in_time_is_a_408(door: Served) -> None:
    async with connected(door) as (reader, writer):
        writer.write(b"POST /body HTTP/1.1\r\nHost: door\r\nContent-Length: 1000\r\n\r\n")
        dripping = asyncio.create_task(drip(writer))
        answer = await until_closed(reader, within_seconds=LIMITS.body_seconds + SLACK_SECONDS)
        dripping.cancel()
    assert problem_of(answer) == (408, "request-too-slow")


async def test_a_body_that_nobody_waits_for_any_more_ends_soon(door: Served) -> None:
    async with connected(door) as (reader, writer):
        writer.write(b"POST /early HTTP/1.1\r\nHost: door\r\nContent-Length: 1000000\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        dripping = asyncio.create_task(drip(writer))
        await until_closed(reader, within_seconds=LIMITS.head_seconds + SLACK_SECONDS)
        dripping.cancel()


async def test_a_connection_whose_answer_takes_long_is_not_the_callers_fault() -> None:
    with served(an_app(), ConnectionLimits(head_seconds=2.0, idle_seconds=60)) as door:
        async with connected(door) as (reader, writer):
            slow = b"GET /thinking HTTP/1.1\r\nHost: door\r\n\r\n"
            writer.write(slow + b"GET /quick HTT")
            await reader.readuntil(b'"thought"')
            await _pause(0.6)  # of the time that began with the answer; what is left of that before is less
            writer.write(b"P/1.1\r\nHost: door\r\n\r\n")
            await reader.readuntil(b'"here"')


async def test_a_caller_that_does_not_read_its_answer_is_left(door: Served) -> None:
    await until_open(door, at_most=0)
    async with connected(door) as (reader, writer):
        writer.write(WHOLE)
        await reader.readuntil(b'"here"')
        assert door.connections == 1
        transport = writer.transport
        transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can
        with stopwatch() as watch:
            writer.write(b"GET /long HTTP/1.1\r\nHost: door\r\n\r\n")
            await until_open(door, at_most=0)
            assert watch.seconds < LIMITS.write_seconds + 3 * SLACK_SECONDS


@pytest.mark.parametrize("pieces", [1, 100])
async def test_a_head_without_end_is_a_431_however_it_comes(patient_door: Served, pieces: int) -> None:
    cut_before = patient_door.cut("head-too-large")
    async with connected(patient_door) as (reader, writer):
        writer.write(HALF)
        for _ in range(pieces):
            writer.write(b"y" * (200_000 // pieces))
            await _pause(0.001)
        answer = await until_closed(reader, within_seconds=PROMPT_SECONDS)
    assert answer == b"" or problem_of(answer) == (431, "head-too-large")
    assert patient_door.cut("head-too-large") == cut_before + 1


async def test_a_whole_head_that_is_too_long_is_refused_too(patient_door: Served) -> None:
    async with connected(patient_door) as (reader, writer):
        writer.write(HALF + b"y" * 33_000 + b"\r\n\r\n")
        answer = await until_closed(reader, within_seconds=PROMPT_SECONDS)
    assert problem_of(answer) == (431, "head-too-large")


@pytest.mark.parametrize("before", [20_000, 40_000, 100_000, 200_000])
async def test_the_body_of_the_request_before_is_no_part_of_a_head(patient_door: Served, before: int) -> None:
    cut_before = patient_door.cut("head-too-large")
    async with connected(patient_door) as (reader, writer):
        writer.write(b"POST /body HTTP/1.1\r\nHost: door\r\nContent-Length: %d\r\n\r\n" % (before + 1))
        await _pause(0.05)
        writer.write(b"x")
        await _pause(0.05)
        writer.write(b"x" * before + b"GET /quick HTT")
        assert str(before + 1).encode() in await reader.readuntil(str(before + 1).encode())
        writer.write(b"P/1.1\r\nHost: door\r\n\r\n")
        await reader.readuntil(b'"here"')
    assert patient_door.cut("head-too-large") == cut_before


async def test_a_head_without_end_behind_another_request_is_refused_all_the_same(patient_door: Served) -> None:
    cut_before = patient_door.cut("head-too-large")
    async with connected(patient_door) as (reader, writer):
        writer.write(b"GET /quick HTTP/1.1\r\nHost: door\r\n\r\n" + HALF)
        await reader.readuntil(b'"here"')
        for _ in range(20):
            writer.write(b"y" * 2_000)
            await _pause(0.001)
        answer = await until_closed(reader, within_seconds=PROMPT_SECONDS)
    assert answer == b"" or problem_of(answer) == (431, "head-too-large")
    assert patient_door.cut("head-too-large") == cut_before + 1


async def test_a_large_body_behind_a_small_head_is_no_large_head(patient_door: Served) -> None:
    async with a_client(patient_door) as client:
        assert (await client.post("/body", content=bytes(2_000_000))).json() == 2_000_000


@pytest.mark.parametrize(
    ("request_line", "refusal"),
    [(b"GET /" + b"x" * 9_000 + b" HTTP/1.1", (414, "target-too-long")), (b"HELLO", (400, "not-http"))],
)
async def test_what_no_route_will_see_is_a_problem_as_well_and_fills_no_log(
    patient_door: Served, request_line: bytes, refusal: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(patient_door) as (reader, writer):
        writer.write(request_line + b"\r\nHost: door\r\n\r\n")
        answer = await until_closed(reader, within_seconds=PROMPT_SECONDS)
    assert problem_of(answer) == refusal
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


async def test_above_the_number_of_connections_requests_are_told_to_come_again_and_probes_still_answered() -> None:
    limits = replace(PATIENT, connections=8)
    with served(an_app(), limits) as door:
        async with AsyncExitStack() as stack:
            for _ in range(8):
                await stack.enter_async_context(connected(door))
            async with connected(door) as (reader, writer):
                writer.write(WHOLE)
                answer = await until_closed(reader, within_seconds=PROMPT_SECONDS)
                assert problem_of(answer) == (503, "overloaded")
                assert b"retry-after: 1" in answer.lower()
            async with a_client(door) as probe:
                assert (await probe.get("/livez")).status_code == 200
            more = [await stack.enter_async_context(connected(door)) for _ in range(6)]
            unheard = await until_closed(more[-1][0], within_seconds=PROMPT_SECONDS)
            assert problem_of(unheard) == (503, "overloaded")
            await until_open(door, at_most=10)
        async with a_client(door) as client:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (await client.get("/quick")).status_code != 200:
                    await _pause(0.05)

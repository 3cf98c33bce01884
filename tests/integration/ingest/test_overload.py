"""What a flood costs the door: memory within its bound, an honest answer to each, and nothing afterwards."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from httpx import AsyncClient
from pydantic import SecretStr

from libs.common.http.credentials import new_key, write_credentials
from libs.common.service import migrate_service
from libs.laptop.child import Child, free_port, spawn
from libs.laptop.children import answers
from libs.laptop.embedded_broker import EmbeddedBroker
from libs.laptop.launch import Service
from services.ingest.bootstrap import SERVICE
from services.ingest.settings import Settings
from tests.integration.ingest.running import PATIENCE_SECONDS, a_recent_event, new_ids, settings_for
from tests.support.postgres import Database

IN_FLIGHT_BYTES = 8_000_000
CALLERS = 120
BODY_BYTES = 3_900_000
GROWTH_BYTES = 50_000_000
"""What is in flight, twice (it is joined, then parsed), what a connection may buffer unasked, and the allocator's slack."""
LIMITS = {"in_flight_bytes": IN_FLIGHT_BYTES, "http_connections": 100, "body_deadline_seconds": 3.0}


@dataclass(frozen=True)
class Process:
    """A door in a process of its own, so that its memory is its own."""

    child: Child
    port: int
    key: str

    @property
    def rss_bytes(self) -> int:
        rss: int = psutil.Process(self.child.process.pid).memory_info().rss
        return rss

    async def send_one(self) -> int:
        """The status of one good event."""
        async with AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE_SECONDS) as client:
            (event_id,) = new_ids(1)
            answer = await client.post("/v1/events", json=a_recent_event(event_id), headers={"x-api-key": self.key})
        return answer.status_code


def environment_of(settings: Settings) -> Mapping[str, str]:
    """The environment that says what these settings say."""
    said = settings.model_dump(exclude_unset=True)
    return {
        f"USUAL_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in said.items()
    }


@pytest.fixture
async def door(database: Database, tmp_path: Path) -> AsyncIterator[Process]:
    broker = EmbeddedBroker(tmp_path / "broker")
    await broker.start()
    port = free_port()
    settings = settings_for(database, broker, tmp_path, http_port=port, **LIMITS)
    key, credential = new_key("till", frozenset({"events:write"}))
    write_credentials(settings.credentials_file, [credential])
    await migrate_service(SERVICE, settings)
    child = spawn("ingest", Service("ingest", "api").argv, log=tmp_path / "door.log", env=environment_of(settings))
    try:
        await child.wait_ready(answers(f"http://127.0.0.1:{port}/readyz"), within_seconds=60.0)
        yield Process(child, port, key)
    finally:
        await child.stop(grace_seconds=20.0)
        await broker.stop()


@asynccontextmanager
async def watched(door: Process) -> AsyncIterator[list[int]]:
    """The door's resident bytes while the block runs, many times a second."""
    seen = [door.rss_bytes]

    async def watch() -> None:
        while True:
            await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.02)
            seen.append(door.rss_bytes)

    watching = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        watching.cancel()


async def status_of(door: Process, body: bytes, *, stalls: bool) -> int:
    """Send a large body, whole or never ending, and read how it is answered; 0 is a connection closed without a word."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: door\r\nX-Api-Key: {door.key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        sending = asyncio.create_task(_send(writer, head.encode() + (body[: len(body) // 2] if stalls else body)))
        line = await _first_line(reader)
        sending.cancel()
        writer.close()
    except ConnectionError:
        return 0
    return int(line.split()[1]) if line else 0


async def _send(writer: StreamWriter, body: bytes) -> None:
    try:
        for start in range(0, len(body), 65_536):
            writer.write(body[start : start + 65_536])
            await writer.drain()
    except ConnectionError:
        return  # it has said why


async def _first_line(reader: StreamReader) -> bytes:
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        return await reader.readline()


async def test_many_large_and_stalling_bodies_at_once_are_sent_away_and_memory_stays_in_its_bound(
    door: Process,
) -> None:
    good = json.dumps([a_recent_event(event_id) for event_id in new_ids(1000)]).encode()
    large = good + b" " * (BODY_BYTES - len(good))
    for _ in range(3):
        assert await status_of(door, large, stalls=False) == 202
    async with watched(door) as rss_bytes:
        started_bytes = rss_bytes[0]
        flood = [status_of(door, large, stalls=number % 2 == 0) for number in range(CALLERS)]
        statuses = Counter(await asyncio.gather(*flood))
        assert await door.send_one() in {202, 503}
    assert set(statuses) <= {0, 202, 408, 503}, statuses
    assert statuses[503] > CALLERS // 4
    assert statuses[202] + statuses[408] >= 1
    assert max(rss_bytes) - started_bytes < GROWTH_BYTES
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await door.send_one() != 202:
            pass  # the last of the flood are still being closed
    assert [await door.send_one() for _ in range(20)] == [202] * 20
    assert await status_of(door, large, stalls=False) == 202

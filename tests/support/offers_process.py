"""Offers' door as a process of its own, asked over real sockets; and a way to its database on which answers can be withheld."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from libs.common.http.credentials import new_key, write_credentials
from libs.laptop.child import free_port
from tests.support.offers_running import SCOPES
from tests.support.secrets import SECRET_FILE

KEY_ID = "till"
_ROOT = Path(__file__).parents[2]
_PATIENCE_SECONDS = 60.0
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Told:
    """An answer off the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Connection:
    """One connection to a door; answers come in the order of the requests."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read(self) -> Told:
        """The next answer; raises IncompleteReadError when the door is gone."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Told(int(first.split()[1]), headers, await self.reader.readexactly(int(headers["content-length"])))


@dataclass
class DoorProcess:
    """A door that serves, until it is killed."""

    port: int
    key: str
    process: subprocess.Popen[bytes]

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None, key: str | None = None) -> bytes:
        """A request as it goes over the wire."""
        sent = json.dumps(body).encode() if body is not None else b""
        head = [f"{method} {path} HTTP/1.1", "Host: offers", f"X-Api-Key: {self.key}", f"Content-Length: {len(sent)}"]
        head += ["Content-Type: application/json"] if sent else []
        head += [f'Idempotency-Key: "{key}"'] if key else []
        return "\r\n".join([*head, "", ""]).encode() + sent

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Connection]:
        """A connection that was not used yet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=_CHUNK_BYTES)
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def ask(self, request: bytes) -> Told:
        """The answer to one request on a connection of its own."""
        async with asyncio.timeout(_PATIENCE_SECONDS), self.connected() as connection:
            connection.writer.write(request)
            return await connection.read()

    async def ask_in_one_packet(self, requests: Sequence[bytes]) -> list[Told]:
        """The answers to requests that are sent together on one connection, by one call of the socket."""
        async with asyncio.timeout(_PATIENCE_SECONDS), self.connected() as connection:
            connection.writer.write(b"".join(requests))
            return [await connection.read() for _ in requests]

    async def ask_at_once(self, requests: Sequence[bytes]) -> list[Told]:
        """The answers to requests on a connection each, whose last bytes are let go together."""

        async def answered(request: bytes) -> Told:
            async with self.connected() as connection:
                connection.writer.write(request[:-1])
                await connection.writer.drain()
                await ready.wait()
                connection.writer.write(request[-1:])
                return await connection.read()

        ready = asyncio.Barrier(len(requests))
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await asyncio.gather(*map(answered, requests))

    def kill(self) -> None:
        """As the kernel kills."""
        self.process.kill()
        self.process.wait()


@asynccontextmanager
async def a_door(database_url: str, folder: Path) -> AsyncIterator[DoorProcess]:
    """`python -m services.offers api` on this database, ready; killed in the end. The same folder: the same caller."""
    stored, key_file = folder / "credentials.json", folder / "key"
    if not key_file.exists():
        key, credential = new_key(KEY_ID, SCOPES - {"play"})
        write_credentials(stored, [credential])
        key_file.write_text(key)
    port = free_port()
    settings = {
        "USUAL_DATABASE_URL": database_url,
        "USUAL_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "USUAL_HTTP_PORT": str(port),
        "USUAL_CREDENTIALS_FILE": str(stored),
        "USUAL_PSEUDONYM_KEY_FILE": str(SECRET_FILE),
        "USUAL_VOUCHER_KEY_FILE": str(SECRET_FILE),
        "USUAL_GREATEST_DEADLINE_MS": "30000",
        "USUAL_STATEMENT_SECONDS": "20",
        "USUAL_WRITE_DEADLINE_SECONDS": "20",
        "USUAL_LOG_LEVEL": "WARNING",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("USUAL_")}  # noqa: TID251 - a child's
    arguments = [sys.executable, "-m", "services.offers", "api"]
    process = subprocess.Popen(arguments, cwd=_ROOT, env=inherited | settings)  # noqa: ASYNC220 - a test may wait for it
    door = DoorProcess(port, key_file.read_text(), process)
    try:
        await _ready(door)
        yield door
    finally:
        door.kill()


async def _ready(door: DoorProcess) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            assert door.process.poll() is None, "the door ended by itself"
            with suppress(OSError, asyncio.IncompleteReadError):
                if (await door.ask(door.request("GET", "/readyz"))).status == 200:
                    return
            await _pause()


@dataclass
class Withholding:
    """A way to a database. Once a client has named `named`, and then says `then`, that is passed on and its answer is not."""

    named: bytes
    then: bytes
    withheld: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def before(self, database_url: str) -> AsyncIterator[str]:
        """The database's address by this way."""
        target = make_url(database_url)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = await asyncio.open_connection(target.host, target.port)
            muted = asyncio.Event()
            both = (self._ask(reader, there[1], muted), self._answer(there[0], writer, muted))
            await asyncio.gather(*both, return_exceptions=True)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            address = target.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
            yield address.render_as_string(hide_password=False)
        finally:
            server.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event) -> None:
        named = False
        while said := await reader.read(_CHUNK_BYTES):
            named = named or self.named in said
            if named and self.then in said:
                muted.set()
                self.withheld.set()
            writer.write(said)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: asyncio.Event) -> None:
        while said := await reader.read(_CHUNK_BYTES):
            if not muted.is_set():
                writer.write(said)
        writer.close()


async def _pause() -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 0.05)

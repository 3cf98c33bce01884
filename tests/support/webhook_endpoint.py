"""An endpoint that webhooks are sent to: notes what comes, checks its signature, answers as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook as Verifier

Answer = tuple[int, dict[str, str]] | None
"""Status and headers; None cuts the connection without an answer."""


@dataclass(frozen=True)
class Call:
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed_by(self, secret: str) -> bool:
        """As a receiver would check it with the library of the standard."""
        try:
            Verifier(secret).verify(self.body, self.headers, json_parse=False)
        except Exception:  # noqa: BLE001  # whatever the library says no with
            return False
        return True


def takes_all(_: Call) -> Answer:
    return 204, {}


@dataclass
class Endpoint:
    """`behaves` decides on each call; all calls are noted, also those that are refused."""

    behaves: Callable[[Call], Answer] = takes_all
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    def taken(self) -> list[str]:
        """The ids of what was taken, in the order in which it came."""
        return [call.message_id for call in self._taken]

    _taken: list[Call] = field(default_factory=list)
    serving: set[asyncio.Task[Any]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")[1:-2]
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                call = Call(headers, await reader.readexactly(int(headers.get("content-length", "0"))))
                self.calls.append(call)
                answer = self.behaves(call)
                if answer is None:
                    break
                status, more = answer
                if 200 <= status < 300:
                    self._taken.append(call)
                lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in more.items())]
                writer.write(("\r\n".join([*lines, "content-length: 0", "", ""])).encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(behaves: Callable[[Call], Answer] = takes_all) -> AsyncIterator[Endpoint]:
    """An endpoint on loopback."""
    endpoint = Endpoint(behaves)
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    try:
        yield endpoint
    finally:
        server.close()
        for task in endpoint.serving:
            task.cancel()
        await asyncio.gather(*endpoint.serving, return_exceptions=True)

"""A link that may be slow: a proxy on loopback that passes bytes on after a while, in both directions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class SlowLink:
    """Where it listens, and how long each way takes."""

    port: int
    delay_seconds: float = 0.0


@asynccontextmanager
async def slow_link(port: int) -> AsyncIterator[SlowLink]:
    """A way to `port` of this machine, as fast as it is until it is told to be slow."""
    link = SlowLink(port=0)
    open_now: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_pass_on(reader, back, link), _pass_on(there, writer, link))
        except (OSError, asyncio.CancelledError):
            writer.close()
        finally:
            open_now.discard(task)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        for task in list(open_now):
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: SlowLink) -> None:
    """In order, each piece when its time has come: pieces travel behind each other, they do not wait for each other."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            at, piece = await pieces.get()
            await asyncio.sleep(max(0.0, at - loop.time()))  # noqa: TID251 - this is what it is for
            if not piece:
                break
            writer.write(piece)

    delivering = asyncio.create_task(deliver())
    try:
        with contextlib.suppress(OSError):
            while piece := await reader.read(1 << 16):
                pieces.put_nowait((loop.time() + link.delay_seconds, piece))
        pieces.put_nowait((loop.time() + link.delay_seconds, b""))
        await delivering
    finally:
        delivering.cancel()
        writer.close()

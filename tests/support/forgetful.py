"""A way to a server that forgets connections, as a firewall does: nothing is said until the next byte, and then it is refused."""

import asyncio
import contextlib
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_ABORTS = struct.pack("ii", 1, 0)


@dataclass
class ForgetfulWay:
    """Passes bytes on, both ways."""

    target: int
    port: int = 0
    refused: int = 0
    """Connections that were refused because of a byte that came too late."""
    asked: int = 0
    """Pieces that came from the caller's side: each is a round trip for who waits for every answer."""
    _forgotten: set[StreamWriter] = field(default_factory=set)
    _open: set[StreamWriter] = field(default_factory=set)
    _passing: list["asyncio.Task[None]"] = field(default_factory=list)
    _ends: list[StreamWriter] = field(default_factory=list)

    def forget(self) -> None:
        """All that are open now."""
        self._forgotten |= self._open

    async def take(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection."""
        onward_reader, onward = await asyncio.open_connection("127.0.0.1", self.target)
        self._open.add(writer)
        self._ends += [writer, onward]
        self._passing.append(asyncio.create_task(_pass_on(onward_reader, writer)))
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if writer in self._forgotten:
                    self.refused += 1
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTS)
                    break
                self.asked += 1
                onward.write(data)
        self._open.discard(writer)
        onward.close()
        writer.transport.abort()

    def end(self) -> None:
        """Pass nothing on any more."""
        for passing in self._passing:
            passing.cancel()
        for writer in self._ends:
            writer.transport.abort()


@asynccontextmanager
async def forgetful_way(port: int) -> AsyncIterator[ForgetfulWay]:
    """To what listens on this port, while the block lasts."""
    way = ForgetfulWay(port)
    server = await asyncio.start_server(way.take, "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        server.close()
        way.end()


async def _pass_on(reader: StreamReader, writer: StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()

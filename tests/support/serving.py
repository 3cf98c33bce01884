"""An app served by a real server on a real socket, in a thread with the event loop of production."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from libs.common.http.connection_guard import ConnectionLimits
from libs.common.http.server import DrainingServer, make_server
from libs.common.observability.health import Health

_UP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Served:
    """Where it listens and what it counted."""

    port: int
    server: DrainingServer
    registry: CollectorRegistry

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.server.server_state.connections)

    def cut(self, slug: str) -> float:
        """How many connections it has cut for this reason."""
        return self.registry.get_sample_value("http_connections_cut_total", {"slug": slug}) or 0.0


@contextmanager
def served(app: FastAPI, limits: ConnectionLimits) -> Iterator[Served]:
    """Serve until the block ends; raises TimeoutError when it does not come up."""
    registry = CollectorRegistry()
    server = make_server(app, host="127.0.0.1", port=0, health=Health(), limits=limits, metrics=registry)
    up = threading.Event()

    async def serve() -> None:
        serving = asyncio.create_task(server.serve())
        while not (server.started or serving.done()):
            await asyncio.wait({serving}, timeout=0.01)
        up.set()
        await serving

    thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
    thread.start()
    if not up.wait(_UP_SECONDS):
        raise TimeoutError
    try:
        yield Served(server.servers[0].sockets[0].getsockname()[1], server, registry)
    finally:
        server.should_exit = True
        thread.join(_UP_SECONDS)

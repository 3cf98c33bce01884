"""A service's real application behind a socket, in a thread of its own: for clients that are not asynchronous."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

_PATIENCE_SECONDS = 60.0


@contextmanager
def serving(make_app: Callable[[], Awaitable[FastAPI]]) -> Iterator[str]:
    """The address of the application that `make_app` assembles, while the block lasts."""
    started, servers, failures = threading.Event(), list[uvicorn.Server](), list[BaseException]()

    async def serve() -> None:
        config = uvicorn.Config(await make_app(), host="127.0.0.1", port=0, log_config=None, lifespan="on")
        server = uvicorn.Server(config)
        servers.append(server)
        running = asyncio.create_task(server.serve())
        while not (server.started or running.done()):
            await asyncio.wait([running], timeout=0.01)
        started.set()
        await running

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="served application", daemon=True)
    thread.start()
    try:
        assert started.wait(_PATIENCE_SECONDS), "the application did not start in time"
        assert servers, failures
        assert servers[0].started, failures
        yield f"http://127.0.0.1:{servers[0].servers[0].sockets[0].getsockname()[1]}"
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(_PATIENCE_SECONDS)

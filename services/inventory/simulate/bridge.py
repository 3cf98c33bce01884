"""The bridge: serves a simulator's protocol over HTTP on loopback; `usual simulate --bridge PORT`."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI, Request, Response

from libs.common.errors import InvalidInput
from libs.common.http.problems import add_problem_handlers
from libs.common.http.server import make_server
from libs.common.observability.health import Health
from libs.laptop.embedded_postgres import EmbeddedPostgres
from services.inventory.simulate.protocol import Answer, Closed, World, batch_of, body_of
from services.inventory.simulate.world import Played, opened

_DATABASE = "simulated"
Tell = Callable[[str], None]


@dataclass(slots=True)
class Bridge:
    """Plays one world at a time, one batch at a time; the word `world` begins anew."""

    server: EmbeddedPostgres
    tell: Tell
    reroute: bool = True
    _played: Played | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, body: bytes) -> bytes:
        """What the service asks for after this batch; raises InvalidInput for what the protocol does not know."""
        said = batch_of(body).events
        async with self._turn:
            for one in said:
                if isinstance(one, World):
                    await self._begin(one)
            if self._played is None:
                raise InvalidInput("no world yet", slug="invalid-simulation")
            asked = await self._played.answer(said)
            if Closed(day=self._played.facts.world.last_day) in said:
                self.tell(self._played.effort.summary())
        return body_of(Answer(asked))

    async def close(self) -> None:
        """End the world that is played."""
        await self._stack.aclose()

    async def _begin(self, world: World) -> None:
        await self._stack.aclose()
        self._played = await self._stack.enter_async_context(
            opened(world, self.server, _DATABASE, reroute=self.reroute)
        )
        self.tell(f"a world of {len(world.stores)} stores and {len(world.items)} items; commands approve themselves")


def app_of(answer: Callable[[bytes], Awaitable[bytes]]) -> FastAPI:
    """One route: a batch of events in, commands out."""
    app = FastAPI(title="The Usual: simulator's bridge", docs_url=None, redoc_url=None, openapi_url=None)
    add_problem_handlers(app)

    async def take(request: Request) -> Response:
        return Response(await answer(await request.body()), media_type="application/json")

    app.add_api_route("/", take, methods=["POST"])
    return app


async def serve(folder: Path, port: int, *, reroute: bool, tell: Tell) -> None:
    """Serve on loopback until told to stop; PostgreSQL's data is in `folder`."""
    server = EmbeddedPostgres(folder / "postgres", settings={"synchronous_commit": "off"})
    await server.start()
    try:
        bridge = Bridge(server, tell, reroute)
        tell(f"the bridge listens on http://127.0.0.1:{port}/")
        await make_server(app_of(bridge.answer), host="127.0.0.1", port=port, health=Health(), lifespan="off").serve()
        await bridge.close()
    finally:
        await server.stop()

"""The role `worker` as a process: parts until they are told to stop, and the health door beside them."""

import asyncio
from dataclasses import replace

from libs.common.http.server import make_server
from libs.common.http.service_app import create_service_app
from libs.common.streaming import run_until_stopped, stop_on_signals
from services.profile.bootstrap import assemble, worker_of
from services.profile.settings import Settings


async def run_worker(settings: Settings) -> None:
    """Consume, fold and publish until SIGTERM or SIGINT."""
    parts = assemble(settings, "worker")
    app = create_service_app(
        "The Usual: profile worker", description="Health and metrics.", health=parts.health, metrics=parts.registry
    )
    server = make_server(app, host=settings.http_host, port=settings.http_port, health=parts.health, lifespan="off")
    stop = asyncio.Event()
    with stop_on_signals(stop):
        await run_until_stopped(replace(worker_of(parts), beside=server.serve), stop)

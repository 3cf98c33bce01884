"""A worker as a process: its parts until they are told to stop, and the door for health and metrics beside them."""

import asyncio
import gc
from dataclasses import replace
from typing import Any

from libs.common.http.service_app import create_service_app
from libs.common.service.parts import ServiceParts
from libs.common.streaming import Worker, run_until_stopped, stop_on_signals

_COLLECT_AFTER = (500_000, 10, 20)
"""More than a batch under way is made of: what it needs is no garbage, and is gone without the collector when it is done."""


async def run_as_worker(parts: ServiceParts[Any, Any], worker: Worker) -> None:
    """Run `worker` until SIGTERM or SIGINT; raises what one of its parts failed of, after all was closed in order."""
    app = create_service_app(
        f"The Usual: {parts.service} {parts.role}",
        description="Health and metrics.",
        health=parts.health,
        metrics=parts.registry,
    )
    # Its parts live and die by the worker, so the door beside them has no lifespan of its own.
    server = parts.server(app, lifespan="off")
    stop = asyncio.Event()
    # What was made so far stays: the collector need not walk it again and again, least of all in the midst of a batch.
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    with stop_on_signals(stop):
        await run_until_stopped(replace(worker, beside=server.serve), stop)

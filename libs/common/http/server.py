"""Serves an app with uvicorn until it is told to stop, then lets what is under way finish."""

from typing import Literal

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from libs.common.http.connection_guard import ConnectionLimits, ConnectionMetrics, guarded
from libs.common.observability.health import Health

GRACE_SECONDS = 10


class DrainingServer(uvicorn.Server):
    """Says "not ready" the moment a stop is asked for, before connections are closed."""

    def __init__(self, config: uvicorn.Config, health: Health) -> None:
        super().__init__(config)
        self._health = health

    def handle_exit(self, sig: int, frame: object) -> None:
        """On SIGTERM or SIGINT: stop being ready, then let uvicorn drain."""
        self._health.draining = True
        super().handle_exit(sig, frame)  # type: ignore[arg-type]  # uvicorn names the frame's type; any will do


def make_server(  # noqa: PLR0913 - where, for whom, and within which limits
    app: FastAPI,
    *,
    host: str,
    port: int,
    health: Health,
    lifespan: Literal["on", "off"] = "on",
    limits: ConnectionLimits | None = None,
    metrics: CollectorRegistry | None = None,
) -> DrainingServer:
    """A server for `app`: no access log (metrics count), guarded connections, ten seconds of grace at the end.

    A worker serves its health with `lifespan` off: the worker owns its parts, and ends this server when they have ended.
    """
    limits = limits or ConnectionLimits()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=guarded(limits, ConnectionMetrics(metrics or CollectorRegistry())),
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # nobody here asks for a caller's address
        limit_concurrency=limits.connections,
        timeout_keep_alive=limits.idle_seconds,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=1024,
        lifespan=lifespan,
    )
    return DrainingServer(config, health)

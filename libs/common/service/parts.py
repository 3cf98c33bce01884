"""What every process has: clock, database, metrics, health, and what its consumers and relays share. Nothing connects yet."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Generic, Literal, TypeVar

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock, SystemClock
from libs.common.errors import InvalidInput
from libs.common.http.credentials import Credentials
from libs.common.http.server import DrainingServer, make_server
from libs.common.observability.health import Check, Health
from libs.common.persistence import (
    Backoff,
    RelayMetrics,
    RelayRuntime,
    Sender,
    Timeouts,
    Transactions,
    is_current,
    make_engine,
)
from libs.common.service.settings import ServiceSettings
from libs.common.streaming import StreamMetrics, StreamRuntime

Chosen = TypeVar("Chosen", bound=ServiceSettings)
Counted = TypeVar("Counted")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceParts(Generic[Chosen, Counted]):
    """The common parts of one process, with the service's own settings and metrics."""

    settings: Chosen
    metrics: Counted
    service: str
    role: str
    clock: Clock
    engine: AsyncEngine
    transactions: Transactions
    registry: CollectorRegistry
    health: Health
    backoff: Backoff

    def stream_runtime(self) -> StreamRuntime:
        """What the consumers of this process share; registers its metrics, so ask once."""
        return StreamRuntime(
            settings=self.settings.stream(f"{self.service}-{self.role}"),
            transactions=self.transactions,
            clock=self.clock,
            metrics=StreamMetrics(self.registry),
            backoff=self.backoff,
            owner=f"{socket.gethostname()}:{os.getpid()}",
        )

    def relay_runtime(self, sender: Sender) -> RelayRuntime:
        """What the relays of this process share; registers their metrics, so ask once."""
        return RelayRuntime(
            transactions=self.transactions,
            sender=sender,
            clock=self.clock,
            metrics=RelayMetrics(self.registry),
            backoff=self.backoff,
        )

    def credentials(self) -> Credentials:
        """Who may call; raises InvalidInput without a credentials file."""
        if self.settings.credentials_file is None:
            raise InvalidInput(f"the role {self.role} needs USUAL_CREDENTIALS_FILE", slug="no-credentials-file")
        return Credentials(self.settings.credentials_file, self.clock)

    def drain(self) -> None:
        """Not ready any more; what is under way may finish."""
        self.health.draining = True

    def server(self, app: FastAPI, *, lifespan: Literal["on", "off"] = "on") -> DrainingServer:
        """A server for `app` where the settings say; see make_server."""
        settings = self.settings
        return make_server(
            app,
            host=settings.http_host,
            port=settings.http_port,
            health=self.health,
            lifespan=lifespan,
            limits=settings.connection_limits(),
            metrics=self.registry,
        )


def assemble_parts(  # noqa: PLR0913 - what tells one process from another
    service: str,
    settings: Chosen,
    role: str,
    make_metrics: Callable[[CollectorRegistry], Counted],
    *,
    clock: Clock | None = None,
    pool_size: int = 5,
    timeouts: Timeouts | None = None,
) -> ServiceParts[Chosen, Counted]:
    """Join the common parts. Ready means: the schema is at this release. Without `timeouts` the role's are kept."""
    clock = clock or SystemClock()
    engine = make_engine(
        settings.database_url.get_secret_value(),
        schema=service,
        application_name=f"{service}-{role}",
        timeouts=timeouts or (Timeouts.api() if role == "api" else Timeouts.worker()),
        pool_size=pool_size,
    )
    health = Health()
    health.ready["migrated"] = _is_migrated(engine, service)
    registry = CollectorRegistry()
    return ServiceParts(
        settings=settings,
        metrics=make_metrics(registry),
        service=service,
        role=role,
        clock=clock,
        engine=engine,
        transactions=Transactions(engine, service),
        registry=registry,
        health=health,
        backoff=Backoff(random=Random(clock.now().timestamp())),
    )


def _is_migrated(engine: AsyncEngine, service: str) -> Check:
    """Asked of the database until it says yes, once: a door is served on when the database goes away."""
    known = False

    async def check() -> bool:
        nonlocal known
        known = known or await is_current(engine, f"services.{service}.migrations", service)
        return known

    return check

"""The door as an HTTP application: the common app, the door's routers, and its parts' life."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import APIRouter, FastAPI

from libs.common.http.bounded_bodies import Bodies
from libs.common.http.server import make_server
from libs.common.http.service_app import create_service_app
from services.ingest.api.body import Limits
from services.ingest.api.card_numbers import RefuseCardNumbers
from services.ingest.api.clocks import clocks_router
from services.ingest.api.events import events_router
from services.ingest.api.persons import persons_router
from services.ingest.api.poslog import poslog_router
from services.ingest.api.quarantine import quarantine_router
from services.ingest.api.schemas import schemas_router
from services.ingest.api.segment import segment_router
from services.ingest.api.tracker import tracker_router
from services.ingest.bootstrap import Ingest, assemble, running
from services.ingest.domain.poslog import Assumed, XmlLimits
from services.ingest.handlers.poslog import PoslogDoor
from services.ingest.settings import Settings


def create_app(ingest: Ingest) -> FastAPI:
    """The application around assembled parts; they connect when it starts and close when it ends."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with running(ingest):
            yield

    app = create_service_app(
        "The Usual: ingest",
        description="The front door: events in, each with an answer.",
        health=ingest.health,
        metrics=ingest.registry,
        lifespan=lifespan,
        bodies=Bodies(greatest_bytes=ingest.settings.greatest_body_bytes),
    )
    settings = ingest.settings
    limits = Limits(
        greatest_body_bytes=settings.greatest_body_bytes,
        greatest_batch=settings.greatest_batch,
        body_deadline_seconds=settings.body_deadline_seconds,
    )
    app.surround(
        partial(
            RefuseCardNumbers,
            guard=ingest.door.rules.cards,
            refused=ingest.door.metrics.card_numbers,
            greatest_body_bytes=limits.greatest_body_bytes,
        )
    )
    app.state.credentials = ingest.credentials
    app.include_router(events_router(ingest.door, ingest.credentials, ingest.intake, limits))
    app.include_router(segment_router(ingest.door, ingest.credentials, ingest.intake, limits, settings.pseudonyms()))
    app.include_router(tracker_router())
    app.include_router(quarantine_router(ingest.quarantine, ingest.mender))
    app.include_router(persons_router(ingest.sealing))
    app.include_router(_poslog(ingest, limits))
    app.include_router(clocks_router(ingest.door.timekeeping))
    app.include_router(schemas_router())
    return app


def _poslog(ingest: Ingest, limits: Limits) -> APIRouter:
    settings = ingest.settings
    door = PoslogDoor(
        door=ingest.door,
        limits=XmlLimits(greatest_transactions=limits.greatest_batch),
        guard=ingest.door.rules.cards,
    )
    assumed = Assumed(zone=settings.poslog_time_zone, currency=settings.poslog_currency)
    return poslog_router(door, ingest.intake, limits, assumed)


async def run_api(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    ingest = assemble(settings)
    server = make_server(
        create_app(ingest),
        host=settings.http_host,
        port=settings.http_port,
        health=ingest.health,
        limits=settings.connection_limits(),
        metrics=ingest.registry,
    )
    await server.serve()

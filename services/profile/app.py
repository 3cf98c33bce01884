"""The role `api`: the common app with this service's router, served until told to stop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from libs.common.http.service_app import create_service_app
from libs.common.persistence import Transactions
from services.profile.api.customers import customers_router
from services.profile.api.looks import looks_router
from services.profile.api.privacy import erasures_router, exports_router
from services.profile.api.segments import segments_router
from services.profile.api.short_cuts import short_cuts
from services.profile.bootstrap import SERVICE, Parts, assemble
from services.profile.bootstrap.export import sources_of
from services.profile.handlers.asking import Asking
from services.profile.handlers.erasing import Erasing
from services.profile.handlers.exporting import Exporting
from services.profile.handlers.looking import Looking
from services.profile.handlers.segmenting import Segmenting
from services.profile.settings import Settings
from services.profile.store import PostgresProfileStore


def create_app(parts: Parts) -> FastAPI:
    """The application around assembled parts; raises InvalidInput without credentials or the secret of pseudonyms."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await parts.engine.dispose()

    app = create_service_app(
        "The Usual: profile",
        description="What the chain knows of a customer, and what the customer will want next.",
        health=parts.health,
        metrics=parts.registry,
        lifespan=lifespan,
    )
    app.state.credentials = parts.credentials()
    looking = Looking(
        parts.transactions,
        PostgresProfileStore,
        clock=parts.clock,
        statements=Transactions(parts.engine.execution_options(isolation_level="AUTOCOMMIT"), SERVICE),
    )
    asking = Asking(
        parts.transactions,
        PostgresProfileStore,
        looking,
        metrics=parts.metrics,
        clock=None if parts.settings.play_mode else parts.clock,
    )
    erasing = Erasing(parts.transactions, PostgresProfileStore, parts.clock, play_mode=parts.settings.play_mode)
    exporting = Exporting(
        parts.transactions,
        PostgresProfileStore,
        sources_of(parts.settings),
        looking,
        clock=parts.clock,
        deadline_seconds=parts.settings.export_seconds,
    )
    pseudonyms = parts.settings.pseudonyms()
    customers = customers_router(looking, asking, pseudonyms)
    app.include_router(customers)
    for path, short_cut in short_cuts(looking, pseudonyms).items():
        app.shorten(customers, path, short_cut)
    app.include_router(erasures_router(erasing, pseudonyms))
    app.include_router(exports_router(exporting))
    app.include_router(looks_router(looking))
    app.include_router(segments_router(Segmenting(parts.transactions, PostgresProfileStore, clock=parts.clock)))
    return app


async def run_api(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    parts = assemble(settings, "api")
    await parts.server(create_app(parts)).serve()

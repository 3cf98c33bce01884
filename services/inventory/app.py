"""The role `api`: the common app with this service's router, served until told to stop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from libs.common.http.service_app import create_service_app
from services.inventory.api.router import inventory_router
from services.inventory.bootstrap import Parts, assemble, desk_of
from services.inventory.settings import Settings


def create_app(parts: Parts) -> FastAPI:
    """The application around assembled parts; raises InvalidInput without a credentials file."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await parts.engine.dispose()

    app = create_service_app(
        "The Usual: inventory",
        description="What is where, what will be wanted, and the commands that bring the one to the other.",
        health=parts.health,
        metrics=parts.registry,
        lifespan=lifespan,
    )
    app.state.credentials = parts.credentials()
    app.include_router(inventory_router(desk_of(parts), parts.clock))
    return app


async def run_api(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    parts = assemble(settings, "api")
    await parts.server(create_app(parts)).serve()

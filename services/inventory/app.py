"""The role `api`: the common app with this service's router, served until told to stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from libs.common.http.service_app import create_service_app
from services.inventory.api.assortment.routes import assortment_router
from services.inventory.api.commands.answers import answer_router
from services.inventory.api.commands.live import live_router
from services.inventory.api.commands.routes import command_router
from services.inventory.api.edi import edi_router
from services.inventory.api.lanes import lane_router
from services.inventory.api.policies import policy_router
from services.inventory.api.router import inventory_router
from services.inventory.api.webhooks import webhook_router
from services.inventory.bootstrap import (
    Parts,
    approvals_of,
    assemble,
    assortment_desk_of,
    desk_of,
    edi_desk_of,
    feed_of,
    policy_desk_of,
    trial_desk_of,
    webhook_desk_of,
)
from services.inventory.settings import Settings


def create_app(parts: Parts) -> FastAPI:
    """The application around assembled parts; raises InvalidInput without a credentials file."""
    webhooks = webhook_desk_of(parts)
    feed = feed_of(parts)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(feed.run())
        yield
        watching.cancel()
        await asyncio.wait([watching])
        await webhooks.poster.close()
        await parts.engine.dispose()

    app = create_service_app(
        "The Usual: inventory",
        description="What is where, what will be wanted, and the commands that bring the one to the other.",
        health=parts.health,
        metrics=parts.registry,
        lifespan=lifespan,
    )
    app.state.credentials = parts.credentials()
    desk = desk_of(parts)
    app.include_router(inventory_router(desk))
    app.include_router(answer_router(desk, parts.clock))
    app.include_router(live_router(feed))  # before those with an id in their path
    app.include_router(command_router(desk, approvals_of(parts)))
    app.include_router(webhook_router(webhooks))
    app.include_router(edi_router(edi_desk_of(parts)))
    app.include_router(policy_router(policy_desk_of(parts)))
    app.include_router(lane_router(parts.transactions, desk.store_of))
    app.include_router(assortment_router(assortment_desk_of(parts), trial_desk_of(parts)))
    return app


async def run_api(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    parts = assemble(settings, "api")
    await parts.server(create_app(parts)).serve()

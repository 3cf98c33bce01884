"""The role `api`: the common app with this service's doors, served until told to stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI

from libs.common.errors import RetryableError
from libs.common.http.bounded_bodies import Bodies
from libs.common.http.service_app import create_service_app
from services.offers.api.batches import IMPORTS, batch_router
from services.offers.api.brakes import brake_router
from services.offers.api.campaigns.stacking_rules import stacking_rules_router
from services.offers.api.campaigns.versions import campaign_router
from services.offers.api.checkout import CHECKOUTS, checkout_router, plain_checkouts
from services.offers.api.codes import voucher_key_router
from services.offers.api.fraud import fraud_router
from services.offers.api.lanes.leases import lease_router
from services.offers.api.lanes.reconciliations import reconciliation_router
from services.offers.api.money.budgets import budget_router
from services.offers.api.money.ledger import ledger_router
from services.offers.api.privacy import history_router
from services.offers.api.receipts import receipt_router
from services.offers.api.redemption.holds import hold_router
from services.offers.api.redemption.redemptions import redemption_router
from services.offers.api.redemption.sets import set_router
from services.offers.api.repeating import KeyedWrites, describe_keys
from services.offers.api.returns import return_router
from services.offers.api.revocation import revocation_router
from services.offers.bootstrap import Door, Parts, assemble, code_key_of, door_of, running
from services.offers.domain.codes.code import CodeKey
from services.offers.settings import Settings

_log = structlog.get_logger(__name__)


def create_app(door: Door) -> FastAPI:
    """The application around assembled parts; raises InvalidInput without a credentials file."""
    parts = door.parts

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with running(door):
            yield

    app = create_service_app(
        "The Usual: offers",
        description="Vouchers for a receipt, their redemption, and the campaigns behind them.",
        health=parts.health,
        metrics=parts.registry,
        lifespan=lifespan,
        bodies=Bodies(streamed=IMPORTS),
    )
    app.state.credentials = parts.credentials()
    checkouts = checkout_router(door.doors)
    app.include_router(checkouts)
    app.shorten(checkouts, CHECKOUTS, plain_checkouts(door.doors), method="POST")
    for router_of in (
        *(receipt_router, redemption_router, hold_router),
        *(revocation_router, voucher_key_router, campaign_router, ledger_router, history_router, budget_router),
        batch_router,
        *(lease_router, reconciliation_router),
        *(set_router, stacking_rules_router, return_router),
        *(brake_router, fraud_router),
    ):
        app.include_router(router_of(door.doors))
    app.surround(lambda within: KeyedWrites(within, app, door.once))
    describe_keys(app)
    return app


async def run_api(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Waits for the database once, at the start: without the key there is no code."""
    parts = assemble(settings, "api")
    app = create_app(door_of(parts, await _key(parts)))
    await parts.server(app).serve()


async def _key(parts: Parts) -> CodeKey:
    attempt = 0
    while True:
        try:
            return await code_key_of(parts)
        except RetryableError as error:
            attempt += 1
            _log.warning("waiting for the database", slug=error.slug)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), parts.backoff.delay_seconds(attempt))

"""`POST /v1/redemptions` and its rollback. A code travels in bodies only, never in a path."""

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime

from libs.common.contracts.values import Key
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors, check_store, documented, in_time
from services.offers.api.redemption.baskets import BasketWithBearer, Code, basket_of, bearer_of, presenter_of
from services.offers.api.repeating import when_durable
from services.offers.handlers.redemption.desk import (
    REDEEMED,
    Redeemed,
    Redemption,
    RedemptionAnswer,
)
from services.offers.handlers.returns.taking_back import RollbackAnswer, roll_back
from services.offers.ports.redemption.redemptions import RedemptionStore

Caller = Annotated[Credential, Depends(require("voucher:redeem"))]


class RedemptionRequest(BasketWithBearer):
    """A code that a customer presents with a receipt. The same `redemption_id` always gets the same answer."""

    redemption_id: Key
    code: Code
    occurred_at: AwareDatetime | None = None
    """Only in a deployment that plays a data set, with the scope `play`."""


def redemption_router(doors: Doors) -> APIRouter:
    """The routes, bound to their stores."""
    router = APIRouter(prefix="/v1", tags=["tills"])

    @router.post(
        "/redemptions",
        summary="Redeem a voucher on this receipt",
        responses=documented(RedemptionAnswer, "Redeemed, or refused with a reason") | problems(409, 429),
    )
    async def redeem(request: RedemptionRequest, caller: Caller, http: Request) -> Response:
        """One wins, whoever asks at the same time. A refusal is an outcome, not an error.

        A key without the scope `voucher:explain` hears `not-valid` for every reason, and after the same time.
        """
        accepted_seconds = doors.clock.monotonic_seconds()
        check_store(caller, request.store_id)
        asked = Redemption(
            redemption_id=request.redemption_id,
            code=request.code,
            basket=basket_of(request),
            presenter=presenter_of(caller, request),
            occurred_at=doors.event_time(caller, request.occurred_at),
            bearer=bearer_of(doors, caller, request),
        )
        async with in_time(doors), doors.redemptions() as stores:
            redeemed = await doors.redemption_desk.redeem(stores, asked)
        _count(doors, redeemed)
        if redeemed.status != REDEEMED and not asked.presenter.sees_reasons:
            floor_seconds = accepted_seconds + doors.refusal_floor_seconds
            await when_durable(http, lambda: _not_before(doors, floor_seconds))
        return Response(redeemed.answer, media_type="application/json")

    @router.post(
        "/redemptions/{redemption_id}/rollback",
        summary="Take a redemption back",
        responses=documented(RollbackAnswer, "What came back, and what the voucher is good for again") | problems(409),
    )
    async def take_back(redemption_id: Key, caller: Caller) -> Response:
        """The voucher is good again while its time lasts."""
        async with in_time(doors), doors.redemptions() as stores:
            await _check_owner(stores.redemptions, redemption_id, caller)
            answer = await roll_back(stores.redemptions, redemption_id, doors.money_clock)
        return Response(answer, media_type="application/json")

    return router


async def _check_owner(store: RedemptionStore, redemption_id: str, caller: Credential) -> None:
    found = await store.lock_by_redemption(redemption_id)
    if found is not None:
        check_store(caller, found[0].store_id)


async def _not_before(doors: Doors, at_seconds: float) -> None:
    """Wait until this moment of the monotonic clock; the transaction is over, no connection is held."""
    with suppress(TimeoutError):
        async with asyncio.timeout(at_seconds - doors.clock.monotonic_seconds()):
            await asyncio.Event().wait()


def _count(doors: Doors, redeemed: Redeemed) -> None:
    if redeemed.repeat:
        return
    if redeemed.status == REDEEMED:
        doors.metrics.redeemed.labels(redeemed.campaign_id).inc()
    else:
        doors.metrics.redemptions_refused.labels(redeemed.reason).inc()

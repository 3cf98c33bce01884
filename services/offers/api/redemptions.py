"""`POST /v1/redemptions` and its rollback. A code travels in bodies only, never in a path."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from libs.common.contracts.values import Currency, Key
from libs.common.errors import RetryableError
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.checkouts import CheckoutLine
from services.offers.api.doors import Doors, check_store, documented
from services.offers.api.repeating import when_durable
from services.offers.domain.guessing import Presenter
from services.offers.domain.voucher import Basket, BasketLine
from services.offers.handlers.redemption import (
    REDEEMED,
    Redeemed,
    Redemption,
    RedemptionAnswer,
)
from services.offers.handlers.returns import RollbackAnswer, roll_back
from services.offers.ports.guessing import TillStores
from services.offers.ports.vouchers import RedemptionStore

Code = Annotated[str, Field(min_length=1, max_length=256)]
"""As typed, or as scanned: the signed text of a QR code too."""
Caller = Annotated[Credential, Depends(require("voucher:redeem"))]
MOST_CODES = 12
"""In one question: which of them go together is found out exactly."""


class BasketAtTill(BaseModel):
    """The receipt that codes are presented with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    receipt_id: Key
    store_id: Key
    terminal_id: Key | None = None
    currency: Currency
    lines: Annotated[tuple[CheckoutLine, ...], Field(max_length=2000)]
    """What goods cost before any voucher, each line under a number of its own."""

    @model_validator(mode="after")
    def _numbers_its_lines_apart(self) -> Self:
        if len({line.line_no for line in self.lines}) != len(self.lines):
            raise ValueError("two lines have the same line_no")
        return self


class RedemptionRequest(BasketAtTill):
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
        )
        async with in_time(doors) as stores:
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
        async with in_time(doors) as stores:
            await _check_owner(stores.redemptions, redemption_id, caller)
            answer = await roll_back(stores.redemptions, redemption_id, doors.money_clock)
        return Response(answer, media_type="application/json")

    return router


@asynccontextmanager
async def in_time(doors: Doors) -> AsyncIterator[TillStores]:
    """A transaction under a deadline of our own: a server that is stopped never ends its own statements."""
    try:
        async with asyncio.timeout(doors.write_deadline_seconds), doors.redemptions() as stores:
            yield stores
    except TimeoutError as error:
        raise RetryableError("the database did not answer in time; ask again with the same id") from error


async def _check_owner(store: RedemptionStore, redemption_id: str, caller: Credential) -> None:
    found = await store.lock_by_redemption(redemption_id)
    if found is not None:
        check_store(caller, found[0].store_id)


async def _not_before(doors: Doors, at_seconds: float) -> None:
    """Wait until this moment of the monotonic clock; the transaction is over, no connection is held."""
    with suppress(TimeoutError):
        async with asyncio.timeout(at_seconds - doors.clock.monotonic_seconds()):
            await asyncio.Event().wait()


def presenter_of(caller: Credential, request: BasketAtTill) -> Presenter:
    """Whose misses these are."""
    return Presenter(
        key_id=caller.key_id,
        store_id=request.store_id,
        terminal_id=request.terminal_id,
        sees_reasons=caller.allows("voucher:explain"),
    )


def basket_of(request: BasketAtTill) -> Basket:
    """The basket as the rules see it."""
    return Basket(
        receipt_id=request.receipt_id,
        store_id=request.store_id,
        currency=request.currency,
        lines=[
            BasketLine(
                line_no=line.line_no, item_id=line.item_id, quantity=line.quantity, amount_cents=line.amount_cents
            )
            for line in request.lines
        ],
    )


def _count(doors: Doors, redeemed: Redeemed) -> None:
    if redeemed.repeat:
        return
    if redeemed.status == REDEEMED:
        doors.metrics.redeemed.labels(redeemed.campaign_id).inc()
    else:
        doors.metrics.redemptions_refused.labels(redeemed.reason).inc()

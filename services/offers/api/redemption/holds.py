"""`POST /v1/qualifications` and `/v1/holds...`: what codes would give, and a voucher kept for a till that has not decided yet."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from libs.common.contracts.values import Key
from libs.common.errors import Forbidden
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors, check_store, documented, in_time
from services.offers.api.redemption.baskets import MOST_CODES, BasketAtTill, Code, basket_of, presenter_of
from services.offers.handlers.redemption.holding import (
    HoldAnswer,
    HoldChanged,
    Holding,
    Qualification,
    extend_hold,
    hold_voucher,
    release_hold,
    weigh,
)
from services.offers.ports.redemption.till import TillStores

Caller = Annotated[Credential, Depends(require("voucher:redeem"))]
Seconds = Annotated[int, Field(ge=1, le=600)]
_DEFAULT_SECONDS = 120


class QualificationRequest(BasketAtTill):
    """Codes that a customer shows, before anything is decided."""

    codes: Annotated[tuple[Code, ...], Field(min_length=1, max_length=MOST_CODES)]


class HoldRequest(BasketAtTill):
    """A code to be kept for this receipt. The same `hold_id` always gets the same answer."""

    hold_id: Key
    code: Code
    seconds: Seconds = _DEFAULT_SECONDS
    occurred_at: AwareDatetime | None = None
    """Only in a deployment that plays a data set, with the scope `play`."""


class Extension(BaseModel):
    """For how long from now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: Seconds = _DEFAULT_SECONDS


def hold_router(doors: Doors) -> APIRouter:
    """The routes, bound to their stores."""
    router = APIRouter(prefix="/v1", tags=["tills"])

    @router.post(
        "/qualifications",
        summary="What codes would give on this basket",
        responses=documented(Qualification, "What each would give by itself, and which go together") | problems(429),
    )
    async def qualify(request: QualificationRequest, caller: Caller) -> Response:
        """By the rules and the reserve that a redemption goes by. Nothing changes; hold a code to be sure of it."""
        _check(caller, request.store_id)
        async with in_time(doors), doors.redemptions() as stores:
            presenter = presenter_of(caller, request)
            answer = await weigh(doors.redemption_desk, stores, request.codes, basket_of(request), presenter)
        return Response(answer, media_type="application/json")

    @router.post(
        "/holds",
        summary="Hold a voucher for this receipt",
        responses=documented(HoldAnswer, "Held, or refused with a reason") | problems(409, 429),
    )
    async def hold(request: HoldRequest, caller: Caller) -> Response:
        """Nobody else gets it meanwhile, and this receipt does even if the voucher's time ends. Redeem it as any other code."""
        _check(caller, request.store_id)
        asked = Holding(
            hold_id=request.hold_id,
            code=request.code,
            basket=basket_of(request),
            presenter=presenter_of(caller, request),
            lasting=timedelta(seconds=request.seconds),
            occurred_at=doors.event_time(caller, request.occurred_at),
        )
        async with in_time(doors), doors.redemptions() as stores:
            answer = await hold_voucher(doors.redemption_desk, stores, asked)
        return Response(answer, media_type="application/json")

    @router.post(
        "/holds/{hold_id}/extension",
        summary="Hold it for longer",
        responses=documented(HoldChanged, "Until when it is held now") | problems(404, 409),
    )
    async def extend(hold_id: Key, request: Extension, caller: Caller) -> Response:
        """At most a quarter of an hour from its beginning; 409 when it is over."""
        async with in_time(doors), doors.redemptions() as stores:
            now = await _asked_by_owner(doors, stores, hold_id, caller)
            lasting = timedelta(seconds=request.seconds)
            answer = await extend_hold(doors.redemption_desk, stores.holds, hold_id, lasting, now)
        return Response(answer, media_type="application/json")

    @router.post(
        "/holds/{hold_id}/release",
        summary="Let go of it",
        responses=documented(HoldChanged, "It is free") | problems(404),
    )
    async def release(hold_id: Key, caller: Caller) -> Response:
        """The voucher is free at once. Again: the same answer."""
        async with in_time(doors), doors.redemptions() as stores:
            now = await _asked_by_owner(doors, stores, hold_id, caller)
            answer = await release_hold(doors.redemption_desk, stores.holds, hold_id, now)
        return Response(answer, media_type="application/json")

    return router


async def _asked_by_owner(doors: Doors, stores: TillStores, hold_id: str, caller: Credential) -> datetime:
    """The time that counts. Raises Forbidden for a hold of another store."""
    found = await stores.holds.answered(hold_id)
    if found is not None:
        check_store(caller, found.store_id)
    return doors.money_clock.now(stated=None, reached=await stores.redemptions.reached_at())


def _check(caller: Credential, store_id: str) -> None:
    """Raise Forbidden for who may not hear reasons: these doors tell of codes without using them up."""
    if not caller.allows("voucher:explain"):
        raise Forbidden("codes are weighed and held for keys with voucher:explain", slug="needs-explain")
    check_store(caller, store_id)

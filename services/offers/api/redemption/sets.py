"""`POST /v1/redemption-sets`: several codes on one receipt."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, Field

from libs.common.contracts.values import Key
from libs.common.errors import Forbidden
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors, check_store, documented, in_time
from services.offers.api.redemption.baskets import (
    MOST_CODES,
    BasketWithBearer,
    Code,
    basket_of,
    bearer_of,
    presenter_of,
)
from services.offers.handlers.redemption.sets import RedemptionSet, RedemptionSetAnswer, redeem_set

Caller = Annotated[Credential, Depends(require("voucher:redeem"))]


class RedemptionSetRequest(BasketWithBearer):
    """Codes that a customer presents with a receipt. The same `set_id` always gets the same answer.

    Lines state what goods cost before any voucher, those included that were redeemed on this receipt already.
    """

    set_id: Key
    codes: Annotated[tuple[Code, ...], Field(min_length=1, max_length=MOST_CODES)]
    redeem: Literal["best", "all"] = "best"
    """`best`: the best set of them, by the chain's rules; `all`: all of them or none."""
    occurred_at: AwareDatetime | None = None
    """Only in a deployment that plays a data set, with the scope `play`."""


def set_router(doors: Doors) -> APIRouter:
    """The route, bound to its stores."""
    router = APIRouter(prefix="/v1", tags=["tills"])

    @router.post(
        "/redemption-sets",
        summary="Redeem several vouchers on this receipt",
        responses=documented(RedemptionSetAnswer, "What comes off, in this order, and why the others do not")
        | problems(409, 429),
    )
    async def redeem(request: RedemptionSetRequest, caller: Caller) -> Response:
        """In one transaction; each voucher has a redemption of its own, which can be taken back by itself."""
        if not caller.allows("voucher:explain"):
            raise Forbidden("sets are redeemed for keys with voucher:explain", slug="needs-explain")
        check_store(caller, request.store_id)
        asked = RedemptionSet(
            set_id=request.set_id,
            codes=request.codes,
            basket=basket_of(request),
            presenter=presenter_of(caller, request),
            all_of_them=request.redeem == "all",
            occurred_at=doors.event_time(caller, request.occurred_at),
            bearer=bearer_of(doors, caller, request),
        )
        async with in_time(doors), doors.redemptions() as stores:
            redeemed = await redeem_set(doors.redemption_desk, stores, asked)
        for campaign_id in redeemed.campaign_ids:
            doors.metrics.redeemed.labels(campaign_id).inc()
        for reason in redeemed.reasons:
            doors.metrics.redemptions_refused.labels(reason).inc()
        return Response(redeemed.answer, media_type="application/json")

    return router

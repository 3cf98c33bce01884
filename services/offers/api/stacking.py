"""`POST /v1/redemption-sets`: several codes on one receipt; `GET|PUT /v1/stacking-rules`: what the chain says of them."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, Field

from libs.common.contracts.values import Key
from libs.common.errors import Forbidden
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors, check_store, documented
from services.offers.api.redemptions import MOST_CODES, BasketAtTill, Code, basket_of, in_time, presenter_of
from services.offers.domain.stacking_rules import StackingRules
from services.offers.handlers.redeeming_sets import RedemptionSet, RedemptionSetAnswer, redeem_set
from services.offers.handlers.stacking import put_rules
from services.offers.ports.stacking import VersionedRules

Caller = Annotated[Credential, Depends(require("voucher:redeem"))]
HeadOffice = Annotated[Credential, Depends(require("campaigns:write"))]


class RedemptionSetRequest(BasketAtTill):
    """Codes that a customer presents with a receipt. The same `set_id` always gets the same answer.

    Lines state what goods cost before any voucher, those included that were redeemed on this receipt already.
    """

    set_id: Key
    codes: Annotated[tuple[Code, ...], Field(min_length=1, max_length=MOST_CODES)]
    redeem: Literal["best", "all"] = "best"
    """`best`: the best set of them, by the chain's rules; `all`: all of them or none."""
    occurred_at: AwareDatetime | None = None
    """Only in a deployment that plays a data set, with the scope `play`."""


class RulesView(BaseModel):
    """The chain's rules as they stand; version 0: nobody said anything."""

    version: int
    rules: StackingRules


def stacking_router(doors: Doors) -> APIRouter:
    """The routes, bound to their stores."""
    router = APIRouter(prefix="/v1")

    @router.post(
        "/redemption-sets",
        tags=["tills"],
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
        )
        async with in_time(doors) as stores:
            redeemed = await redeem_set(doors.redemption_desk, stores, asked)
        for campaign_id in redeemed.campaign_ids:
            doors.metrics.redeemed.labels(campaign_id).inc()
        for reason in redeemed.reasons:
            doors.metrics.redemptions_refused.labels(reason).inc()
        return Response(redeemed.answer, media_type="application/json")

    @router.get("/stacking-rules", tags=["campaigns"], summary="Which vouchers go together")
    async def look(_caller: HeadOffice) -> RulesView:
        async with doors.stacking_rules() as store:
            return _view(await store.newest())

    @router.put(
        "/stacking-rules", tags=["campaigns"], summary="Say which vouchers go together", responses=problems(409)
    )
    async def put(rules: StackingRules, caller: HeadOffice) -> RulesView:
        """For the whole chain, in the place of what was said before; at every till within a second."""
        async with doors.stacking_rules() as store:
            return _view(await put_rules(store, rules, caller.key_id))

    return router


def _view(found: VersionedRules) -> RulesView:
    return RulesView(version=found.version, rules=found.rules)

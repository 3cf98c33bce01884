"""`POST /v1/return-quotes`: what a return would take back of vouchers, before the till pays out."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from libs.common.contracts.values import Key, Quantity
from libs.common.http.credentials import Credential, require
from services.offers.api.doors import Doors, check_store, documented, in_time
from services.offers.handlers.returns.quotes import ReturnQuote, quote_return

Caller = Annotated[Credential, Depends(require("voucher:redeem"))]
_encoder = msgspec.json.Encoder()


class GoodsBack(BaseModel):
    """So much of an item."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: Key
    quantity: Quantity


class ReturnQuoteRequest(BaseModel):
    """Goods that a customer brings back, of one receipt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    receipt_id: Key
    store_id: Key
    """Where they are brought back."""
    goods: Annotated[tuple[GoodsBack, ...], Field(min_length=1, max_length=2000)]


def return_router(doors: Doors) -> APIRouter:
    """The route, bound to its stores."""
    router = APIRouter(prefix="/v1", tags=["tills"])

    @router.post(
        "/return-quotes",
        summary="What a return would take back of vouchers",
        responses=documented(ReturnQuote, "What to refund, and which part of which discount that leaves out"),
    )
    async def quote(request: ReturnQuoteRequest, caller: Caller) -> Response:
        """By the rules that the return itself goes by. Nothing changes: the event of the return does it."""
        check_store(caller, request.store_id)
        goods = [(each.item_id, each.quantity) for each in request.goods]
        async with in_time(doors), doors.redemptions() as stores:
            answer = await quote_return(stores.redemptions, request.receipt_id, goods)
        return Response(_encoder.encode(answer), media_type="application/json")

    return router

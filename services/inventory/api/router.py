"""The routes: stock, forecasts, acknowledgements; commands.py and live.py hold those of commands."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Security
from fastapi.security import APIKeyHeader

from libs.common.clock import Clock
from libs.common.contracts.inventory import Acknowledged
from libs.common.contracts.values import Key
from libs.common.errors import InvalidInput
from libs.common.http.credentials import Credential, require
from services.inventory.api.commands.shapes import AcknowledgementAnswer, command_answer
from services.inventory.api.shapes import (
    ForecastPage,
    StockPage,
    forecast_answer,
    problems,
    stock_answer,
)
from services.inventory.handlers.commands.acknowledgements import Acknowledgement
from services.inventory.handlers.desk import Desk

API_KEY = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, description="or `Authorization: Bearer`"))
Reader = Annotated[Credential, Depends(require("inventory:read"))]
Answerer = Annotated[Credential, Depends(require("inventory:ack"))]
PageSize = Annotated[int, Query(ge=1, le=1_000)]
_PLACE = "\x1f"


def inventory_router(desk: Desk, clock: Clock) -> APIRouter:
    """All routes of this service; `clock` dates the answers that come by HTTP."""
    router = APIRouter(prefix="/v1", tags=["inventory"], dependencies=[API_KEY])

    @router.get("/stock", summary="What is where", responses=problems(401, 403, 422, 503))
    async def get_stock(
        _caller: Reader,
        store_id: Key | None = None,
        item_id: Key | None = None,
        after: str | None = None,
        limit: PageSize = 100,
    ) -> StockPage:
        """Stock by item and store, with what is promised and on its way; both filters are optional."""
        item, _, store = (after or "").partition(_PLACE)
        found = await desk.stock(store_id, item_id, (item, store), limit)
        following = f"{found[-1].item_id}{_PLACE}{found[-1].store_id}" if len(found) == limit else None
        return StockPage(stock=tuple(map(stock_answer, found)), next=following)

    @router.get("/forecasts", summary="What will be wanted", responses=problems(401, 403, 404, 422, 503))
    async def get_forecasts(_caller: Reader, item_id: Key, store_id: Key | None = None) -> ForecastPage:
        """The coming week of an item, per store, from its last plan: mean and quantiles, and when an order is due."""
        found = await desk.forecasts(item_id, store_id)
        return ForecastPage(forecasts=tuple(forecast_answer(item_id, one) for one in found))

    @router.post("/acknowledgements", summary="Answer a command", responses=problems(401, 403, 404, 422, 503))
    async def post_acknowledgement(caller: Answerer, answer: Acknowledged) -> AcknowledgementAnswer:
        """Say what becomes of a command; the topic `inventory.acknowledgements.v1` takes the same.

        Idempotent by command, version and status: the same answer again is `repeated` and changes nothing.
        """
        if answer.quantity is None and answer.status == "amended":
            raise InvalidInput("an amendment says how much will come", slug="amended-without-quantity")
        effect, command = await desk.acknowledge(
            Acknowledgement(body=answer, answered_at=clock.now(), by=f"{caller.key_id} ({caller.holder})")
        )
        return AcknowledgementAnswer(effect=effect, command=command_answer(command))

    return router

"""The routes of stock and forecasts; those of commands are in `commands`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Security
from fastapi.security import APIKeyHeader

from libs.common.contracts.values import Key
from libs.common.http.credentials import Credential, require
from services.inventory.api.shapes import (
    ForecastPage,
    StockPage,
    forecast_answer,
    problems,
    stock_answer,
)
from services.inventory.handlers.desk import Desk

API_KEY = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, description="or `Authorization: Bearer`"))
Reader = Annotated[Credential, Depends(require("inventory:read"))]
PageSize = Annotated[int, Query(ge=1, le=1_000)]
_PLACE = "\x1f"


def inventory_router(desk: Desk) -> APIRouter:
    """The routes, bound to what they ask."""
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

    return router

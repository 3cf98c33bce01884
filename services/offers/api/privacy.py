"""`GET /v1/customers/{id}/history`: what offers holds of a customer; profile's export asks for it."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Response

from libs.common.http.credentials import require
from services.offers.api.doors import Doors, documented
from services.offers.handlers.privacy.forgetting import history_of
from services.offers.handlers.privacy.history import History

READ = "privacy:read"


def history_router(doors: Doors) -> APIRouter:
    """For keys with the scope `privacy:read`."""
    router = APIRouter(prefix="/v1/customers", tags=["privacy"], dependencies=[Depends(require(READ))])
    responses: dict[int | str, dict[str, Any]] = documented(History, "Decisions with reasons, and vouchers")

    @router.get("/{customer_id}/history", summary="Decisions and vouchers of a customer", responses=responses)
    async def history(
        customer_id: Annotated[str, Path(max_length=128, description="A customer id; vouchers follow a merge.")],
    ) -> Response:
        """All of them, or a problem; empty for a stranger. Decisions stay with the id that they were made for."""
        async with doors.privacy() as store:
            answer = await history_of(store, customer_id)
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return router

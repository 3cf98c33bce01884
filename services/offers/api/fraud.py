"""`GET /v1/fraud-signals`: redemptions in which something spoke for fraud, for who looks after losses."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel

from libs.common.http.credentials import Credential, require
from services.offers.api.doors import Doors
from services.offers.domain.brakes.brake import HEAD_OFFICE
from services.offers.domain.fraud.signs import Action, Signal
from services.offers.ports.fraud.watching import Watched

Caller = Annotated[Credential, Depends(require("fraud:read"))]


class FraudSignalView(BaseModel):
    """A presentation of a code, what spoke for fraud, the heaviest first, and what was done."""

    redemption_id: str
    at: AwareDatetime
    action: Action
    points: int
    signals: tuple[Signal, ...]
    reason: str
    """What the redemption was refused for; `redeemed` if it was not."""
    redeemed: bool
    voucher_id: str | None
    receipt_id: str
    store_id: str
    lane: str
    cashier_id: str | None
    supervisor_id: str | None


def fraud_router(doors: Doors) -> APIRouter:
    """The route, bound to its store."""
    router = APIRouter(prefix="/v1/fraud-signals", tags=["fraud"])

    @router.get("", summary="Redemptions in which something spoke for fraud, newest first")
    async def suspects(
        caller: Caller,
        before: AwareDatetime | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[FraudSignalView]:
        """A store's key sees its store. The next page is what was `before` the last one.

        What was presented at one moment stands on one page, even if that makes it longer than `limit`.
        """
        store_id = None if caller.store_id == HEAD_OFFICE else caller.store_id
        async with doors.redemptions() as stores:
            return [
                _view(each) for each in await stores.watched.suspects(store_id=store_id, before=before, limit=limit)
            ]

    return router


def _view(watched: Watched) -> FraudSignalView:
    sighting, assessment = watched.sighting, watched.assessment
    return FraudSignalView(
        redemption_id=watched.redemption_id,
        at=sighting.at,
        action=assessment.action,
        points=assessment.points,
        signals=assessment.signals,
        reason=watched.reason,
        redeemed=watched.redeemed,
        voucher_id=sighting.voucher_id,
        receipt_id=sighting.receipt_id,
        store_id=sighting.store_id,
        lane=sighting.bearer.lane,
        cashier_id=sighting.bearer.cashier_id,
        supervisor_id=sighting.bearer.supervisor_id,
    )

"""`GET|PUT /v1/campaigns[/{id}]`: campaigns with their versions and their money."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from libs.common.contracts.values import Key
from libs.common.errors import InvalidInput
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors
from services.offers.domain.campaign import Campaign
from services.offers.handlers.campaigns import get_campaign, put_campaign
from services.offers.ports.campaigns import VersionedCampaign

Caller = Annotated[Credential, Depends(require("campaigns:write"))]


class BudgetView(BaseModel):
    """A campaign's money in minor units: what vouchers may still cost, what they have cost, what is left."""

    cap_cents: int
    reserved_cents: int
    spent_cents: int
    remaining_cents: int


class CampaignView(BaseModel):
    """A campaign as it stands."""

    version: int
    campaign: Campaign
    budget: BudgetView


def campaign_router(doors: Doors) -> APIRouter:
    """The routes, bound to their store."""
    router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])

    @router.get("", summary="All campaigns")
    async def everything(_caller: Caller) -> list[CampaignView]:
        async with doors.campaigns() as store:
            return [_view(found) for found in await store.all()]

    @router.get("/{campaign_id}", summary="One campaign")
    async def one(campaign_id: Key, _caller: Caller) -> CampaignView:
        async with doors.campaigns() as store:
            return _view(await get_campaign(store, campaign_id))

    @router.put("/{campaign_id}", summary="Put a campaign", responses=problems(409))
    async def put(campaign_id: Key, campaign: Campaign, caller: Caller) -> CampaignView:
        """A new version, unless nothing changed; in force at once."""
        if campaign.campaign_id != campaign_id:
            raise InvalidInput("campaign_id is not the one in the path")
        async with doors.campaigns() as store:
            return _view(await put_campaign(store, campaign, caller.key_id))

    return router


def _view(found: VersionedCampaign) -> CampaignView:
    budget = found.budget
    return CampaignView(
        version=found.version,
        campaign=found.campaign,
        budget=BudgetView(
            cap_cents=budget.cap_cents,
            reserved_cents=budget.reserved_cents,
            spent_cents=budget.spent_cents,
            remaining_cents=budget.remaining_cents,
        ),
    )

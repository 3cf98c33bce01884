"""`GET|PUT /v1/campaigns[/{id}]`: campaigns with their versions and their money."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from libs.common.contracts.values import Key
from libs.common.errors import InvalidInput
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors
from services.offers.api.money.budgets import BudgetView, budget_view
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.handlers.campaigns.versions import get_campaign, put_campaign
from services.offers.ports.campaigns.versions import VersionedCampaign

Caller = Annotated[Credential, Depends(require("campaigns:write"))]


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
    return CampaignView(version=found.version, campaign=found.campaign, budget=budget_view(found.budget))

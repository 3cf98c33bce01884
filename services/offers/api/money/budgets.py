"""`GET /v1/campaigns/{id}/budget`: a campaign's money and limits as they stand now."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from libs.common.contracts.values import Currency, Key
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors
from services.offers.domain.money.budget import Budget
from services.offers.domain.money.limits import Limit
from services.offers.handlers.campaigns.versions import LimitNow, limits_now

Caller = Annotated[Credential, Depends(require("campaigns:write"))]


class BudgetView(BaseModel):
    """A campaign's money in minor units: what vouchers may still cost, what they have cost, what may still be promised."""

    cap_cents: int
    reserved_cents: int
    spent_cents: int
    remaining_cents: int
    exposure_cents: int
    """Reserved, spent and leased together: what vouchers cost at worst."""
    over_issue_cents: int
    """How much may be promised above the cap, because many vouchers are never used."""
    backing_cents: int
    """Money beside the cap that covers it."""
    drawn_cents: int
    """How much of the backing is promised or spent."""
    leased_cents: int
    """Lent to lanes that may be without a network: what they may cost beside their vouchers' reserves (docs/offline-tills.md)."""
    lost_cents: int
    """Beside the cap: what lanes gave without a right to."""


class UseView(BaseModel):
    """What stands on one counter: vouchers or cents, as the limit measures."""

    entity: str
    """The store, region or partner; empty for the campaign."""
    starts_on: date
    """The first day of its period; of a campaign's life 1970-01-01."""
    used: int
    remaining: int


class LimitView(BaseModel):
    """A limit, and the counters of its newest period that are used most."""

    limit: Limit
    store_id: str | None
    """Where one store has its own."""
    uses: list[UseView] | None
    """Null for customers and households: who has used what is not told here."""


class BudgetNow(BaseModel):
    """Live: as of the newest commit."""

    campaign_id: str
    currency: Currency
    budget: BudgetView
    limits: list[LimitView]


def budget_router(doors: Doors) -> APIRouter:
    """The route, bound to its store."""
    router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])

    @router.get("/{campaign_id}/budget", summary="Its money and limits now", responses=problems(404))
    async def now(campaign_id: Key, _caller: Caller) -> BudgetNow:
        async with doors.campaigns() as store:
            found, limits = await limits_now(store, campaign_id)
        return BudgetNow(
            campaign_id=campaign_id,
            currency=found.campaign.currency,
            budget=budget_view(found.budget),
            limits=[_limit(each) for each in limits],
        )

    return router


def budget_view(budget: Budget) -> BudgetView:
    """The budget as it is told."""
    return BudgetView(
        cap_cents=budget.cap_cents,
        reserved_cents=budget.reserved_cents,
        spent_cents=budget.spent_cents,
        remaining_cents=budget.remaining_cents,
        exposure_cents=budget.exposure_cents,
        over_issue_cents=budget.over_issue_cents,
        backing_cents=budget.backing_cents,
        drawn_cents=budget.drawn_cents,
        leased_cents=budget.leased_cents,
        lost_cents=budget.lost_cents,
    )


def _limit(found: LimitNow) -> LimitView:
    uses = None
    if found.uses is not None:
        uses = [
            UseView(entity=entity, starts_on=starts_on, used=used, remaining=max(0, found.limit.most - used))
            for entity, starts_on, used in found.uses
        ]
    return LimitView(limit=found.limit, store_id=found.store_id, uses=uses)

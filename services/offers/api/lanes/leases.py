"""`/v1/leases...` and `GET /v1/exposure`: money for lanes that may lose the network, and what all of them may cost at most."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from libs.common.contracts.values import Key
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors, check_store
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.handlers.lanes.leasing import (
    LeaseAsked,
    end_lease,
    grant_lease,
    lendable,
    open_leases,
    store_of_lease,
)
from services.offers.ports.lanes.leases import Exposure, KnownLease

Lane = Annotated[Credential, Depends(require("vouchers:offline"))]
Auditor = Annotated[Credential, Depends(require("ledger:read"))]
_PAGE = 1_000
_SHORTEST_SECONDS, _LONGEST_SECONDS = 60, 7 * 24 * 3600


class LeaseRequest(BaseModel):
    """What a lane asks for. The same `lease_id` always stands for the same lease."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lease_id: Key
    store_id: Key
    terminal_id: Key
    """The lane. All its leases together stay within what a campaign lends one lane."""
    seconds: Annotated[int, Field(ge=_SHORTEST_SECONDS, le=_LONGEST_SECONDS)] = 24 * 3600
    campaign_ids: Annotated[frozenset[Key], Field(max_length=1000)] | None = None
    """None: every campaign that lanes may take offline."""
    most_cents: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """Of each campaign; None: as much as its policy allows."""


class LeaseEnd(BaseModel):
    """How many entries the lane has written under the lease: so many must have come in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: Annotated[int, Field(ge=0, le=10**9)]


class LeasedView(BaseModel):
    """What a lease lends of one campaign: `left_cents` is what the lane may still cost the chain at most."""

    campaign_id: str
    currency: str
    accept_up_to_cents: int
    granted_cents: int
    left_cents: int
    minimum_basket_cents: int | None
    """What a receipt comes to at least, before any voucher, for its vouchers to give."""


class LeaseView(BaseModel):
    """A lease. The lane may give until `ends_at`; its money waits for its journal until `kept_until`."""

    lease_id: str
    store_id: str
    terminal_id: str
    granted_at: AwareDatetime
    ends_at: AwareDatetime
    kept_until: AwareDatetime
    ended_at: AwareDatetime | None
    entries: int
    """Of the lane's journal that came in."""
    asked_by: str
    campaigns: list[LeasedView]


class ExposureView(BaseModel):
    """What lanes may cost the chain at most, beyond what its vouchers have reserved."""

    campaign_id: str | None
    """None: all campaigns."""
    store_id: str | None
    """None: all stores."""
    currency: str
    leases: int
    worst_case_cents: int
    over: int
    """Of these leases: how many are over, with their journal to come."""


class Exposures(BaseModel):
    """The worst case now: for each campaign in each store, and summed up."""

    parts: list[ExposureView]
    campaigns: list[ExposureView]
    stores: list[ExposureView]
    chain: list[ExposureView]
    """One for each currency."""


def lease_router(doors: Doors) -> APIRouter:
    """The routes, bound to their stores."""
    router = APIRouter(prefix="/v1", tags=["offline tills"])

    def view(known: KnownLease) -> LeaseView:
        return _view(known, doors.redemption_desk.knowledge.campaigns)

    @router.post("/leases", summary="Lend a lane money for the time without a network")
    async def lend(request: LeaseRequest, caller: Lane) -> LeaseView:
        """As much of each campaign as its policy, its budget and the lane's other leases allow: perhaps nothing."""
        check_store(caller, request.store_id)
        asked = LeaseAsked(
            lease_id=request.lease_id,
            store_id=request.store_id,
            terminal_id=request.terminal_id,
            lasting=timedelta(seconds=request.seconds),
            campaign_ids=request.campaign_ids,
            most_cents=request.most_cents,
            asked_by=f"{caller.key_id} ({caller.holder})",
        )
        campaigns = lendable(doors.redemption_desk.knowledge, request.store_id)
        async with doors.lane_leases() as store:
            now = doors.money_clock.now(stated=None, reached=await store.reached_at())
            return view(await grant_lease(store, asked, campaigns, now, doors.lease_grace))

    @router.post(
        "/leases/{lease_id}/end", summary="End a lease whose journal has come in", responses=problems(404, 409)
    )
    async def end(lease_id: Key, request: LeaseEnd, caller: Lane) -> LeaseView:
        """What the lane did not use is free again. 409 while entries of its journal are missing."""
        async with doors.lane_leases() as store:
            check_store(caller, await store_of_lease(store, lease_id))
            now = doors.money_clock.now(stated=None, reached=await store.reached_at())
            return view(await end_lease(store, lease_id, request.entries, now))

    @router.get("/leases", summary="The leases that have not ended, oldest first", responses=problems(404))
    async def everything(
        _caller: Auditor, after: Key | None = None, limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE
    ) -> list[LeaseView]:
        """The next page is what comes `after` the last `lease_id` of this one."""
        async with doors.lane_leases() as store:
            return [view(known) for known in await open_leases(store, after, limit)]

    @router.get("/exposure", summary="What lanes without a network may cost at most", response_model=Exposures)
    async def exposure(_caller: Auditor) -> Response:
        """Vouchers' own reserves are not in it: it is what may be given beside them, and budgets hold it ready."""
        async with doors.lane_leases() as store:
            now = doors.money_clock.now(stated=None, reached=await store.reached_at())
            found = await store.exposure(now)
        # Of thousands of stores: summed up and written beside the loop that answers tills.
        body = await asyncio.to_thread(lambda: _exposures(found).model_dump_json())
        return Response(body, media_type="application/json")

    return router


def _view(known: KnownLease, campaigns: Mapping[str, Campaign]) -> LeaseView:
    lease = known.lease
    return LeaseView(
        lease_id=lease.lease_id,
        store_id=lease.store_id,
        terminal_id=lease.terminal_id,
        granted_at=lease.granted_at,
        ends_at=lease.ends_at,
        kept_until=lease.kept_until,
        ended_at=lease.ended_at,
        entries=lease.entries,
        asked_by=known.asked_by,
        campaigns=[
            LeasedView(
                campaign_id=each.campaign_id,
                currency=each.currency,
                accept_up_to_cents=each.accept_up_to_cents,
                granted_cents=each.granted_cents,
                left_cents=each.left_cents,
                minimum_basket_cents=campaigns[each.campaign_id].minimum_basket_cents
                if each.campaign_id in campaigns
                else None,
            )
            for each in known.leased
        ],
    )


def _exposures(found: Sequence[Exposure]) -> Exposures:
    return Exposures(
        parts=_summed(found, lambda each: (each.campaign_id, each.store_id, each.currency)),
        campaigns=_summed(found, lambda each: (each.campaign_id, None, each.currency)),
        stores=_summed(found, lambda each: (None, each.store_id, each.currency)),
        chain=_summed(found, lambda each: (None, None, each.currency)),
    )


def _summed(
    found: Sequence[Exposure], named: Callable[[Exposure], tuple[str | None, str | None, str]]
) -> list[ExposureView]:
    sums: dict[tuple[str | None, str | None, str], ExposureView] = {}
    for each in found:
        campaign_id, store_id, currency = name = named(each)
        so_far = sums.get(name)
        sums[name] = ExposureView(
            campaign_id=campaign_id,
            store_id=store_id,
            currency=currency,
            leases=each.leases + (so_far.leases if so_far else 0),
            worst_case_cents=each.left_cents + (so_far.worst_case_cents if so_far else 0),
            over=each.over + (so_far.over if so_far else 0),
        )
    return list(sums.values())

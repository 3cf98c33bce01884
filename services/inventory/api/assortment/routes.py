"""`/v1/assortment`: unmet demand, what to introduce where, and how what was introduced does."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, StringConstraints

from libs.common.contracts.values import Key
from libs.common.http.credentials import Credential, require
from services.inventory.api.assortment.shapes import (
    IntroductionPage,
    TrialDecisionAnswer,
    TrialPage,
    UnmetDemandPage,
    introduction_answer,
    trial_answer,
    unmet_answer,
)
from services.inventory.api.shapes import problems
from services.inventory.domain.assortment.searches import PlaceKind
from services.inventory.domain.assortment.trials import Standing
from services.inventory.domain.assortment.unmet_demand import UnmetWish
from services.inventory.handlers.assortment.lists import AssortmentDesk
from services.inventory.handlers.assortment.trials import TrialDesk, TrialRuling, TrialVerdict

API_KEY = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, description="or `Authorization: Bearer`"))
Reader = Annotated[Credential, Depends(require("inventory:read"))]
Buyer = Annotated[Credential, Depends(require("inventory:approve"))]
ListSize = Annotated[int, Query(ge=1, le=200)]
PageSize = Annotated[int, Query(ge=1, le=1_000)]
_PLACE = "\x1f"


class TrialDecisionRequest(BaseModel):
    """What is decided of an item in a store: to try it, not to, or that its trial is over. The same again changes nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: Key
    store_id: Key
    ruling: TrialRuling
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = (
        None
    )


def assortment_router(desk: AssortmentDesk, trials: TrialDesk) -> APIRouter:
    """The routes, bound to what they ask."""
    router = APIRouter(prefix="/v1/assortment", tags=["assortment"], dependencies=[API_KEY])

    @router.get("/unmet-demand", summary="Demand that was not met", responses=problems(401, 403, 422, 503))
    async def get_unmet_demand(
        _caller: Reader,
        level: PlaceKind = PlaceKind.STORE,
        place_id: Key | None = None,
        item_id: Key | None = None,
        limit: PageSize = 100,
    ) -> UnmetDemandPage:
        """Over the last four weeks: what met an empty shelf, and what was searched for in vain, by store, region or chain."""
        wish = UnmetWish(level=level, place_id=place_id, item_id=item_id, limit=limit)
        return UnmetDemandPage(unmet_demand=tuple(map(unmet_answer, await desk.unmet(wish))))

    @router.get("/introductions", summary="What a store should try", responses=problems(401, 403, 404, 422, 503))
    async def get_introductions(
        _caller: Reader, store_id: Key, rank_by: Literal["value", "units"] = "value", limit: ListSize = 20
    ) -> IntroductionPage:
        """Items that it does not carry and that sell in comparable stores or are searched for there, each with a stop rule."""
        found = await desk.introductions(store_id, limit, by_value=rank_by == "value")
        return IntroductionPage(introductions=tuple(map(introduction_answer, found)))

    @router.get("/placements", summary="Where an item should go", responses=problems(401, 403, 404, 422, 503))
    async def get_placements(_caller: Reader, item_id: Key, limit: ListSize = 20) -> IntroductionPage:
        """Stores that do not carry it, the highest demand first: by its own sales elsewhere; of a new item, by items like it."""
        found = await desk.placements(item_id, limit)
        return IntroductionPage(introductions=tuple(map(introduction_answer, found)))

    _trial_routes(router, trials)
    return router


def _trial_routes(router: APIRouter, trials: TrialDesk) -> None:
    @router.get("/trials", summary="How introductions do", responses=problems(401, 403, 422, 503))
    async def get_trials(
        _caller: Reader,
        store_id: Key | None = None,
        standing: Standing | None = None,
        after: str | None = None,
        limit: PageSize = 100,
    ) -> TrialPage:
        """What is on trial, with what its stop rule says of it: `keep`, `stop`, or still watched."""
        store, _, item = (after or "").partition(_PLACE)
        found = await trials.listed(store_id, standing, (store, item), limit)
        following = f"{found[-1].store_id}{_PLACE}{found[-1].item_id}" if len(found) == limit else None
        return TrialPage(trials=tuple(map(trial_answer, found)), next=following)

    @router.post(
        "/trials/decisions", summary="Decide on an introduction", responses=problems(401, 403, 404, 409, 422, 503)
    )
    async def post_trial_decision(caller: Buyer, asked: TrialDecisionRequest) -> TrialDecisionAnswer:
        """Accept an introduction, so that it is watched by its stop rule; decline it; or end its trial.

        Idempotent by item and store: the same decision again is `repeated`.
        """
        verdict = TrialVerdict(
            item_id=asked.item_id,
            store_id=asked.store_id,
            ruling=asked.ruling,
            by=f"{caller.key_id} ({caller.holder})",
            reason=asked.reason,
        )
        applied, trial = await trials.decide(verdict)
        return TrialDecisionAnswer(
            effect="applied" if applied else "repeated", trial=None if trial is None else trial_answer(trial)
        )

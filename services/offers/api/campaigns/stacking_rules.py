"""`GET|PUT /v1/stacking-rules`: what the chain says of which vouchers go together."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors
from services.offers.domain.campaigns.stacking_rules import StackingRules
from services.offers.handlers.campaigns.stacking_rules import put_rules
from services.offers.ports.campaigns.stacking_rules import VersionedRules

Caller = Annotated[Credential, Depends(require("campaigns:write"))]


class RulesView(BaseModel):
    """The chain's rules as they stand; version 0: nobody said anything."""

    version: int
    rules: StackingRules


def stacking_rules_router(doors: Doors) -> APIRouter:
    """The routes, bound to their store."""
    router = APIRouter(prefix="/v1", tags=["campaigns"])

    @router.get("/stacking-rules", summary="Which vouchers go together")
    async def look(_caller: Caller) -> RulesView:
        async with doors.stacking_rules() as store:
            return _view(await store.newest())

    @router.put("/stacking-rules", summary="Say which vouchers go together", responses=problems(409))
    async def put(rules: StackingRules, caller: Caller) -> RulesView:
        """For the whole chain, in the place of what was said before; at every till within a second."""
        async with doors.stacking_rules() as store:
            return _view(await put_rules(store, rules, caller.key_id))

    return router


def _view(found: VersionedRules) -> RulesView:
    return RulesView(version=found.version, rules=found.rules)

"""`GET|PUT /v1/policies`: how item classes are ordered; `PUT /v1/shelves`: what the shelf plan says."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field

from libs.common.contracts.values import Key
from libs.common.http.credentials import Credential, require
from services.inventory.api.shapes import Answer, problems
from services.inventory.domain.measure import to_milli
from services.inventory.domain.policies.classes import PolicyBook
from services.inventory.handlers.policies import PolicyDesk
from services.inventory.ports.policies import ShelfRow, VersionedBook

API_KEY = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, description="or `Authorization: Bearer`"))
Reader = Annotated[Credential, Depends(require("inventory:read"))]
Writer = Annotated[Credential, Depends(require("inventory:write"))]
Room = Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=3)]


class PoliciesAnswer(Answer):
    """The policies as they stand; version 0: nobody said anything, all is ordered as learned."""

    version: int
    policies: PolicyBook


class Shelf(BaseModel):
    """What one item has in one store: room for so much, and so much to be seen at all times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: Key
    store_id: Key
    capacity: Room | None = None
    presentation: Room | None = None


class ShelfPlan(BaseModel):
    """Shelves; what was said of them before is replaced, others stay."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shelves: Annotated[tuple[Shelf, ...], Field(min_length=1, max_length=1_000)]


class ShelvesKept(Answer):
    """How many shelves were said something of."""

    shelves: int


def policy_router(desk: PolicyDesk) -> APIRouter:
    """The routes of policies and the shelf plan."""
    router = APIRouter(prefix="/v1", tags=["policies"], dependencies=[API_KEY])

    @router.get("/policies", summary="How item classes are ordered", responses=problems(401, 403, 503))
    async def get_policies(_caller: Reader) -> PoliciesAnswer:
        """The newest version."""
        return _answer(await desk.newest())

    @router.put("/policies", summary="Say how item classes are ordered", responses=problems(401, 403, 409, 422, 503))
    async def put_policies(policies: PolicyBook, caller: Writer) -> PoliciesAnswer:
        """In the place of what was said before. Bounds and who orders hold at once, levels from the next day's close on."""
        return _answer(await desk.put(policies, caller.key_id))

    @router.put("/shelves", summary="Say what shelves hold and show", responses=problems(401, 403, 422, 503))
    async def put_shelves(plan: ShelfPlan, _caller: Writer) -> ShelvesKept:
        """The same again changes nothing."""
        return ShelvesKept(shelves=await desk.keep_shelves([_row(shelf) for shelf in plan.shelves]))

    return router


def _answer(found: VersionedBook) -> PoliciesAnswer:
    return PoliciesAnswer(version=found.version, policies=found.book)


def _row(shelf: Shelf) -> ShelfRow:
    return ShelfRow(
        item_id=shelf.item_id,
        store_id=shelf.store_id,
        capacity_milli=None if shelf.capacity is None else to_milli(shelf.capacity),
        presentation_milli=None if shelf.presentation is None else to_milli(shelf.presentation),
    )

"""The routes of the record of looks: who looked at whom, and whether the record is as it was written."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from libs.common.contracts.values import Key
from libs.common.http.credentials import Credential, require
from services.profile.handlers.looking import Looking
from services.profile.handlers.shapes import ChainView, LookPage

Auditor = Annotated[Credential, Depends(require("views:read"))]


def looks_router(looking: Looking) -> APIRouter:
    """For those who answer for customers' privacy."""
    router = APIRouter(prefix="/v1/views", tags=["views"])

    @router.get("", summary="Who looked at customers")
    async def looks(
        _caller: Auditor,
        customer_id: Annotated[Key | None, Query(description="At this person, under whichever id.")] = None,
        key_id: Annotated[Key | None, Query(description="With this key.")] = None,
        before: Annotated[int | None, Query(ge=1, le=1 << 62, description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> LookPage:
        """Looks, the newest first. They are only ever added: an erased customer's stay, under the id alone."""
        return await looking.looks(customer_id=customer_id, key_id=key_id, before=before, limit=limit)

    @router.get("/chain", summary="Is the record as it was written?")
    async def chain(
        _caller: Auditor,
        key_id: Annotated[Key, Query(description="Whose looks.")],
        after: Annotated[int, Query(ge=0, le=1 << 62, description="`next` of the answer before.")] = 0,
    ) -> ChainView:
        """Each look of a key holds a hash over the one before it: a changed or missing one shows, unless it is the last.

        Some ten thousand looks an answer: the whole chain is checked when `next` is null.
        """
        return await looking.check_chain(key_id, after)

    return router

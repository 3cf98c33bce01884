"""`GET /v1/quarantine`: what was invalid and why; for those who mend it."""

from base64 import b64encode
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict

from libs.common.errors import NotFound
from libs.common.http.credentials import require
from services.ingest.api.events import API_KEY
from services.ingest.ports import QuarantinedEvent, QuarantineStore

READ = "quarantine:read"


class QuarantineEntry(BaseModel):
    """One invalid event without its bytes."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    quarantine_id: str
    at: datetime
    sent_by: str
    source: str | None
    event_id: str | None
    type: str | None
    slug: str
    detail: str
    pointer: str


class QuarantineRecord(QuarantineEntry):
    """One invalid event with what came in: the exact bytes, and as text as far as they are UTF-8."""

    raw_base64: str
    raw_text: str


class QuarantinePage(BaseModel):
    """Newest first; `next_at` and `next_id`, where there are more, are the next page's `before_at` and `before_id`."""

    model_config = ConfigDict(frozen=True)

    items: list[QuarantineEntry]
    next_at: datetime | None = None
    next_id: str | None = None


class PageQuery(BaseModel):
    """Which part of the list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str | None = None
    limit: Annotated[int, Query(ge=1, le=200)] = 50
    before_at: AwareDatetime | None = None
    before_id: UUID | None = None


def quarantine_router(store: QuarantineStore) -> APIRouter:
    """What was kept, for keys with the scope `quarantine:read`."""
    router = APIRouter(prefix="/v1/quarantine", tags=["quarantine"], dependencies=[API_KEY, Depends(require(READ))])

    @router.get("", summary="What is in quarantine, newest first")
    async def list_quarantine(page: Annotated[PageQuery, Query()]) -> QuarantinePage:
        before = (page.before_at, str(page.before_id or UUID(int=0))) if page.before_at else None
        found = await store.list_newest(slug=page.slug, before=before, limit=page.limit + 1)
        items = [QuarantineEntry.model_validate(event) for event in found[: page.limit]]
        more = items[-1] if len(found) > page.limit else None
        return QuarantinePage(items=items, next_at=more and more.at, next_id=more and more.quarantine_id)

    @router.get("/{quarantine_id}", summary="One invalid event, byte for byte")
    async def get_quarantined(quarantine_id: UUID) -> QuarantineRecord:
        found = await store.find(str(quarantine_id))
        if found is None:
            raise NotFound("nothing in quarantine has this id")
        return _record(found)

    return router


def _record(event: QuarantinedEvent) -> QuarantineRecord:
    entry = QuarantineEntry.model_validate(event)
    return QuarantineRecord(
        **entry.model_dump(), raw_base64=b64encode(event.raw).decode(), raw_text=event.raw.decode("utf-8", "replace")
    )

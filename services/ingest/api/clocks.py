"""`GET /v1/clocks`: whose clock is wrong, for those who set clocks right."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from libs.common.http.credentials import Credential, require
from services.ingest.api.events import API_KEY
from services.ingest.domain.clocks import Skew
from services.ingest.handlers import Timekeeping

READ = "clocks:read"


class ClockEntry(BaseModel):
    """A terminal whose clock was wrong; seconds are positive for a clock that runs ahead of ours."""

    model_config = ConfigDict(frozen=True)

    store_id: str
    """The store that its key is bound to, `*` for none."""
    source: str
    terminal_id: str | None
    events: int
    worst_skew_seconds: float
    last_skew_seconds: float
    last_heard_at: datetime


def clocks_router(timekeeping: Timekeeping) -> APIRouter:
    """For keys with the scope `clocks:read`; one that is bound to a store sees the clocks of this store's keys."""
    router = APIRouter(prefix="/v1/clocks", tags=["clocks"], dependencies=[API_KEY])

    @router.get("", summary="Wrong clocks that this process heard since it started, the worst first")
    async def list_clocks(caller: Annotated[Credential, Depends(require(READ))]) -> list[ClockEntry]:
        """An event whose time is too far ahead counts as having happened when it came, or goes to quarantine.

        Each process of this service knows those that came to it; `ingest_clocks_wrong_total` counts them all.
        """
        return [_entry(skew) for skew in timekeeping.tally.worst_first(caller.store_id)]

    return router


def _entry(skew: Skew) -> ClockEntry:
    return ClockEntry(
        store_id=skew.terminal.store_id,
        source=skew.terminal.source,
        terminal_id=skew.terminal.terminal_id,
        events=skew.events,
        worst_skew_seconds=skew.worst_seconds,
        last_skew_seconds=skew.last_seconds,
        last_heard_at=skew.last_heard_at,
    )

"""`/v1/batches`: many vouchers of a campaign at once, made by the worker; codes of another system; progress, cancel, export."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from libs.common.contracts.values import Key
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from libs.common.ids import random_id
from services.offers.api.doors import Doors
from services.offers.domain.batches import ANY_STORE, BadLine, BatchState, Source, Validity
from services.offers.handlers.batches.importing import Upload, receive
from services.offers.handlers.batches.office import (
    EXPORTED_TOGETHER,
    BatchAsked,
    cancel_batch,
    check_exportable,
    existing_codes,
    exported,
    get_batch,
    start_batch,
)
from services.offers.ports.batches import KnownBatch

Caller = Annotated[Credential, Depends(require("batches:write"))]
Exporter = Annotated[Credential, Depends(require("batches:codes"))]
BatchId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
IMPORTS = re.compile(r"/v1/batches/[^/]+/codes")
"""Where bodies are read line by line."""
_NEWEST = 100
_LINES = {"text/plain": {"schema": {"type": "string"}}, "text/csv": {"schema": {"type": "string"}}}


class BatchRequest(BaseModel):
    """Vouchers of one campaign. The same `batch_id` acts once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_id: BatchId
    campaign_id: Key
    codes: Annotated[int, Field(ge=1, le=10**7)] | None = None
    """How many to make. Left out: codes of another system follow."""
    store_id: Key | None = None
    """Whose terms they have; left out: the campaign's own."""
    last_day: date
    """Until when they are good, that day included."""
    time_zone: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """In whose calendar, as `Europe/Berlin`."""


class CancelRequest(BaseModel):
    """Why, for the record."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class BadLineView(BaseModel):
    """A line of an import that became no voucher."""

    part: int
    line_no: int
    reason: str


class BatchView(BaseModel):
    """A batch as it stands: `made` of `codes` vouchers. `errors` are the first thousand of the `quarantined` lines."""

    batch_id: str
    source: Source
    campaign_id: str
    store_id: str | None
    state: BatchState
    reason: str
    codes: int
    made: int
    quarantined: int
    valid_from: AwareDatetime
    expires_at: AwareDatetime
    asked_by: str
    asked_at: AwareDatetime
    finished_at: AwareDatetime | None
    errors: list[BadLineView] = Field(default_factory=list)


def batch_router(doors: Doors) -> APIRouter:
    """The routes, bound to their stores."""
    router = APIRouter(prefix="/v1/batches", tags=["vouchers"])

    @router.post("", status_code=202, summary="Make a batch of vouchers", responses=problems(404, 409))
    async def start(request: BatchRequest, caller: Caller) -> BatchView:
        """The worker makes them, with their reserve; a batch that stopped for want of budget goes on when it is asked for again."""
        asked = BatchAsked(
            batch_id=request.batch_id,
            campaign_id=request.campaign_id,
            codes=request.codes,
            store_id=request.store_id,
            validity=Validity(last_day=request.last_day, time_zone=request.time_zone),
            asked_by=_who(caller),
        )
        async with doors.batches() as stores:
            now = doors.money_clock.now(stated=None, reached=await stores.revocations.reached_at())
            return _view(await start_batch(stores, asked, now, doors.clock.now()))

    @router.get("", summary="The newest batches")
    async def newest(_caller: Caller) -> list[BatchView]:
        async with doors.batches() as stores:
            return [_view(known) for known in await stores.batches.newest(_NEWEST)]

    @router.get("/{batch_id}", summary="One batch, how far it is, and its bad lines")
    async def one(batch_id: BatchId, _caller: Caller) -> BatchView:
        async with doors.batches() as stores:
            return _view(await get_batch(stores.batches, batch_id), await stores.batches.errors(batch_id))

    @router.post("/{batch_id}/cancel", summary="Make no more, and revoke what was made", responses=problems(409))
    async def cancel(batch_id: BatchId, request: CancelRequest, caller: Caller) -> BatchView:
        """Refused from this answer on, by every process; reserves are free some seconds later."""
        async with doors.batches() as stores:
            return _view(await cancel_batch(stores, batch_id, request.reason, _who(caller), doors.clock.now()))

    _add_code_routes(router, doors)
    return router


def _add_code_routes(router: APIRouter, doors: Doors) -> None:
    @router.post(
        "/{batch_id}/codes",
        status_code=202,
        summary="Codes of another system, one a line",
        responses=problems(409, 413, 415),
        openapi_extra={"requestBody": {"required": True, "content": _LINES}},
    )
    async def take(
        batch_id: BatchId,
        request: Request,
        _caller: Caller,
        part: Annotated[int, Query(ge=1, le=100_000)] = 1,
        *,
        last: bool = True,
    ) -> BatchView:
        """Plain lines, or CSV with the code in its first column. A long list comes in parts; the last one starts the making."""
        if request.headers.get("content-encoding", "identity") != "identity":
            raise HTTPException(415, "compressed bodies are not read")
        upload = Upload(batch_id=batch_id, part=part, last=last, upload_id=random_id())
        return _view(await receive(doors.batches, doors.redemption_desk.codes, upload, request.stream()))

    @router.get(
        "/{batch_id}/codes",
        summary="The codes that were made, as CSV",
        response_class=StreamingResponse,
        responses={**problems(409), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    async def export(batch_id: BatchId, _caller: Exporter) -> StreamingResponse:
        """Made again from the vouchers' ids: codes stand nowhere."""
        async with doors.batches() as stores:
            known = await get_batch(stores.batches, batch_id)
        check_exportable(known)
        return StreamingResponse(
            _exported(doors, known),
            media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="codes.csv"', "Cache-Control": "no-store"},
        )


async def _exported(doors: Doors, known: KnownBatch) -> AsyncIterator[str]:
    """Piece by piece, each in a transaction of its own: a slow reader holds no connection."""
    yield _csv([("code", "number", "voucher_id")])
    for after in range(0, known.progress.reached, EXPORTED_TOGETHER):
        async with doors.batches() as stores:
            voucher_ids = await existing_codes(stores.batches, known, after)
        made = await asyncio.to_thread(exported, known, voucher_ids, doors.redemption_desk.codes)
        yield _csv([(each.code, each.number, each.voucher_id) for each in made])


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _who(caller: Credential) -> str:
    return f"{caller.key_id} ({caller.holder})"


def _view(known: KnownBatch, errors: Sequence[BadLine] = ()) -> BatchView:
    batch, progress = known.batch, known.progress
    return BatchView(
        batch_id=batch.batch_id,
        source=batch.source,
        campaign_id=batch.campaign_id,
        store_id=None if batch.store_id == ANY_STORE else batch.store_id,
        state=progress.state,
        reason=progress.reason,
        codes=progress.wanted,
        made=progress.made,
        quarantined=progress.quarantined,
        valid_from=batch.valid_from,
        expires_at=batch.expires_at,
        asked_by=known.asked_by,
        asked_at=known.asked_at,
        finished_at=known.finished_at,
        errors=[BadLineView(part=bad.part, line_no=bad.line_no, reason=bad.reason) for bad in errors],
    )

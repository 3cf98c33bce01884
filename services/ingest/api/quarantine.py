"""`/v1/quarantine`: what was invalid and why; to mend it, to send it again, or to discard it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from libs.common.http.credentials import Credential, require
from libs.common.http.problems import STATUS, problem
from services.ingest.api.events import API_KEY, Problem
from services.ingest.api.quarantine_shapes import (
    ClassAnswer,
    ClassEntry,
    ClassOrder,
    Discard,
    ListQuery,
    Operations,
    QuarantineEntry,
    QuarantinePage,
    QuarantineRecord,
    ResubmittedEntry,
    Selection,
)
from services.ingest.handlers import EventResult, Mender, as_json
from services.ingest.ports import QuarantineStore

READ = "quarantine:read"
WRITE = "quarantine:write"
Reader = Annotated[Credential, Depends(require(READ))]
Writer = Annotated[Credential, Depends(require(WRITE))]


_WRONG = {
    404: "Nothing in quarantine has this id, or not for this key; or the key of whom it names is gone.",
    409: "It was sent again or discarded, or its seal is broken.",
    413: "The request or the event has too many bytes.",
    422: "The request is invalid, or the event still is: then `pointer` and `detail` are about the event.",
    429: "The sender's store brought too many events.",
    503: "Broker or database did not answer in time: the same may be sent again.",
}


def _wrong(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem, "description": _WRONG[status]} for status in statuses}


def quarantine_router(store: QuarantineStore, mender: Mender) -> APIRouter:
    """For keys with the scope `quarantine:read`, and `quarantine:write` where something changes.

    A key that is bound to a store sees what came with keys of this store.
    """
    router = APIRouter(prefix="/v1/quarantine", tags=["quarantine"], dependencies=[API_KEY])

    @router.get("", summary="What is in quarantine, newest first")
    async def list_quarantine(page: Annotated[ListQuery, Query()], caller: Reader) -> QuarantinePage:
        before = (page.before_at, str(page.before_id or UUID(int=0))) if page.before_at else None
        found = await store.list_newest(page.of(caller, page.state), before=before, limit=page.limit + 1)
        items = [QuarantineEntry.model_validate(event) for event in found[: page.limit]]
        more = items[-1] if len(found) > page.limit else None
        return QuarantinePage(items=items, next_at=more and more.at, next_id=more and more.quarantine_id)

    @router.get("/classes", summary="How much of what went wrong, the most frequent first")
    async def list_classes(chosen: Annotated[Selection, Query()], caller: Reader) -> list[ClassEntry]:
        return [ClassEntry.model_validate(one) for one in await store.classes(chosen.of(caller))]

    @router.get("/{quarantine_id}", summary="One invalid event, byte for byte", responses=_wrong(404, 409, 503))
    async def get_quarantined(quarantine_id: UUID, caller: Reader) -> QuarantineRecord:
        return QuarantineRecord.of(await mender.inspect(str(quarantine_id), caller))

    @router.patch(
        "/{quarantine_id}",
        summary="Mend an event",
        response_model=EventResult,
        responses=_wrong(404, 409, 413, 422, 503),
    )
    async def patch_quarantined(
        quarantine_id: UUID, operations: Operations, caller: Writer, *, dry_run: bool = False
    ) -> Response:
        """Apply a JSON Patch (RFC 6902) to the event, or to what earlier patches made of it.

        200 says that the event would now be accepted; it is kept to be sent by `resubmit`. 422 says what is still wrong,
        and nothing is kept. `dry_run` keeps nothing either way. Bytes that are no JSON are replaced as a whole: `add` at
        the path "". An event's `id` and `source` stay what they were.
        """
        wanted = [one.model_dump(by_alias=True, exclude_unset=True) for one in operations]
        return _answer(await mender.patch(str(quarantine_id), wanted, caller, dry_run=dry_run), status=200)

    @router.post("/resubmit", summary="Send a class of events again", responses=_wrong(413, 503))
    async def resubmit_class(order: ClassOrder, caller: Writer) -> ClassAnswer:
        """As `resubmit` does for each that waits: the oldest that nobody tried to send, then what was tried longest ago.

        So the same order given again gets to all of them. Look at a dry run first.
        """
        done = await mender.resubmit_class(order.of(caller), caller, limit=order.limit, dry_run=order.dry_run)
        results = [ResubmittedEntry.model_validate(one) for one in done]
        return ClassAnswer(dry_run=order.dry_run, results=results)

    @router.post(
        "/{quarantine_id}/resubmit",
        status_code=202,
        summary="Send an event again",
        response_model=EventResult,
        responses=_wrong(404, 409, 413, 422, 429, 503),
    )
    async def resubmit(quarantine_id: UUID, caller: Writer) -> Response:
        """Send the event, mended where it was patched, under its own id and source, with the rights of its first sender.

        Its clock is judged by when it first came. Sent twice it has its effect once. What is not accepted waits on.
        """
        return _answer(await mender.resubmit(str(quarantine_id), caller), status=202)

    @router.post(
        "/{quarantine_id}/discard",
        status_code=204,
        summary="Do not send an event",
        responses=_wrong(404, 409, 413, 503),
    )
    async def discard(quarantine_id: UUID, order: Discard, caller: Writer) -> None:
        await mender.discard(str(quarantine_id), order.reason, caller)

    return router


def _answer(result: EventResult, *, status: int) -> Response:
    if result.kind is None:
        return JSONResponse(as_json(result), status_code=status)
    context = as_json(result, "id", "source", "pointer")
    return problem(STATUS[result.kind], result.slug or "", result.detail or "", context)

"""The routes of segments: read, save over the version that was read, and size before saving."""

import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict

from libs.common.errors import InvalidInput
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.profile.domain.segment_rules import Rule, SegmentId, check_size
from services.profile.domain.segments import SegmentDocument
from services.profile.handlers.segmenting import Segmenting, SegmentStanding
from services.profile.ports.segments import SweepRow

Reader = Annotated[Credential, Depends(require("segments:read"))]
Writer = Annotated[Credential, Depends(require("segments:write"))]
IdInPath = Annotated[SegmentId, Path(description="The segment's id, as snapshots and campaigns name it.")]
_ETAG = re.compile(r'"(\d{1,18})"')
_HEADERS = {"ETag": {"description": "The version, for If-Match.", "schema": {"type": "string"}}}


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class SegmentAnswer(_Answer):
    """A segment in one version; `members_count` is of now, whichever version it is."""

    segment_id: str
    version: int
    document: SegmentDocument
    saved_at: datetime
    saved_by: str
    members_count: int


class EvaluationAnswer(_Answer):
    """How many customers have been looked at since a rule was saved last, and how many of them are in other segments now.

    Customers that something happens to are always judged by the newest rules; this is about all others.
    """

    finished: bool
    customers_done: int
    customers_total: int
    changed_count: int


class SegmentPage(_Answer):
    """All segments, by id."""

    segments: tuple[SegmentAnswer, ...]
    evaluation: EvaluationAnswer


class PreviewQuestion(_Answer):
    """A rule that is not saved yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Rule


class PreviewAnswer(_Answer):
    """How many customers the rule would hold for.

    `estimated`: not everybody was asked; the number lies between `lowest_count` and `greatest_count` in 95 of 100 cases.
    """

    customers_count: int
    asked_count: int
    members_count: int
    lowest_count: int
    greatest_count: int
    estimated: bool
    sample_customer_ids: tuple[str, ...]


def segments_router(segmenting: Segmenting) -> APIRouter:
    """Segments, for their owners."""
    router = APIRouter(prefix="/v1/segments", tags=["segments"])

    @router.get("", summary="All segments")
    async def segments(_caller: Reader, *, archived: bool = False) -> SegmentPage:
        """Every segment with its size, archived ones if asked for, and how far the newest change has come."""
        standings, sweep = await segmenting.all()
        shown = [one for one in standings if archived or not one.row.segment.document.archived]
        return SegmentPage(segments=tuple(map(_answer, shown)), evaluation=_evaluation(sweep))

    @router.post("/preview", summary="The size of a rule before it is saved")
    async def preview(_caller: Writer, question: PreviewQuestion) -> PreviewAnswer:
        """Asks every customer up to a bound, above it a fair sample; nothing is saved, nobody is moved."""
        found = await segmenting.preview(_checked(question.rule))
        return PreviewAnswer(
            customers_count=found.customers_count,
            asked_count=found.asked_count,
            members_count=found.members_count,
            lowest_count=found.lowest_count,
            greatest_count=found.greatest_count,
            estimated=found.estimated,
            sample_customer_ids=tuple(found.sample),
        )

    @router.get("/{segment_id}", summary="One segment", responses={200: {"headers": _HEADERS}})
    async def segment(
        _caller: Reader,
        response: Response,
        segment_id: IdInPath,
        version: Annotated[int | None, Query(ge=1, le=10**12, description="Without it the newest.")] = None,
    ) -> SegmentAnswer:
        """The document; its ETag is what If-Match wants."""
        return _tagged(await segmenting.one(segment_id, version), response)

    @router.put(
        "/{segment_id}",
        summary="Save a segment",
        responses={
            200: {"headers": _HEADERS, "description": "The next version, or the same document as before."},
            201: {"headers": _HEADERS, "model": SegmentAnswer, "description": "The first version."},
            **problems(409, 412, s409="Others lean on it, or there are too many."),
        },
    )
    async def save(
        caller: Writer,
        response: Response,
        segment_id: IdInPath,
        document: SegmentDocument,
        if_match: Annotated[
            str | None, Header(description='The ETag of the version that was read, `"3"`; none for a new segment.')
        ] = None,
    ) -> SegmentAnswer:
        """In force at once for whoever something happens to, for all others within rounds that `GET /v1/segments` shows.

        To archive, save it with `archived`: members leave, versions and id stay.
        """
        saved, first = await segmenting.save(
            segment_id, document, read_version=_version_in(if_match), saved_by=caller.key_id
        )
        response.status_code = 201 if first else 200
        return _tagged(saved, response)

    return router


def _checked(rule: Rule) -> Rule:
    try:
        return check_size(rule)
    except ValueError as error:
        raise InvalidInput(str(error), slug="rule-too-large") from error


def _version_in(if_match: str | None) -> int | None:
    if if_match is None:
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidInput('If-Match is the ETag of one version, like "3"', slug="invalid-etag")
    return int(found[1])


def _tagged(standing: SegmentStanding, response: Response) -> SegmentAnswer:
    response.headers["ETag"] = f'"{standing.row.segment.version}"'
    return _answer(standing)


def _answer(standing: SegmentStanding) -> SegmentAnswer:
    segment = standing.row.segment
    return SegmentAnswer(
        segment_id=segment.segment_id,
        version=segment.version,
        document=segment.document,
        saved_at=standing.row.saved_at,
        saved_by=standing.row.saved_by,
        members_count=standing.members_count,
    )


def _evaluation(sweep: SweepRow) -> EvaluationAnswer:
    return EvaluationAnswer(
        finished=sweep.finished,
        customers_done=sweep.customers_done,
        customers_total=sweep.customers_total,
        changed_count=sweep.changed_count,
    )

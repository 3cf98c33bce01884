"""`POST /v1/poslog`: ARTS/NRF POSLog XML in, an answer for each transaction out."""

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from libs.common.contracts.values import Currency
from libs.common.errors import InvalidInput, Kind
from libs.common.http.credentials import Credential, require
from libs.common.http.problems import problem
from services.ingest.api.body import Limits, read_body
from services.ingest.api.events import API_KEY, Problem
from services.ingest.domain.admission import WRITE
from services.ingest.domain.intake import Intake
from services.ingest.domain.poslog import Assumed
from services.ingest.handlers.poslog import PoslogAnswer, PoslogDoor, TransactionResult

XML = ("application/xml", "text/xml")
Writer = Annotated[Credential, Depends(require(WRITE))]
ZoneName = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$")]


class PoslogQuery(BaseModel):
    """What the document leaves unsaid; each has a default in the deployment's settings.

    `time_zone`: the zone of times without one, as the IANA database names it (`Europe/Berlin`). `currency`: that of
    amounts without one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_zone: ZoneName | None = None
    currency: Currency | None = None

    def over(self, assumed: Assumed) -> Assumed:
        """The deployment's assumptions with this request's in their place; raises InvalidInput for an unknown zone."""
        zone = zone_of(self.time_zone) if self.time_zone else assumed.zone
        return Assumed(zone=zone, currency=self.currency or assumed.currency)


class PoslogProblem(Problem):
    """503 from the broker says of each transaction what became of it: the same document may be sent again."""

    transactions: tuple[TransactionResult, ...] | None = None


def zone_of(name: str) -> ZoneInfo:
    """The time zone with this name; raises InvalidInput."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:  # the last: a folder of the database
        raise InvalidInput("no such time zone", slug="unknown-time-zone") from error


def poslog_router(poslog: PoslogDoor, intake: Intake, limits: Limits, assumed: Assumed) -> APIRouter:
    """The door for tills' logs; `assumed` are the deployment's own zone and currency."""
    router = APIRouter(tags=["poslog"], dependencies=[API_KEY])

    @router.post(
        "/v1/poslog",
        status_code=202,
        summary="Take in a POSLog",
        response_model=PoslogAnswer,
        responses=_RESPONSES,
        openapi_extra=_REQUEST,
    )
    async def post_poslog(request: Request, query: Annotated[PoslogQuery, Query()], caller: Writer) -> Response:
        """Take in ARTS/NRF POSLog XML (versions 2, 3 and 6): sales, returns and voids become `usual.pos` events.

        202 says of each transaction what became of it. A broken one is kept in quarantine as it came and costs its
        neighbours nothing; mend it in the document and send all of it again: ids follow from store, workstation, business
        day and sequence number, so that a repeat has no further effect. What was not read is listed under `unmapped`. A
        document that is not well-formed, or has a document type, entities or inclusions, is refused as a whole.
        """
        if _media_type(request) not in XML:
            raise HTTPException(415, f"send {' or '.join(XML)}")
        stands_for = query.over(assumed)
        poslog.door.rates.take(caller, 0)  # who is over its rate is sent away before its body is read
        with intake.share() as share:
            read = await poslog.read(await read_body(request, limits, share), stands_for)
            answer = await poslog.accept(read, caller)
        return _answered(answer)

    return router


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _answered(answer: PoslogAnswer) -> Response:
    events = [event for transaction in answer.transactions for event in transaction.events]
    if any(event.kind is Kind.UNAVAILABLE for event in events):
        listed = answer.model_dump(mode="json", exclude_none=True)
        return problem(503, "not-all-acknowledged", "send the same document again", listed)
    return Response(answer.model_dump_json(exclude_none=True), status_code=202, media_type="application/json")


_WRONG: Mapping[int, str] = {
    400: "The caller left before all of the body had come.",
    401: "No key, or one that is unknown or out of date.",
    403: "A key without the scope.",
    408: "The body did not come in time.",
    413: "A body with too many bytes, elements or transactions.",
    415: "Another media type, or a compressed body.",
    422: "Not well-formed, forbidden in XML that comes from outside, no POSLog, or an unknown time zone.",
    429: "Too many events of this key or store in a short time.",
    503: "The broker did not acknowledge all events in time (`transactions` says which), or too much is under way.",
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/PoslogProblem"}}},
    }
    for status, text in _WRONG.items()
}
_RESPONSES[422]["model"] = PoslogProblem
_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: {"schema": {"type": "string", "description": "A POSLog document."}} for media_type in XML
        },
    }
}

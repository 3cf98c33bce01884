"""`POST /v1/events`: one CloudEvent or a batch, answered for each event."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request, Response, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict

from libs.common.contracts import StructuredEvent
from libs.common.errors import Forbidden, InvalidInput, Kind, TooLarge
from libs.common.http.credentials import Credential, Credentials, key_in
from libs.common.http.direct_routes import DirectRoute
from libs.common.http.problems import STATUS, problem
from services.ingest.api.body import Limits, read_body
from services.ingest.domain.admission import PLAY, WRITE
from services.ingest.domain.binary_mode import is_binary, structured
from services.ingest.domain.documents import Document, open_batch
from services.ingest.domain.intake import Intake
from services.ingest.handlers import EventResult, FrontDoor, as_json

API_KEY = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, description="or `Authorization: Bearer`"))
ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EITHER = "application/json"


Headers = Mapping[bytes, bytes]
"""By name in lower case, as servers hand them over."""


class EventsAnswer(BaseModel):
    """One result for each event, in the order of the request."""

    model_config = ConfigDict(frozen=True)

    results: tuple[EventResult, ...]


class Problem(BaseModel):
    """RFC 9457; `type` ends in a stable slug. 503 from the broker carries `results`: send again what was not accepted."""

    type: str
    title: str
    status: int
    detail: str
    results: tuple[EventResult, ...] | None = None
    id: str | None = None
    source: str | None = None
    pointer: str | None = None
    quarantine_id: str | None = None


def events_router(door: FrontDoor, credentials: Credentials, intake: Intake, limits: Limits) -> APIRouter:
    """The door's hot route."""
    router = APIRouter(route_class=DirectRoute, tags=["events"], dependencies=[API_KEY])

    @router.post(
        "/v1/events", status_code=202, response_model=EventsAnswer, responses=_RESPONSES, openapi_extra=_REQUEST
    )
    async def post_events(request: Request) -> Response:
        """Take in one CloudEvent 1.0, in structured or binary mode, or a batch of them; the data is JSON.

        202 says of each event what became of it; `accepted` means that the broker has it. 503 says so too: send what is
        `unknown` or `refused` with a `Retry-After` again, under the same ids; a repeat has no further effect. The schema of each
        type's `data` is at `/v1/schemas/{type}`.
        """
        headers = dict(request.scope["headers"])
        caller = _caller(credentials, request, headers)
        door.rates.take(caller, 0)  # who is over its rate is sent away before its body is read
        with door.metrics.in_flight_requests.track_inprogress(), intake.share() as share:
            body = await read_body(request, limits, share)
            shape = _shape(headers, body)
            if shape == "batch":
                return _batch_answer(await door.accept_events(_split(body, door, limits), caller))
            event = structured(headers, body) if shape == "binary" else body
            return _single_answer((await door.accept_events([event], caller))[0])

    return router


def _caller(credentials: Credentials, request: Request, headers: Headers) -> Credential:
    key = headers.get(b"x-api-key")
    caller = credentials.authenticate(key.decode("latin-1") if key else key_in(request))
    if not (caller.allows(WRITE) or caller.allows(PLAY)):
        raise Forbidden(f"this key lacks the scope {WRITE}", slug="missing-scope")
    return caller


def _shape(headers: Headers, body: bytes) -> Literal["one", "binary", "batch"]:
    """How the events come; the media type says so first, as CloudEvents wants it. Raises HTTPException for another one."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    if media_type in {ONE, BATCH}:
        return "one" if media_type == ONE else "batch"
    if media_type != EITHER:
        raise HTTPException(415, f"send {ONE}, {BATCH} or {EITHER}")
    if is_binary(headers):
        return "binary"
    return "batch" if body.lstrip(b" \t\r\n")[:1] == b"[" else "one"


def _split(body: bytes, door: FrontDoor, limits: Limits) -> Sequence[Document]:
    documents = open_batch(body, door.rules.greatest_event_bytes)
    if len(documents) > limits.greatest_batch:
        raise TooLarge(f"a batch may have {limits.greatest_batch} events", slug="batch-too-large")
    if not documents:
        raise InvalidInput("a batch needs an event", slug="empty-batch")
    return documents


def _batch_answer(results: Sequence[EventResult]) -> Response:
    if any(result.kind is Kind.UNAVAILABLE for result in results):
        return _try_again(results)
    return _taken(results)


def _single_answer(result: EventResult) -> Response:
    """A lone event has its fate as the status of the answer."""
    if result.kind is None:
        return _taken([result])
    if result.kind is Kind.UNAVAILABLE:
        return _try_again([result])
    context = as_json(result, "id", "source", "pointer", "quarantine_id")
    return problem(STATUS[result.kind], result.slug or "", result.detail or "", context)


def _taken(results: Sequence[EventResult]) -> Response:
    answer = EventsAnswer(results=tuple(results))
    return Response(answer.model_dump_json(exclude_none=True), status_code=202, media_type="application/json")


def _try_again(results: Sequence[EventResult]) -> Response:
    """Not all is where it belongs. Nothing that was accepted needs to come again, but it may."""
    listed = [as_json(result) for result in results]
    return problem(503, "not-all-acknowledged", "send again what was not accepted", {"results": listed})


_WRONG: Mapping[int, str] = {
    401: "No key, or one that is unknown or out of date.",
    403: "A key without the scope, or of another store.",
    408: "The body did not come in time.",
    413: "A body, batch or event above its limit; found before it is buffered where its length is declared.",
    415: "Another media type, or a compressed body.",
    422: "Not JSON, or a lone event that is invalid; it is in quarantine under `quarantine_id`.",
    429: "Too many events of this key, or of its store, in a short time; nothing of the request was taken.",
    503: "The broker did not acknowledge all events in time (`results` says which), or too much is under way (no `results`).",
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, text in _WRONG.items()
}
_RESPONSES[422]["model"] = Problem
_EVENT = StructuredEvent.model_json_schema()
_EVENTS = {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": 1000}
_DATA = {"description": "In binary mode, that is with `ce-specversion`: the event's data alone."}
_BINARY = {
    "specversion": "CloudEvents' version; with it the request is in binary mode: the attributes as headers, the data as body.",
    "id": "In binary mode: the event's id.",
    "source": "In binary mode: where it happened.",
    "type": "In binary mode: what happened.",
    "time": "In binary mode: when it happened, as RFC 3339.",
    "subject": "In binary mode: what it is about.",
}
_REQUEST: dict[str, Any] = {
    "parameters": [
        {"name": f"ce-{name}", "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in _BINARY.items()
    ],
    "requestBody": {
        "required": True,
        "content": {
            ONE: {"schema": _EVENT},
            BATCH: {"schema": _EVENTS},
            EITHER: {"schema": {"anyOf": [_EVENT, _EVENTS, _DATA]}},
        },
    },
}

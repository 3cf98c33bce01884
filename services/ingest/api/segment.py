"""`POST /v1/track|identify|page|alias|batch`: Segment's HTTP shape, so that its SDKs, and our tracker, need only our address."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.routing import Route

from libs.common.card_numbers import CardNumberFound, CardNumberGuard
from libs.common.errors import Forbidden, InvalidInput, Kind, TooLarge
from libs.common.http.credentials import Credential, Credentials, key_in
from libs.common.http.problems import STATUS, problem
from libs.common.http.rate_limits import RateLimits
from libs.common.ids import random_id
from libs.common.pseudonyms import Pseudonyms
from services.ingest.api.body import Limits, read_body
from services.ingest.api.cross_origin import CrossOriginRoute, check_origin, preflight
from services.ingest.api.events import API_KEY, Problem
from services.ingest.domain import segment
from services.ingest.domain.admission import WEB_WRITE, WRITE
from services.ingest.domain.intake import Intake, Share
from services.ingest.handlers import EventResult, FrontDoor, as_json

GREATEST_BODY_BYTES = 512_000
"""What Segment's own SDKs keep to; whoever shows no key before the body may not bring more than this either."""
_KINDS = ("track", "identify", "page", "alias")


class SegmentAnswer(BaseModel):
    """`success`: every call is in the topics or, where it was invalid, in quarantine; `results` say which, call by call."""

    model_config = ConfigDict(frozen=True)

    success: bool = True
    results: tuple[EventResult, ...]


def segment_router(
    door: FrontDoor, credentials: Credentials, intake: Intake, limits: Limits, pseudonyms: Pseudonyms
) -> APIRouter:
    """The calls one by one, and batches of them; in a browser only for pages that the key names."""
    cards = door.rules.cards
    ids = segment.Ids(random_id, pseudonyms.value_of)
    router = APIRouter(route_class=CrossOriginRoute, tags=["segment"], dependencies=[API_KEY])
    greatest_bytes = min(limits.greatest_body_bytes, GREATEST_BODY_BYTES)
    reader = _Reader(credentials, door.rates, replace(limits, greatest_body_bytes=greatest_bytes), cards)

    async def answer(request: Request, kind: str | None) -> Response:
        with door.metrics.in_flight_requests.track_inprogress(), intake.share() as share:
            asked, caller, is_suspect = await reader.read(request, kind, share)
            source = f"segment:{caller.holder}"
            marked = _marked(asked, cards, door) if is_suspect else {}
            raws = [
                raw
                for place, call in enumerate(asked.calls)
                for raw in (marked.get(place) or segment.translate(call, source, ids))
            ]
            results = await door.accept_events(raws, caller, door="segment", sent_at=asked.sent_at)
        return _answered(results)

    def serve(kind: str | None, name: str, summary: str) -> None:
        async def endpoint(request: Request) -> Response:
            return await answer(request, kind)

        for path in (f"/v1/{name}", f"/v1/{name[0]}"):  # Segment's browser SDK uses the first letter
            described: dict[str, Any] = {
                "response_model": SegmentAnswer,
                "responses": _RESPONSES,
                "openapi_extra": _request(_BATCH if kind is None else _CALL),
            }
            router.add_api_route(
                path,
                endpoint,
                methods=["POST"],
                name=name,
                summary=summary,
                description=_DESCRIPTION,
                include_in_schema=path == f"/v1/{name}",
                **described,
            )
            router.routes.append(Route(path, preflight, methods=["OPTIONS"], include_in_schema=False))

    for kind in _KINDS:
        serve(kind, kind, f"One Segment `{kind}` call")
    serve(None, "batch", "Segment calls of any kind")
    return router


class _Reader:
    """Reads a request and finds out who sent it; the key may stand in the body, where browsers can set no header."""

    def __init__(self, credentials: Credentials, rates: RateLimits, limits: Limits, cards: CardNumberGuard) -> None:
        self._credentials = credentials
        self._cards = cards
        self._rates = rates
        self._limits = limits

    async def read(self, request: Request, kind: str | None, share: Share) -> tuple[segment.Request, Credential, bool]:
        """The calls, who sent them, and whether there may be a card number in the body."""
        key = _key_in_headers(request)
        caller = None if key is None else self._caller(key, request)
        body = await read_body(request, self._limits, share)
        asked = segment.read_request(body, kind)
        caller = caller or self._caller(asked.write_key, request)
        if len(asked.calls) > self._limits.greatest_batch:
            raise TooLarge(f"a batch may have {self._limits.greatest_batch} calls", slug="batch-too-large")
        if not asked.calls:
            raise InvalidInput("a batch needs a call", slug="empty-batch")
        return asked, caller, self._cards.is_in(body)

    def _caller(self, key: str | None, request: Request) -> Credential:
        caller = self._credentials.authenticate(key)
        if not (caller.allows(WRITE) or caller.allows(WEB_WRITE)):
            raise Forbidden(f"this key lacks the scope {WRITE} or {WEB_WRITE}", slug="missing-scope")
        check_origin(request, caller)
        # Who is over its rate is sent away; where the headers name it, before its body is read.
        self._rates.take(caller, 0)
        return caller


def _marked(asked: segment.Request, cards: CardNumberGuard, door: FrontDoor) -> Mapping[int, Sequence[bytes]]:
    """Calls with a card number, by place, as they came: no event may look where it stands, but admission refuses them for it.

    Raises CardNumberFound when it stands beside the calls.
    """
    encoded = {place: msgspec.json.encode(call) for place, call in enumerate(asked.calls)}
    found = {place: [raw] for place, raw in encoded.items() if cards.is_in(raw)}
    if not found:
        door.metrics.card_numbers.labels("segment").inc()
        raise CardNumberFound
    return found


def _key_in_headers(request: Request) -> str | None:
    """As Segment's SDKs send it: the write key as the user name, the password empty. Or as our own callers do."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return key_in(request)
    try:
        return b64decode(token, validate=True).decode().partition(":")[0]
    except ValueError:
        return ""


def _answered(results: Sequence[EventResult]) -> Response:
    """As SDKs understand it: they send again after 503, and give up after any 4xx."""
    listed = [as_json(result) for result in results]
    if any(result.kind is Kind.UNAVAILABLE for result in results):
        return problem(503, "not-all-acknowledged", "send again what was not accepted", {"results": listed})
    for result in results:
        if result.kind is not None and result.status == "refused":
            return problem(STATUS[result.kind], result.slug or "", result.detail or "", {"results": listed})
    answer = SegmentAnswer.model_construct(success=True, results=tuple(results))
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")


_DESCRIPTION = """Take in what Segment's SDKs send. The key is the write key: as the user name of `Authorization: Basic`, as
`Bearer`, as `X-Api-Key`, or as `writeKey` in the body. `userId` becomes an account, `anonymousId` a web visitor, both at once also
link them. `track` knows Products Searched, Product Viewed, Product Added, Product Removed, Checkout Started and Order
Completed; what it does not know is kept in quarantine. Segment's one-letter paths (`/v1/t`, `/v1/b`, ...) do the same."""
_WRONG = {
    400: "The caller left before all was read.",
    401: "No key, or one that is unknown or out of date.",
    403: "A key without the scope, or on a page of a site that it does not name; or a call that this key may not make.",
    408: "The body did not come in time.",
    413: "A body, batch or call above its limit.",
    415: "A compressed body.",
    422: "Not JSON, or a call with a payment card number in it; nothing of that call was kept.",
    429: "Too many events of this key, or of its store.",
    503: "The broker did not acknowledge all events in time (`results` says which), or too much is under way (no `results`).",
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": told,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, told in _WRONG.items()
}
_RESPONSES[422]["model"] = Problem
_TEXT_OR_NUMBER = {"type": ["string", "integer", "null"]}
_CALL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "messageId": {
            "type": "string",
            "maxLength": 256,
            "description": "A repeat under the same one has no further effect.",
        },
        "userId": _TEXT_OR_NUMBER,
        "anonymousId": _TEXT_OR_NUMBER,
        "previousId": _TEXT_OR_NUMBER,
        "event": {"type": "string"},
        "properties": {"type": "object"},
        "traits": {"type": "object"},
        "context": {"type": "object"},
        "timestamp": {"type": "string", "format": "date-time"},
        "originalTimestamp": {"type": "string", "format": "date-time"},
        "sentAt": {
            "type": "string",
            "format": "date-time",
            "description": "Puts right what the sender's clock has wrong.",
        },
        "writeKey": {"type": "string"},
    },
    "examples": [
        {
            "messageId": "5d1c6b1e",
            "anonymousId": "507f191e",
            "event": "Product Viewed",
            "properties": {"product_id": "507", "price": 19.99, "currency": "EUR"},
        }
    ],
}
_ANY_CALL = {**_CALL, "properties": {"type": {"enum": list(_KINDS)}, **_CALL["properties"]}, "required": ["type"]}
_BATCH: dict[str, Any] = {
    "type": "object",
    "properties": {
        "batch": {"type": "array", "items": _ANY_CALL, "minItems": 1, "maxItems": 1000},
        **{name: _CALL["properties"][name] for name in ("sentAt", "writeKey")},
    },
    "required": ["batch"],
}


def _request(schema: Mapping[str, Any]) -> dict[str, Any]:
    described = {"schema": schema}
    return {"requestBody": {"required": True, "content": {"application/json": described, "text/plain": described}}}

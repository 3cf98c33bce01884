"""`Idempotency-Key` on every write of this door: a repeat gets the same bytes, whatever became of the first answer.

Around all routes, so that none can be forgotten. A keyed write and its kept answer are one transaction (handlers/repeating.py).
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.errors import InvalidInput, TooLarge, UsualError
from libs.common.http.credentials import key_in as api_key_in
from libs.common.http.direct_routes import read_again
from libs.common.http.problems import problem_of
from services.offers.domain.repeating import LONGEST_KEY, digest_of_request, key_in, name_of
from services.offers.handlers.repeating import Once
from services.offers.ports.repeating import Answer

HEADER = "Idempotency-Key"
REPEATED = "Idempotent-Replayed"
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LONGEST_BODY = 4 * 1024 * 1024
"""Under a key a body is held in memory and worked on in one transaction."""
OWN_IDS: Mapping[str, str] = {"/v1/checkouts": "checkout_id"}
"""Writes whose answer holds codes, which stand nowhere: they are made again from what is stored under an id in the body, and that is the key."""
_EXAMPLE = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'
_LATER = "usual.after_commit"
Later = Callable[[], Awaitable[object]]


class KeyedWrites:
    """ASGI around an app: a write with the header is done once; anything else passes at the cost of a look."""

    def __init__(self, within: ASGIApp, app: FastAPI, once: Once) -> None:
        self._within = within
        self._app = app
        self._once = once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, from what is kept where it was asked before."""
        if scope["type"] != "http" or scope["method"] not in WRITES or not _has_key(scope):
            await self._within(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            await self._keyed(request, send)
        except ClientDisconnect:
            return
        except UsualError as error:
            await problem_of(error)(scope, receive, send)

    async def _keyed(self, request: Request, send: Send) -> None:
        scope = request.scope
        scope["route"] = self._route(scope)
        caller = self._app.state.credentials.authenticate(api_key_in(request))
        key = _stated_key(request)
        body = await _whole_body(request)
        own_id = OWN_IDS.get(scope["path"])
        if own_id is not None:
            _check_own_id(own_id, key, body)
            await self._within(scope, read_again(body, request.receive), send)
            return
        target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}"
        heard = _Heard()
        later: list[Later] = []
        scope.setdefault("state", {})[_LATER] = later

        async def work() -> Answer:
            await self._within(scope, read_again(body, request.receive), heard)
            return heard.answer

        name, asked = name_of(caller.key_id, key), digest_of_request(scope["method"], target, body)
        try:
            answer, repeated = await self._once.answer(name, asked, work)
        except UsualError:
            raise
        except Exception:
            if heard.messages:  # the app's own words on a fault of ours, which it then raises for the log
                await heard.tell(send)
            raise
        if repeated:
            replayed = Response(answer.body, answer.status, {REPEATED: "true"}, answer.media_type)
            await replayed(scope, request.receive, send)
            return
        for wait in later:
            await wait()
        await heard.tell(send)

    def _route(self, scope: Scope) -> Any:
        """The declared route, for metrics: a repeat never comes to it."""
        return next((route for route in self._app.routes if route.matches(scope)[0] is Match.FULL), None)


class _Heard:
    """What an app sent, kept until it is known to be true."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def answer(self) -> Answer:
        start, *rest = self.messages
        headers = dict(start["headers"])
        return Answer(
            status=start["status"],
            media_type=headers.get(b"content-type", b"application/json").decode("latin-1"),
            body=b"".join(message.get("body", b"") for message in rest),
        )

    async def tell(self, send: Send) -> None:
        for message in self.messages:
            await send(message)


async def when_durable(request: Request, wait: Later) -> None:
    """Await `wait` when what this request did is committed: now, or after the transaction that keeps its answer too."""
    later: list[Later] | None = request.scope.get("state", {}).get(_LATER)
    if later is None:
        await wait()
    else:
        later.append(wait)


def keeps_answer(request: Request) -> bool:
    """Whether the answer is kept together with its effect, so that nothing is committed before all of it is said."""
    return _LATER in request.scope.get("state", {})


def describe_keys(app: FastAPI) -> None:
    """Say of every write in the app's document that it takes the header, and what may come of it."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if method.upper() in WRITES:
                    _describe(operation, OWN_IDS.get(path))
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _describe(operation: dict[str, Any], own_id: str | None) -> None:
    parameters = operation.setdefault("parameters", [])
    if any(parameter["name"] == HEADER for parameter in parameters):
        return
    what = f"Must be the `{own_id}`, if it is stated." if own_id else "The same key and request: the same answer."
    schema = {"type": "string", "minLength": 1, "maxLength": 2 * LONGEST_KEY + 2, "examples": [_EXAMPLE]}
    parameters.append({"name": HEADER, "in": "header", "required": False, "description": what, "schema": schema})
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers = operation["responses"]
    answers.setdefault("413", {"description": "Too long a body under a key.", "content": problem})
    answers.setdefault("422", {"description": "Not this body under this key.", "content": problem})
    if own_id is None:
        conflict = answers.setdefault("409", {"description": "The same is under way.", "content": problem})
        wait = {"description": "Seconds to wait, where that helps.", "schema": {"type": "integer", "minimum": 0}}
        conflict.setdefault("headers", {})["Retry-After"] = wait


def _has_key(scope: Scope) -> bool:
    return b"idempotency-key" in dict(scope["headers"])


def _stated_key(request: Request) -> str:
    stated = request.headers.getlist(HEADER)
    if len(stated) != 1:
        raise InvalidInput("more than one Idempotency-Key", slug="invalid-key")
    return key_in(stated[0])


async def _whole_body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LONGEST_BODY:
            raise TooLarge(f"under a key a body has {LONGEST_BODY} bytes at most", slug="body-too-large")
        parts.append(part)
    return b"".join(parts)


def _check_own_id(own_id: str, key: str, body: bytes) -> None:
    with suppress(ValueError, RecursionError):
        stated = json.loads(body)
        if isinstance(stated, dict) and isinstance(stated.get(own_id), str) and stated[own_id] != key:
            raise InvalidInput(f"the key of this request is its {own_id}; state no other", slug="key-not-the-id")

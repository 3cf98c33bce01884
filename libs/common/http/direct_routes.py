"""Hot routes: documented like any other, but served straight from the app, ahead of its middleware and routing.

FastAPI's way to an endpoint costs more than such an endpoint does. A direct route is declared as always, so that the
description of the API holds it; ServiceApp then hands its requests to its handler at once.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute, APIRouter
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
ShortCut = Callable[[Request], Coroutine[Any, Any, Response | None]]
"""Answers as the declared endpoint would, or leaves the request to it: None."""


_JSON = frozenset({b"application/json", b"application/json; charset=utf-8"})


class DirectRoute(APIRoute):
    """A route whose endpoint reads the request and writes the response; nothing is solved or encoded around it."""

    def get_route_handler(self) -> Handler:
        """The endpoint itself."""
        return cast("Handler", self.endpoint)


GREATEST_SHORT_BODY_BYTES = 256 * 1024
"""What a short cut may be given to read; a longer body is for the declared route and its limits."""


class ReadyJson(Response):
    """An answer of 200 whose JSON is ready: what Starlette's own Response would be, and nothing looked up."""

    def __init__(self, body: bytes) -> None:
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]


class _ShortRequest(Request):
    """A request whose body comes in one piece, nearly always."""

    async def body(self) -> bytes:
        """All of it. Raises ClientDisconnect."""
        if not hasattr(self, "_body"):
            self._body = await _whole(self.receive)
        return self._body


async def _whole(receive: Receive) -> bytes:
    message = await receive()
    parts = [message.get("body", b"")]
    while message["type"] == "http.request" and message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return parts[0] if len(parts) == 1 else b"".join(parts)


class DirectRoutes:
    """The direct routes of an app, by method and path; without a short cut, paths with parameters are left to the app."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._handlers: dict[tuple[str, str], tuple[APIRoute, ShortCut]] = {}
        self._below: dict[tuple[str, str], tuple[APIRoute, ShortCut]] = {}

    def add(self, router: APIRouter, prefix: str) -> None:
        """Serve the direct routes of `router`, which the app includes under `prefix`; not those of a class that does more."""
        for route in router.routes:
            if type(route) is DirectRoute and "{" not in route.path:
                for method in route.methods or ():
                    self._handlers[method, prefix + route.path] = route, route.get_route_handler()

    def shorten(self, router: APIRouter, path: str, short_cut: ShortCut, *, method: str = "GET") -> None:
        """Ask `short_cut` first for the route of `router` at `path`, which may end in one parameter.

        It sees every path of that form, those of other routes too. It may read a body of JSON whose length was stated; what it
        leaves to the declared route is there to be read again. Raises ValueError when no such route is declared.
        """
        declared = (route for route in router.routes if isinstance(route, APIRoute))
        route = next((one for one in declared if one.path == path and method in (one.methods or ())), None)
        before, _, last = path.rpartition("/")
        if route is None or "{" in before:
            raise ValueError(f"no such route: {path}")
        if last.startswith("{"):
            self._below[method, before] = route, short_cut
        else:
            self._handlers[method, path] = route, short_cut

    async def answered(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """None when this was a request for one of them, which is answered; else where the app is to read it from."""
        found = self._found(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            return receive
        scope["app"] = self._app
        route, handler = found
        request = _ShortRequest(scope, receive)
        is_short_cut = not isinstance(route, DirectRoute)
        if is_short_cut and scope["method"] != "GET" and not _is_short_json(scope["headers"]):
            return receive
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - the app's own handlers say what each means
            response = await self._problem(request, error)
        if response is None:
            return receive if scope["method"] == "GET" else read_again(await request.body(), receive)
        scope["route"] = route
        await response(scope, receive, send)
        return None

    def _found(self, method: str, path: str) -> tuple[APIRoute, ShortCut] | None:
        return self._handlers.get((method, path)) or self._below.get((method, path[: path.rfind("/")]))

    async def _problem(self, request: Request, error: Exception) -> Response:
        handlers = self._app.exception_handlers
        handler = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
        return await cast("Coroutine[Any, Any, Response]", handler(request, error))


def _is_short_json(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the body is JSON, as it is, and says that it is short; no header may be stated twice."""
    stated = dict(headers)
    length = stated.get(b"content-length", b"")
    return (
        len(stated) == len(headers)
        and stated.get(b"content-type", b"") in _JSON
        and length.isdigit()
        and int(length) <= GREATEST_SHORT_BODY_BYTES
        and b"content-encoding" not in stated
    )


def read_again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be read once more; then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again

"""Hot routes: documented like any other, but served straight from the app, ahead of its middleware and routing.

FastAPI's way to an endpoint costs more than such an endpoint does. A direct route is declared as always, so that the
description of the API holds it; ServiceApp then hands its requests to its handler at once.
"""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute, APIRouter
from starlette.types import Receive, Scope, Send

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class DirectRoute(APIRoute):
    """A route whose endpoint reads the request and writes the response; nothing is solved or encoded around it."""

    def get_route_handler(self) -> Handler:
        """The endpoint itself."""
        return cast("Handler", self.endpoint)


class DirectRoutes:
    """The direct routes of an app, by method and path; paths with parameters are left to the app."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._handlers: dict[tuple[str, str], tuple[DirectRoute, Handler]] = {}

    def add(self, router: APIRouter, prefix: str) -> None:
        """Serve the direct routes of `router`, which the app includes under `prefix`; not those of a class that does more."""
        for route in router.routes:
            if type(route) is DirectRoute and "{" not in route.path:
                for method in route.methods or ():
                    self._handlers[method, prefix + route.path] = route, route.get_route_handler()

    async def answered(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether this was a request for one of them; then it is answered."""
        found = self._handlers.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if found is None:
            return False
        scope["app"] = self._app
        scope["route"], handler = found
        request = Request(scope, receive)
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - the app's own handlers say what each means
            response = await self._problem(request, error)
        await response(scope, receive, send)
        return True

    async def _problem(self, request: Request, error: Exception) -> Response:
        handlers = self._app.exception_handlers
        handler = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
        return await cast("Coroutine[Any, Any, Response]", handler(request, error))

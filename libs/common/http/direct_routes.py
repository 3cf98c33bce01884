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
ShortCut = Callable[[Request], Coroutine[Any, Any, Response | None]]
"""Answers as the declared endpoint would, or leaves the request to it: None."""


class DirectRoute(APIRoute):
    """A route whose endpoint reads the request and writes the response; nothing is solved or encoded around it."""

    def get_route_handler(self) -> Handler:
        """The endpoint itself."""
        return cast("Handler", self.endpoint)


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

    def shorten(self, router: APIRouter, path: str, short_cut: ShortCut) -> None:
        """Ask `short_cut` first for the GET route of `router` at `path`, which may end in one parameter.

        It sees every path of that form, those of other routes too. Raises ValueError when no such route is declared.
        """
        declared = (route for route in router.routes if isinstance(route, APIRoute))
        route = next((one for one in declared if one.path == path and "GET" in (one.methods or ())), None)
        before, _, last = path.rpartition("/")
        if route is None or "{" in before:
            raise ValueError(f"no such route: {path}")
        if last.startswith("{"):
            self._below["GET", before] = route, short_cut
        else:
            self._handlers["GET", path] = route, short_cut

    async def answered(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether this was a request for one of them; then it is answered."""
        found = self._found(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            return False
        scope["app"] = self._app
        route, handler = found
        request = Request(scope, receive)
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - the app's own handlers say what each means
            response = await self._problem(request, error)
        if response is None:
            return False
        scope["route"] = route
        await response(scope, receive, send)
        return True

    def _found(self, method: str, path: str) -> tuple[APIRoute, ShortCut] | None:
        return self._handlers.get((method, path)) or self._below.get((method, path[: path.rfind("/")]))

    async def _problem(self, request: Request, error: Exception) -> Response:
        handlers = self._app.exception_handlers
        handler = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
        return await cast("Coroutine[Any, Any, Response]", handler(request, error))

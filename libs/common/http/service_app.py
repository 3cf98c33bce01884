"""The FastAPI app that every process serves, worker or door: health, metrics, problem+json; doors add their routers."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.common.http.bounded_bodies import USUAL_BODIES, Bodies, BoundedBodies
from libs.common.http.direct_routes import DirectRoutes, ShortCut
from libs.common.http.openapi import HEALTH, METRICS, complete_openapi
from libs.common.http.problems import add_problem_handlers
from libs.common.http.request_metrics import RequestMetrics
from libs.common.observability.health import Health

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class ServiceApp(FastAPI):
    """FastAPI with every request measured, and with direct routes, which bound bodies themselves, served ahead of its own stack."""

    def __init__(self, *, metrics: CollectorRegistry, bodies: Bodies, **options: Any) -> None:
        self._direct = DirectRoutes(self)
        self._bounded = BoundedBodies(super().__call__, bodies)
        self._surrounded: ASGIApp = self._served
        self._measured = RequestMetrics(self._within, metrics)
        super().__init__(**options)

    def include_router(self, router: APIRouter, **options: Any) -> None:
        """Include it as FastAPI does, and serve its direct routes directly."""
        super().include_router(router, **options)
        self._direct.add(router, options.get("prefix", ""))

    def shorten(self, router: APIRouter, path: str, short_cut: ShortCut, *, method: str = "GET") -> None:
        """Ask `short_cut` before the declared route of `router` at `path`; see DirectRoutes."""
        self._direct.shorten(router, path, short_cut, method=method)

    def surround(self, middleware: Callable[[ASGIApp], ASGIApp]) -> None:
        """Put `middleware` around all routes; what `add_middleware` is given does not see direct ones."""
        self._surrounded = middleware(self._surrounded)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve and measure."""
        await self._measured(scope, receive, send)

    async def _within(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._surrounded(scope, receive, send)

    async def _served(self, scope: Scope, receive: Receive, send: Send) -> None:
        unanswered = await self._direct.answered(scope, receive, send)
        if unanswered is not None:
            await self._bounded(scope, unanswered, send)


def create_service_app(
    title: str,
    *,
    description: str,
    health: Health,
    metrics: CollectorRegistry,
    lifespan: Lifespan | None = None,
    bodies: Bodies = USUAL_BODIES,
) -> ServiceApp:
    """An app with `/livez`, `/readyz`, `/metrics` and uniform errors; its documentation is at `/docs`."""
    app = ServiceApp(
        title=title, description=description, version="1.0.0", lifespan=lifespan, metrics=metrics, bodies=bodies
    )
    add_problem_handlers(app)
    complete_openapi(app)

    @app.get("/livez", tags=["operations"], summary="Does this process still make progress?", responses=HEALTH)
    async def livez() -> JSONResponse:
        return _checked(await health.is_alive())

    @app.get("/readyz", tags=["operations"], summary="May this process be sent work?", responses=HEALTH)
    async def readyz() -> JSONResponse:
        return _checked(await health.is_ready())

    @app.get("/metrics", tags=["operations"], summary="Prometheus metrics", response_class=Response, responses=METRICS)
    async def prometheus() -> Response:
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return app


def _checked(answers: "dict[str, bool] | object") -> JSONResponse:
    checks = dict(answers) if isinstance(answers, dict) else {}
    return JSONResponse(
        {"ok": all(checks.values()), "checks": checks}, status_code=200 if all(checks.values()) else 503
    )

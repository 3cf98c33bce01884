"""The FastAPI app that every process serves, worker or door: health, metrics, problem+json; doors add their routers."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from libs.common.http.problems import add_problem_handlers
from libs.common.http.request_metrics import RequestMetrics
from libs.common.observability.health import Health

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_service_app(
    title: str, *, description: str, health: Health, metrics: CollectorRegistry, lifespan: Lifespan | None = None
) -> FastAPI:
    """An app with `/livez`, `/readyz`, `/metrics` and uniform errors; its documentation is at `/docs`."""
    app = FastAPI(title=title, description=description, version="1.0.0", lifespan=lifespan)
    add_problem_handlers(app)
    app.add_middleware(RequestMetrics, registry=metrics)

    @app.get("/livez", tags=["operations"], summary="Does this process still make progress?")
    async def livez() -> JSONResponse:
        return _checked(await health.is_alive())

    @app.get("/readyz", tags=["operations"], summary="May this process be sent work?")
    async def readyz() -> JSONResponse:
        return _checked(await health.is_ready())

    @app.get("/metrics", tags=["operations"], summary="Prometheus metrics", response_class=Response)
    async def prometheus() -> Response:
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return app


def _checked(answers: "dict[str, bool] | object") -> JSONResponse:
    checks = dict(answers) if isinstance(answers, dict) else {}
    return JSONResponse(
        {"ok": all(checks.values()), "checks": checks}, status_code=200 if all(checks.values()) else 503
    )

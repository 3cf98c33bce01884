"""Errors as RFC 9457 problem+json: the one place where a kind of error becomes an HTTP status."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from libs.common.errors import InFlight, Kind, TooManyTries, UsualError
from libs.common.http.rate_limits import RateLimited

STATUS: Mapping[Kind, int] = {
    Kind.INVALID: 422,
    Kind.UNACCEPTABLE: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.OUTDATED: 412,
    Kind.TOO_LARGE: 413,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}
RETRY_AFTER_SECONDS = 1
_log = structlog.get_logger(__name__)


def problem(
    status: int,
    slug: str,
    detail: str,
    context: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An answer that a program can act on (`type` ends in the stable slug) and a person can read."""
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status in {429, 503} else {}
    return JSONResponse(
        {**(context or {}), "type": f"urn:the-usual:problem:{slug}", "title": slug, "status": status, "detail": detail},
        status_code=status,
        headers=retry | dict(headers or {}),
        media_type="application/problem+json",
    )


def _headers_of(error: UsualError) -> Mapping[str, str]:
    """When the caller may come again, where the error knows."""
    if isinstance(error, RateLimited):
        return error.headers
    return {"Retry-After": str(error.wait_seconds)} if isinstance(error, TooManyTries | InFlight) else {}


def problem_of(error: UsualError) -> JSONResponse:
    """The answer that an error of ours is."""
    return problem(STATUS[error.kind], error.slug, error.detail, error.context, _headers_of(error))


def add_problem_handlers(app: FastAPI) -> None:
    """Turn our errors, FastAPI's and anything unforeseen into problem+json."""

    async def on_usual_error(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, UsualError)  # noqa: S101 - registered for this type only
        return problem_of(error)

    async def on_validation_error(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
        places = [
            {
                "pointer": "/" + "/".join(str(step) for step in wrong["loc"][1:]),
                "rule": wrong["type"],
                "message": wrong["msg"],
            }
            for wrong in error.errors()[:20]
        ]
        return problem(422, "invalid-input", "the request does not fit its schema", {"errors": places})

    async def on_http_error(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
        slug = getattr(error, "slug", f"http-{error.status_code}")
        return problem(error.status_code, slug, str(error.detail))

    async def on_disconnect(_request: Request, _error: Exception) -> JSONResponse:
        return problem(
            400, "caller-left", "the caller left before its request was there"
        )  # nobody hears; it is counted

    async def on_bug(request: Request, error: Exception) -> JSONResponse:
        _log.error("unforeseen error", path=request.url.path, error=type(error).__name__, exc_info=error)
        return problem(500, "unforeseen", "this is a fault of ours; nothing was promised")

    app.add_exception_handler(UsualError, on_usual_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(ClientDisconnect, on_disconnect)
    app.add_exception_handler(Exception, on_bug)

"""Rate, errors and duration of every route, as pure ASGI: Starlette's function middleware would cost more than a route."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 2.0)


class RequestMetrics:
    """Counts requests by route template, method and status, and times them."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "http_requests_total", "Requests answered.", ["route", "method", "code"], registry=registry
        )
        self._seconds = Histogram(
            "http_request_seconds", "Time to answer a request.", ["route"], buckets=DURATION_BUCKETS, registry=registry
        )
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and measure its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            requests, seconds = self._figures_of(route, scope["method"], status)
            requests.inc()
            seconds.observe(time.perf_counter() - started)

    def _figures_of(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        """The series of such answers, looked up once: a look-up costs more than a count."""
        known = self._known.get((route, method, status))
        if known is None:
            known = self._requests.labels(route, method, status), self._seconds.labels(route)
            self._known[route, method, status] = known
        return known

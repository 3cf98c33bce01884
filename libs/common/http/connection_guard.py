"""What one connection may cost before it has asked for anything: time, bytes and a place; the server speaks HTTP through it.

uvicorn waits for ever for the end of a request's head or body and for a reader of its answer; this ends such waits.
"""

import asyncio
import logging
from asyncio.events import TimerHandle
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from prometheus_client import CollectorRegistry, Counter
from starlette.responses import Response
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from libs.common.http.problems import problem

_IDLE, _HEAD, _BODY = range(3)
_END_OF_HEAD = b"\r\n\r\n"
_ALWAYS_ANSWERED = frozenset({"/livez", "/readyz", "/metrics"})
# A flood must not fill the log as well: what a caller did wrong is counted, not told.
_logger = logging.getLogger("uvicorn.error.connection")
_logger.setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What a server grants each connection, and how many it holds."""

    head_seconds: float = 5.0
    """From the connection, or the first byte of a further request, to the end of its head."""
    body_seconds: float = 15.0
    """From the first read that left the body unfinished to its end; a door may allow less."""
    idle_seconds: int = 5
    """Between an answer and the next request."""
    write_seconds: float = 10.0
    """For a caller to read on when its answer fills the buffers."""
    head_bytes: int = 32 * 1024
    target_bytes: int = 8 * 1024
    """Of path and query together."""
    connections: int = 2048
    """Above this requests are answered 503; a quarter more, and connections are closed unheard."""


class ConnectionMetrics:
    """Connections that were cut short, by the slug of the reason."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._cut = Counter(
            "http_connections_cut_total",
            "Connections ended by us: too slow, too long, too many, or not HTTP.",
            ["slug"],
            registry=registry,
        )

    def count(self, slug: str) -> None:
        """One more."""
        self._cut.labels(slug).inc()


def _refusal(status: int, slug: str, detail: str) -> Response:
    return problem(status, slug, detail, headers={"Connection": "close"})


REFUSALS: Mapping[str, Response] = {
    "request-too-slow": _refusal(408, "request-too-slow", "the request did not come in time"),
    "head-too-large": _refusal(431, "head-too-large", "the request's head is too long"),
    "target-too-long": _refusal(414, "target-too-long", "path and query are too long"),
    "not-http": _refusal(400, "not-http", "this is no HTTP/1.1 request"),
    "overloaded": _refusal(503, "overloaded", "more connections than this process serves; nothing was taken"),
}
"""Every answer that the server gives before any route has seen the request."""


def guarded(limits: ConnectionLimits, metrics: ConnectionMetrics) -> type["GuardedProtocol"]:
    """The protocol with its limits, as uvicorn's configuration wants it: a class."""
    return type("GuardedProtocol", (GuardedProtocol,), {"limits": limits, "metrics": metrics})


class GuardedProtocol(HttpToolsProtocol):
    """One connection. It has a deadline whenever the next byte is the caller's to send."""

    limits: ClassVar[ConnectionLimits]
    metrics: ClassVar[ConnectionMetrics]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = _logger
        self._stage = _IDLE
        self._head_bytes = 0
        self._read_ended_a_request = False
        self._deadline: TimerHandle | None = None
        self._deadline_is_for_body = False
        self._unread: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the clock, unless there are too many already."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections * 5 // 4:
            self._refuse("overloaded")
        else:
            self._expect(for_body=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock."""
        self._forget_deadline()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; what leaves the caller still owing us bytes has a deadline."""
        limit = self.limits.head_bytes
        if self._stage != _BODY and len(data) > limit and data.find(_END_OF_HEAD, 0, limit) < 0:
            self._refuse("head-too-large")
            return
        self._read_ended_a_request = False
        super().data_received(data)
        if self._stage == _IDLE and self.cycle is not None and not self.cycle.response_complete:
            self._forget_deadline()
        elif not self.transport.is_closing():
            self._wait_on(len(data))

    def _wait_on(self, size: int) -> None:
        if self._stage == _HEAD:
            # Behind the end of another request nobody knows where in the read this head began: its first part is free.
            self._head_bytes += 0 if self._read_ended_a_request else size
            if self._head_bytes > self.limits.head_bytes:
                self._refuse("head-too-large")
                return
        for_body = self._stage == _BODY and not self.cycle.response_complete
        if self._deadline is None or for_body != self._deadline_is_for_body:
            self._expect(for_body=for_body)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._stage = _HEAD
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._stage = _BODY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._stage = _IDLE
        self._read_ended_a_request = True
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        scope = cycle.scope
        slug = None
        if app is service_unavailable:
            if scope["path"] in _ALWAYS_ANSWERED:
                app = self.app
            else:
                slug = "overloaded"
        elif len(scope["raw_path"]) + len(scope["query_string"]) > self.limits.target_bytes:
            slug = "target-too-long"
        if slug is not None:
            self.metrics.count(slug)
            app = REFUSALS[slug]  # type: ignore[assignment]  # Starlette and uvicorn type the same messages differently
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as uvicorn calls it
        """Bytes that are no request: a problem, and the end."""
        self._refuse("not-http")

    def on_response_complete(self) -> None:
        """Ready for the next request, or the end."""
        held_up = bool(self.pipeline) or self._stage == _HEAD
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()
        elif held_up and self._deadline is not None:  # until now it was we who did; the caller's time begins
            self._expect(for_body=self._deadline_is_for_body)

    def timeout_keep_alive_handler(self) -> None:
        """Silent for too long after an answer."""
        self._close()

    def pause_writing(self) -> None:
        """The caller does not read its answer: it has a while to go on."""
        super().pause_writing()
        self._abort_later()

    def resume_writing(self) -> None:
        """It reads on."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _expect(self, *, for_body: bool) -> None:
        self._forget_deadline()
        self._deadline_is_for_body = for_body
        seconds = self.limits.body_seconds if for_body else self.limits.head_seconds
        self._deadline = self.loop.call_later(seconds, self._on_deadline)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_deadline(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.transport.is_closing():
            return
        if self.pipeline or (answering and self._stage != _BODY):  # it is we who hold it up
            self._expect(for_body=self._deadline_is_for_body)
        elif self._stage == _HEAD or answering:
            self._refuse("request-too-slow")
        else:
            self.metrics.count("request-too-slow")
            self._close()

    def _refuse(self, slug: str) -> None:
        """Answer without asking the app, if nothing was answered yet, and close."""
        self.metrics.count(slug)
        self._forget_deadline()
        cycle = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if not (answering and cycle.response_started):
            self.transport.write(_on_the_wire(REFUSALS[slug]))
        if answering:
            cycle.disconnected = True
            cycle.message_event.set()
        self._close()

    def _close(self) -> None:
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self._abort_later()

    def _abort_later(self) -> None:
        if self._unread is None:
            self._unread = self.loop.call_later(self.limits.write_seconds, self.transport.abort)


def _on_the_wire(answer: Response) -> bytes:
    status = HTTPStatus(answer.status_code)
    head = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    head += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*head, b"", bytes(answer.body)])
